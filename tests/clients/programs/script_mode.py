"""SDK 2's script mode: an entry point of one's own in a framework's image, trained, failing, and as an endpoint."""

import json
import sys
from pathlib import Path

import boto3
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.s3 import S3Downloader
from sagemaker.serializers import JSONSerializer
from sagemaker.sklearn import SKLearn

folder = Path(sys.argv[1])
session = sagemaker.Session()
data = session.upload_data(str(folder / "numbers"), key_prefix="script/numbers")
estimator = SKLearn(
    entry_point="mean.py",
    source_dir=str(folder / "source"),
    role=sagemaker.get_execution_role(),
    framework_version="1.2-1",
    py_version="py3",
    instance_count=1,
    instance_type="ml.m5.large",
    hyperparameters={"power": 2, "name": "a film"},
    metric_definitions=[{"Name": "mean", "Regex": r"mean=([0-9.]+)"}],
    environment={"TEAM": "films"},
    sagemaker_session=session,
)
estimator.fit({"numbers": data})
job = boto3.client("sagemaker").describe_training_job(TrainingJobName=estimator.latest_training_job.name)
S3Downloader.download(estimator.model_data, str(folder / "model"), sagemaker_session=session)

predictor = estimator.deploy(1, "ml.m5.large", serializer=JSONSerializer(), deserializer=JSONDeserializer())
answer = predictor.predict({"add": 1})
predictor.delete_endpoint()

estimator.set_hyperparameters(power="nonsense")
try:
    estimator.fit({"numbers": data}, logs=None)
    failure = None
except sagemaker.exceptions.UnexpectedStatusException as error:
    failure = str(error)
print(
    "\n"
    + json.dumps(
        {
            "status": job["TrainingJobStatus"],
            "metrics": {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]},
            "answer": answer,
            "failure": failure,
        }
    )
)
