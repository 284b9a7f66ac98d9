"""The movie recommender as notebooks of 2018 have it, on SDK 1: MovieLens-100K, will a user like a film?

movie_recommender.py FOLDER MODEL: u files are in FOLDER; the model that was trained is copied to MODEL.
"""

import csv
import gzip
import io
import json
import sys
import time

import boto3
import numpy as np
import sagemaker
import sagemaker.amazon.common as smac
from sagemaker import get_execution_role
from sagemaker.predictor import json_deserializer
from scipy.sparse import lil_matrix

num_users, num_movies = 943, 1682
num_features = num_users + num_movies
folder, model_file = sys.argv[1:]


def load(filename, lines):
    X, Y = lil_matrix((lines, num_features), dtype="float32"), []
    with gzip.open(f"{folder}/{filename}", "rt") as f:
        for line, (user, movie, rating, _) in enumerate(csv.reader(f, delimiter="\t")):
            X[line, int(user) - 1] = 1
            X[line, num_users + int(movie) - 1] = 1
            Y.append(1 if int(rating) >= 4 else 0)
    return X, np.array(Y, dtype="float32")


X_train, Y_train = load("ua.base.gz", 90570)
X_test, Y_test = load("ua.test.gz", 9430)

bucket, prefix = sagemaker.Session().default_bucket(), "sagemaker/fm-movielens"


def write_protobuf(X, Y, key):
    buf = io.BytesIO()
    smac.write_spmatrix_to_sparse_tensor(buf, X, Y)
    buf.seek(0)
    boto3.resource("s3").Bucket(bucket).Object(f"{prefix}/{key}").upload_fileobj(buf)
    return f"s3://{bucket}/{prefix}/{key}"


train_data = write_protobuf(X_train, Y_train, "train/train.protobuf")
test_data = write_protobuf(X_test, Y_test, "test/test.protobuf")
output_prefix = f"s3://{bucket}/{prefix}/output"

containers = {
    "us-west-2": "174872318107.dkr.ecr.us-west-2.amazonaws.com/factorization-machines:latest",
    "us-east-1": "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:latest",
    "eu-west-1": "438346466558.dkr.ecr.eu-west-1.amazonaws.com/factorization-machines:latest",
}
fm = sagemaker.estimator.Estimator(
    containers[boto3.Session().region_name],
    get_execution_role(),
    train_instance_count=1,
    train_instance_type="ml.c4.xlarge",
    output_path=output_prefix,
    sagemaker_session=sagemaker.Session(),
)
fm.set_hyperparameters(
    feature_dim=num_features,
    predictor_type="binary_classifier",
    mini_batch_size=1000,
    num_factors=64,
    epochs=100,
)
began = time.time()
fm.fit({"train": train_data, "test": test_data})
fitted = time.time()

fm_predictor = fm.deploy(instance_type="ml.c4.xlarge", initial_instance_count=1)
deployed = time.time()


def fm_serializer(data):
    return json.dumps({"instances": [{"features": row.tolist()} for row in data]})


fm_predictor.content_type = "application/json"
fm_predictor.serializer = fm_serializer
fm_predictor.deserializer = json_deserializer
result = fm_predictor.predict(X_test[1000:1010].toarray())
print(result)
print(Y_test[1000:1010])

_, _, model_bucket, key = fm.model_data.split("/", 3)
boto3.client("s3").download_file(model_bucket, key, model_file)
fm_predictor.delete_endpoint()
job = boto3.client("sagemaker").describe_training_job(TrainingJobName=fm.latest_training_job.name)
print(
    "\n"
    + json.dumps(
        {
            "result": result,
            "rows": [[int(i) for i in row.nonzero()[1]] for row in X_test[1000:1010].tocsr()],
            "status": job["TrainingJobStatus"],
            "metrics": {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]},
            "fit_s": fitted - began,
            "deploy_s": deployed - fitted,
            "seconds": (job["TrainingEndTime"] - job["CreationTime"]).total_seconds(),
        }
    )
)
