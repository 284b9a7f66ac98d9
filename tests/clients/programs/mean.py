"""A script of one's own, for script mode: the mean of powers, trained here and served by the functions below."""

import argparse
import json
import os
from pathlib import Path


def model_fn(model_dir):
    return json.loads((Path(model_dir) / "mean.json").read_text())


def input_fn(body, content_type):
    return json.loads(body)["add"]


def predict_fn(number, model):
    return {"sum": model["mean"] + number}


def output_fn(answer, accept):
    return json.dumps(answer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--power", type=int, default=json.loads(os.environ["SM_HPS"]).get("power"))
    parser.add_argument("--name", default=json.loads(os.environ["SM_HPS"]).get("name"))
    told = parser.parse_args()
    files = Path(os.environ["SM_CHANNEL_NUMBERS"]).iterdir()
    powers = [float(line) ** told.power for file in files for line in file.read_text().split()]
    mean = sum(powers) / len(powers)
    print(f"mean={mean}", flush=True)
    learned = {"mean": mean, "name": told.name, "team": os.environ.get("TEAM")}
    (Path(os.environ["SM_MODEL_DIR"]) / "mean.json").write_text(json.dumps(learned))
