"""boto3 alone, with its waiters: train, tag, search, deploy, invoke, update, list and delete."""

import json
import sys

import boto3
from botocore.exceptions import ClientError

train_file, test_file, n_features, name = sys.argv[1:]
sagemaker, runtime, s3 = (boto3.client(service) for service in ("sagemaker", "sagemaker-runtime", "s3"))
account = boto3.client("sts").get_caller_identity()["Account"]
role = boto3.client("iam").get_role(RoleName="PairloomExecutionRole")["Role"]["Arn"]
bucket = f"{name}-data"
s3.create_bucket(Bucket=bucket)
s3.upload_file(train_file, bucket, "train/part-0.protobuf")
s3.upload_file(test_file, bucket, "test/part-0.protobuf")
image = "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"


def channel(kind):
    where = {
        "S3DataType": "S3Prefix",
        "S3Uri": f"s3://{bucket}/{kind}/",
        "S3DataDistributionType": "FullyReplicated",
    }
    recordio = "application/x-recordio-protobuf"
    return {"ChannelName": kind, "DataSource": {"S3DataSource": where}, "ContentType": recordio}


def create(job, **more):
    hyperparameters = {
        "feature_dim": n_features,
        "predictor_type": "binary_classifier",
        "num_factors": "4",
        "epochs": "5",
        **more,
    }
    return sagemaker.create_training_job(
        TrainingJobName=job,
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        RoleArn=role,
        HyperParameters=hyperparameters,
        InputDataConfig=[channel("train"), channel("test")],
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/output"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 300},
        Tags=[{"Key": "team", "Value": "films"}],
    )


def refused(operation, **more):
    try:
        operation(**more)
    except ClientError as error:
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
    return None


arn = create(name)["TrainingJobArn"]
sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=name)
job = sagemaker.describe_training_job(TrainingJobName=name)
sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "try"}])
tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
conditions = {"Filters": [{"Name": "TrainingJobName", "Operator": "Equals", "Value": name}]}
found = sagemaker.search(Resource="TrainingJob", SearchExpression=conditions)["Results"]

create(f"{name}-stopped", epochs="1000000")
sagemaker.stop_training_job(TrainingJobName=f"{name}-stopped")
sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=f"{name}-stopped")
stopped = sagemaker.describe_training_job(TrainingJobName=f"{name}-stopped")
create(f"{name}-failed", num_factors="-1")
failed = None
try:
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=f"{name}-failed")
except Exception as error:
    failed = f"{type(error).__name__}: {error.last_response['FailureReason']}"

container = {"Image": image, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role)
for config, weight in ((name, 1), (f"{name}-2", 2)):
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    sagemaker.create_endpoint_config(
        EndpointConfigName=config, ProductionVariants=[{**variant, "InitialVariantWeight": weight}]
    )
sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name)
asked = json.dumps(
    {"instances": [{"data": {"features": {"keys": [1, 45], "shape": [int(n_features)], "values": [1, 1]}}}]}
)
answer = runtime.invoke_endpoint(EndpointName=name, Body=asked, ContentType="application/json")
scores = json.loads(answer["Body"].read())["predictions"]
sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-2")
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name)
updated = sagemaker.describe_endpoint(EndpointName=name)
listed = [endpoint["EndpointName"] for endpoint in sagemaker.list_endpoints(NameContains=name)["Endpoints"]]
sagemaker.delete_endpoint(EndpointName=name)
sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name)

streams = boto3.client("logs").describe_log_streams(
    logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/"
)["logStreams"]
pages = sagemaker.get_paginator("list_training_jobs").paginate(
    NameContains=name, PaginationConfig={"PageSize": 2}
)
refusals = {
    "twice": refused(
        sagemaker.create_model, ModelName=name, PrimaryContainer=container, ExecutionRoleArn=role
    ),
    "missing model": refused(sagemaker.describe_model, ModelName="absent"),
    "missing job": refused(sagemaker.describe_training_job, TrainingJobName="absent"),
    "missing object": refused(s3.get_object, Bucket=bucket, Key="absent"),
    "bad body": refused(runtime.invoke_endpoint, EndpointName="absent", Body=b"x"),
}
for config in (name, f"{name}-2"):
    sagemaker.delete_endpoint_config(EndpointConfigName=config)
sagemaker.delete_model(ModelName=name)
print(
    "\n"
    + json.dumps(
        {
            "account": account,
            "status": job["TrainingJobStatus"],
            "times": [
                job[key].timestamp() for key in ("CreationTime", "TrainingStartTime", "TrainingEndTime")
            ],
            "transitions": [step["Status"] for step in job["SecondaryStatusTransitions"]],
            "tags": tags,
            "found": [result["TrainingJob"]["TrainingJobName"] for result in found],
            "stopped": [stopped["TrainingJobStatus"], stopped["SecondaryStatus"]],
            "failed": failed,
            "scores": scores,
            "variant": answer["InvokedProductionVariant"],
            "updated": [updated["EndpointStatus"], updated["EndpointConfigName"]],
            "listed": listed,
            "streams": [stream["logStreamName"] for stream in streams],
            "jobs": sorted(job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]),
            "refusals": refusals,
        }
    )
)
