"""``python -m pairloom.container``."""

from pairloom.container.entry import main

main()
