"""Requests for training jobs, and what they are made on."""

import io
import json
import sys

import numpy as np

from pairloom.formats import write_rows
from pairloom.rows import RowBatch
from pairloom.synthetic import planted_ratings

REGISTRY = "382416733822.dkr.ecr.us-east-1.amazonaws.com"
FM = f"{REGISTRY}/factorization-machines:1"
ROLE = "arn:aws:iam::123456789012:role/service-role/StubRole"
BUCKET = "a-bucket"
FM_HYPERPARAMETERS = {
    "feature_dim": "60", "predictor_type": "regressor", "num_factors": "4", "epochs": "2", "mini_batch_size": "200",
}  # fmt: skip


def small_rows(random_state=0):
    """600 ratings of 40 users for 20 items, one-hot."""
    return planted_ratings(40, 20, 600, 2, min_ratings=5, random_state=random_state).rows()


def recordio(rows, folder):
    """Rows as bytes of a RecordIO-protobuf file."""
    path = folder / "rows.pbr"
    write_rows([rows], path, content_type="application/x-recordio-protobuf")
    return path.read_bytes()


def put_rows(objects, tmp_path, prefix="train", n_files=1):
    """Put the small rows into the bucket, in so many objects."""
    rows = small_rows()
    edges = np.linspace(0, rows.n_rows, n_files + 1).astype(int)
    for number in range(n_files):
        content = recordio(rows.part(edges[number], edges[number + 1]), tmp_path)
        objects.put(BUCKET, f"{prefix}/part-{number}.pbr", io.BytesIO(content))
    return rows


def channel(name, uri=None, *, s3=None, **more):
    source = {"S3DataType": "S3Prefix", "S3Uri": uri or f"s3://{BUCKET}/{name}"} | (s3 or {})
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}} | more


def fm_job(name, *, channels=None, image=FM, mode="File", hyperparameters=(), **more):
    """The request of a job that trains on the channel "train"."""
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": mode},
        "RoleArn": ROLE,
        **({} if channels == [] else {"InputDataConfig": channels or [channel("train")]}),
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "ResourceConfig": {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "HyperParameters": FM_HYPERPARAMETERS | dict(hyperparameters),
    } | more


def own_job(name, **more):
    """The request of a job that runs the image "mine", which `own_images` maps to a piece of Python."""
    return fm_job(name, image="mine:latest", channels=more.pop("channels", []), **more) | {
        "HyperParameters": {}
    }


def own_images(script):
    """The setting that has the image "mine" run a piece of Python; its second argument is the job's root."""
    return {
        "mine": [sys.executable, "-c", "import os, sys; ROOT = os.environ['PAIRLOOM_ML_ROOT']\n" + script]
    }


def manifest(prefix, *names):
    return json.dumps([{"prefix": prefix}, *names]).encode()


def dense_rows(n_rows=60, n_features=4):
    """Dense rows without labels, for algorithms that need none."""
    values = np.random.default_rng(0).normal(size=(n_rows, n_features)).astype(np.float32)
    indptr = np.arange(0, values.size + 1, n_features, dtype=np.int64)
    indices = np.tile(np.arange(n_features, dtype=np.int32), n_rows)
    return RowBatch(indptr, indices, values.ravel(), n_features)
