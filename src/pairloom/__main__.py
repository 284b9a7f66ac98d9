"""``python -m pairloom`` is the command ``pairloom``."""

from pairloom.cli import main

main()
