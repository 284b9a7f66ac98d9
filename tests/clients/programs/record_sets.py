"""SDK 2's FactorizationMachines class: a record set written and uploaded by the SDK, an endpoint, protobuf answers."""

import json

import numpy as np
import sagemaker
from sagemaker import FactorizationMachines

session = sagemaker.Session()
rng = np.random.default_rng(0)
rows = rng.normal(size=(1200, 6)).astype("float32")
labels = (rows[:, 0] - 2 * rows[:, 1] + rows[:, 2] * rows[:, 3] + 3).astype("float32")

machine = FactorizationMachines(
    role=sagemaker.get_execution_role(),
    instance_count=1,
    instance_type="ml.c5.xlarge",
    num_factors=4,
    predictor_type="regressor",
    epochs=40,
    bias_lr=0.05,
    linear_lr=0.05,
    factors_lr=0.02,
    sagemaker_session=session,
)
machine.fit(
    [
        machine.record_set(rows[:1000], labels[:1000]),
        machine.record_set(rows[1000:], labels[1000:], channel="test"),
    ],
    mini_batch_size=100,
)
predictor = machine.deploy(initial_instance_count=1, instance_type="ml.m5.large")
answers = predictor.predict(rows[1000:1200])
scores = [float(record.label["score"].float32_tensor.values[0]) for record in answers]
predictor.delete_model()
predictor.delete_endpoint()
job = session.describe_training_job(machine.latest_training_job.name)
print(
    "\n"
    + json.dumps(
        {
            "rmse": float(np.sqrt(np.mean((np.array(scores) - labels[1000:]) ** 2))),
            "spread": float(labels.std()),
            "channels": [channel["ChannelName"] for channel in job["InputDataConfig"]],
        }
    )
)
