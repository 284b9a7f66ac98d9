#!/bin/sh
# The AWS CLI: command_line.sh AWS TRAIN TEST N_FEATURES; the last line is the answer of the endpoint.
set -eu
aws=$1 train=$2 test=$3 n_features=$4
PATH=$(dirname "$aws"):$PATH
role=$(aws iam get-role --role-name PairloomExecutionRole --query Role.Arn --output text)
image=382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1

aws s3 mb s3://from-the-shell
mkdir -p files/test && cp "$test" files/test/part-0.protobuf
dd if=/dev/zero of=files/twenty.bin bs=1M count=20 2>/dev/null
aws s3 cp --no-progress "$train" s3://from-the-shell/train/part-0.protobuf
aws s3 sync --no-progress files s3://from-the-shell
aws s3 ls --recursive s3://from-the-shell
rm -r files

aws sagemaker create-training-job --training-job-name from-the-shell --role-arn "$role" \
  --algorithm-specification "TrainingImage=$image,TrainingInputMode=File" \
  --hyper-parameters "feature_dim=$n_features,predictor_type=binary_classifier,num_factors=4,epochs=5" \
  --input-data-config '[
    {"ChannelName": "train", "ContentType": "application/x-recordio-protobuf",
     "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://from-the-shell/train/"}}},
    {"ChannelName": "test", "ContentType": "application/x-recordio-protobuf",
     "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://from-the-shell/test/"}}}]' \
  --output-data-config S3OutputPath=s3://from-the-shell/output \
  --resource-config InstanceType=ml.m5.large,InstanceCount=1,VolumeSizeInGB=1 \
  --stopping-condition MaxRuntimeInSeconds=300
aws sagemaker wait training-job-completed-or-stopped --training-job-name from-the-shell
aws sagemaker list-training-jobs --name-contains shell --query 'TrainingJobSummaries[].TrainingJobStatus' --output text
model=$(aws sagemaker describe-training-job --training-job-name from-the-shell \
  --query ModelArtifacts.S3ModelArtifacts --output text)
aws s3 cp --no-progress "$model" from-the-shell.tar.gz
aws logs get-log-events --log-group-name /aws/sagemaker/TrainingJobs --log-stream-name "$(
  aws logs describe-log-streams --log-group-name /aws/sagemaker/TrainingJobs \
    --log-stream-name-prefix from-the-shell/ --query 'logStreams[0].logStreamName' --output text
)" --start-from-head --query 'events[].message' --output text | tr '\t' '\n' | grep quality_metric

aws sagemaker create-model --model-name from-the-shell --execution-role-arn "$role" \
  --primary-container "Image=$image,ModelDataUrl=$model"
aws sagemaker create-endpoint-config --endpoint-config-name from-the-shell --production-variants \
  VariantName=AllTraffic,ModelName=from-the-shell,InitialInstanceCount=1,InstanceType=ml.m5.large
aws sagemaker create-endpoint --endpoint-name from-the-shell --endpoint-config-name from-the-shell
aws sagemaker wait endpoint-in-service --endpoint-name from-the-shell
aws sagemaker-runtime invoke-endpoint --endpoint-name from-the-shell --content-type application/json \
  --body \
  "{\"instances\": [{\"data\": {\"features\": {\"keys\": [1, 45], \"shape\": [$n_features], \"values\": [1, 1]}}}]}" \
  from-the-shell.json
aws sagemaker delete-endpoint --endpoint-name from-the-shell
aws sagemaker wait endpoint-deleted --endpoint-name from-the-shell
aws sts get-caller-identity
aws s3 rb --force s3://from-the-shell
cat from-the-shell.json
