"""An algorithm of one's own, by the name of its image: its hyperparameters, channel, metric, log and model."""

import json
import sys

import boto3
import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.s3 import S3Downloader

image, file, folder = sys.argv[1:]
session = sagemaker.Session()
data = session.upload_data(file, key_prefix="own/words")
estimator = Estimator(
    image,
    sagemaker.get_execution_role(),
    instance_count=1,
    instance_type="ml.m5.large",
    hyperparameters={"letter": "e"},
    metric_definitions=[{"Name": "found", "Regex": r"found=([0-9]+)"}],
    sagemaker_session=session,
)
estimator.fit({"words": data})
S3Downloader.download(estimator.model_data, folder, sagemaker_session=session)
job = boto3.client("sagemaker").describe_training_job(TrainingJobName=estimator.latest_training_job.name)
metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
print("\n" + json.dumps({"status": job["TrainingJobStatus"], "metrics": metrics}))
