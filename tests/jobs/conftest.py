"""Jobs are processes with locks and FIFOs, which Windows lacks."""

import sys

collect_ignore_glob = ["test_*.py"] if sys.platform == "win32" else []
