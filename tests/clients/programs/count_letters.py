"""An algorithm of one's own, as in a container: counts a letter. It is run with the argument `train`."""

import json
import os
import sys
from pathlib import Path

root = Path(os.environ.get("PAIRLOOM_ML_ROOT", "/opt/ml"))
asked = json.loads((root / "input" / "config" / "hyperparameters.json").read_text())
words = "".join(file.read_text() for file in (root / "input" / "data" / "words").iterdir())
found = words.count(asked["letter"])
print(f"{sys.argv[1]}: found={found}", flush=True)
(root / "model" / "count.json").write_text(json.dumps({asked["letter"]: found}))
