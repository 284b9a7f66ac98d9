"""SDK 2's generic Estimator: Pipe mode, analytics, attach, an endpoint that captures its data, batch transform."""

import io
import json
import time

import numpy as np
import sagemaker
from sagemaker import image_uris
from sagemaker.amazon.common import write_spmatrix_to_sparse_tensor
from sagemaker.analytics import TrainingJobAnalytics
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model_monitor import DataCaptureConfig
from sagemaker.s3 import S3Downloader
from sagemaker.serializers import JSONSerializer
from scipy.sparse import csr_matrix

session = sagemaker.Session()
role, bucket = sagemaker.get_execution_role(), session.default_bucket()

rng = np.random.default_rng(0)
n_rows, n_users, n_items = 4000, 40, 30
users, items = rng.integers(0, n_users, n_rows), rng.integers(0, n_items, n_rows)
taste = rng.normal(size=n_users)[users] + rng.normal(size=n_items)[items]
labels = (taste > 0).astype("float32")
columns = np.stack([users, n_users + items], axis=1).ravel()
rows = csr_matrix(
    (np.ones(2 * n_rows, "float32"), columns, np.arange(0, 2 * n_rows + 1, 2)), (n_rows, n_users + n_items)
)
for name, part in {"train": slice(0, 3500), "test": slice(3500, None)}.items():
    buffer = io.BytesIO()
    write_spmatrix_to_sparse_tensor(buffer, rows[part], labels[part])
    buffer.seek(0)
    session.boto_session.resource("s3").Object(bucket, f"generic/{name}/part-0.protobuf").upload_fileobj(
        buffer
    )

estimator = Estimator(
    image_uris.retrieve("factorization-machines", session.boto_region_name),
    role,
    instance_count=1,
    instance_type="ml.m5.large",
    input_mode="Pipe",
    output_path=f"s3://{bucket}/generic/output",
    base_job_name="generic",
    sagemaker_session=session,
    tags=[{"Key": "team", "Value": "films"}],
    max_run=600,
)
estimator.set_hyperparameters(
    feature_dim=n_users + n_items,
    predictor_type="binary_classifier",
    num_factors=4,
    epochs=12,
    mini_batch_size=100,
    bias_lr=0.05,
    linear_lr=0.05,
    factors_lr=0.01,
)
recordio = "application/x-recordio-protobuf"
estimator.fit(
    {
        "train": TrainingInput(f"s3://{bucket}/generic/train/", content_type=recordio, input_mode="Pipe"),
        "test": TrainingInput(f"s3://{bucket}/generic/test/", content_type=recordio),
    }
)
job = estimator.latest_training_job.name
attached = Estimator.attach(job, sagemaker_session=session)
metrics = [m["MetricName"] for m in session.describe_training_job(job)["FinalMetricDataList"]]
analytics = TrainingJobAnalytics(job, metric_names=metrics).dataframe()

predictor = attached.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    serializer=JSONSerializer(),
    deserializer=JSONDeserializer(),
    data_capture_config=DataCaptureConfig(
        enable_capture=True, sampling_percentage=100, destination_s3_uri=f"s3://{bucket}/generic/capture"
    ),
)
asked = {"instances": [{"features": row.tolist()} for row in rows[3500:3510].toarray()]}
answers = [prediction["score"] for prediction in predictor.predict(asked)["predictions"]]

captured, deadline = [], time.monotonic() + 60
while not captured and time.monotonic() < deadline:
    captured = S3Downloader.list(f"s3://{bucket}/generic/capture", sagemaker_session=session)
    time.sleep(0.2)
record = json.loads(S3Downloader.read_file(captured[0], sagemaker_session=session).splitlines()[0])
predictor.delete_endpoint()

lines = "\n".join(
    "\n" + json.dumps({"data": {"features": {"values": row.tolist()}}}) for row in rows[3500:3510].toarray()
)
session.upload_string_as_file_body(lines, bucket, "generic/batch/rows.jsonl")
transformer = attached.transformer(
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/generic/scores",
    accept="application/jsonlines",
    assemble_with="Line",
    strategy="MultiRecord",
)
transformer.transform(
    f"s3://{bucket}/generic/batch/",
    content_type="application/jsonlines",
    split_type="Line",
    wait=True,
    logs=True,
)
batch = S3Downloader.read_file(f"{transformer.output_path}/rows.jsonl.out", sagemaker_session=session)

transformer.delete_model()
print(
    "\n"
    + json.dumps(
        {
            "hyperparameters": attached.hyperparameters(),
            "metrics": metrics,
            "analytics": sorted(set(analytics["metric_name"])),
            "answers": answers,
            "labels": labels[3500:3510].tolist(),
            "captured": record["captureData"],
            "batch": [json.loads(line)["score"] for line in batch.splitlines()],
            "tags": session.list_tags(session.describe_training_job(job)["TrainingJobArn"]),
        }
    )
)
