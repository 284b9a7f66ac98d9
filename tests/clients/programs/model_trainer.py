"""SDK 3: ModelTrainer on a built-in algorithm, ModelBuilder's deployment, and the resource classes."""

import json
import sys

import boto3
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, TrainingJob
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant
from sagemaker.core.training.configs import Compute, InputData
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer

train_file, test_file, n_features = sys.argv[1:]
session = Session()
role, bucket = get_execution_role(), session.default_bucket()
image = f"382416733822.dkr.ecr.{session.boto_region_name}.amazonaws.com/factorization-machines:1"
s3 = boto3.client("s3")
s3.upload_file(train_file, bucket, "three/train/part-0.protobuf")
s3.upload_file(test_file, bucket, "three/test/part-0.protobuf")

trainer = ModelTrainer(
    training_image=image,
    role=role,
    base_job_name="three",
    sagemaker_session=session,
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={
        "feature_dim": int(n_features),
        "predictor_type": "binary_classifier",
        "num_factors": 4,
        "epochs": 12,
        "mini_batch_size": 200,
    },
)
recordio = "application/x-recordio-protobuf"
trainer.train(
    input_data_config=[
        InputData(channel_name="train", data_source=f"s3://{bucket}/three/train/", content_type=recordio),
        InputData(channel_name="test", data_source=f"s3://{bucket}/three/test/", content_type=recordio),
    ]
)
job = TrainingJob.get(trainer._latest_training_job.training_job_name)

asked = json.dumps(
    {"instances": [{"data": {"features": {"keys": [1, 45], "shape": [int(n_features)], "values": [1, 1]}}}]}
)
builder = ModelBuilder(
    model=trainer, image_uri=image, role_arn=role, sagemaker_session=session, instance_type="ml.m5.large"
)
builder.build()
built = builder.deploy(endpoint_name="three-built", initial_instance_count=1, instance_type="ml.m5.large")
by_builder = json.loads(built.invoke(asked, content_type="application/json").body.read())

container = ContainerDefinition(image=image, model_data_url=job.model_artifacts.s3_model_artifacts)
model = Model.create(model_name="three", primary_container=container, execution_role_arn=role)
config = EndpointConfig.create(
    endpoint_config_name="three",
    production_variants=[
        ProductionVariant(
            variant_name="AllTraffic",
            model_name="three",
            initial_instance_count=1,
            instance_type="ml.m5.large",
        )
    ],
)
endpoint = Endpoint.create(endpoint_name="three", endpoint_config_name="three")
endpoint.wait_for_status("InService", poll=1)
answer = endpoint.invoke(asked, content_type="application/json", accept="application/json")
by_resource = json.loads(answer.body.read())
names = [found.training_job_name for found in TrainingJob.get_all(name_contains="three")]

for made in (endpoint, config, model, built):
    made.delete()
print(
    "\n"
    + json.dumps(
        {
            "status": job.training_job_status,
            "metrics": {metric.metric_name: metric.value for metric in job.final_metric_data_list},
            "answers": [by_builder["predictions"], by_resource["predictions"]],
            "variant": answer.invoked_production_variant,
            "listed": job.training_job_name in names,
        }
    )
)
