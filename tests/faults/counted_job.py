"""A training program that tells a file outside of its folder when it begins and when it ends."""

import json
import os
import sys
import time

outside = sys.argv[1]
root = os.environ["PAIRLOOM_ML_ROOT"]
name = os.environ["TRAINING_JOB_NAME"]


def tell(what):
    with open(outside, "a") as file:  # noqa: PTH123 - one write, which O_APPEND keeps whole
        file.write(json.dumps({"job": name, "what": what, "pid": os.getpid()}) + "\n")


tell("begin")
with open(f"{root}/input/config/hyperparameters.json") as file:  # noqa: PTH123
    time.sleep(float(json.load(file).get("seconds", "0")))
with open(f"{root}/model/answer", "w") as file:  # noqa: PTH123
    file.write(name)
tell("end")
