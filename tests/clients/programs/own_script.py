"""SDK 3: a script of one's own, by ModelTrainer, in a framework's image; it asks the service for itself."""

import io
import json
import sys
import tarfile
from pathlib import Path

import boto3
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import TrainingJob
from sagemaker.core.training.configs import Compute, InputData, SourceCode
from sagemaker.train import ModelTrainer

folder = Path(sys.argv[1])
(folder / "train.py").write_text("""
import argparse, os
import boto3
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
asked = parser.parse_args()
account = boto3.client("sts").get_caller_identity()["Account"]
rows = open(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "a.csv")).read().strip()
open("/opt/ml/model/told", "w").write(f"{asked.epochs} {rows} {account}")
""")
session = Session()
role, bucket = get_execution_role(), session.default_bucket()
s3 = boto3.client("s3")
s3.put_object(Bucket=bucket, Key="own-script/a.csv", Body=b"1,2\n")
trainer = ModelTrainer(
    training_image=f"763104351884.dkr.ecr.{session.boto_region_name}.amazonaws.com/pytorch-training:2.1-cpu-py310",
    role=role,
    base_job_name="own-script",
    sagemaker_session=session,
    source_code=SourceCode(source_dir=str(folder), entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"epochs": 3},
)
trainer.train(input_data_config=[InputData(channel_name="train", data_source=f"s3://{bucket}/own-script/")])
job = TrainingJob.get(trainer._latest_training_job.training_job_name)
place = job.model_artifacts.s3_model_artifacts.removeprefix(f"s3://{bucket}/")
with tarfile.open(fileobj=io.BytesIO(s3.get_object(Bucket=bucket, Key=place)["Body"].read())) as archive:
    told = archive.extractfile("told").read().decode()
print("\n" + json.dumps({"status": job.training_job_status, "told": told}))
