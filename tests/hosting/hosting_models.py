"""Models on disk, requests for them, and pools that end with the test."""

import asyncio
import os
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

from pairloom.algorithms.factorization_machines import FactorizationMachines
from pairloom.artifact import Artifact, save_artifact
from pairloom.hosting.pool import PoolLimits, WorkerPool
from pairloom.hosting.worker import WorkerPlan
from pairloom.serving.settings import EndpointSettings
from pairloom.synthetic import planted_ratings

FM = "factorization-machines"
ONE = b'{"instances":[{"data":{"features":{"keys":[1,17],"shape":[50],"values":[1,1]}}}]}'
JSON = [(b"content-type", b"application/json")]


def save_model(path, predictor_type="regressor"):
    rows = planted_ratings(30, 20, 600, noise=0.4).rows()
    rows.labels[:] = rows.labels > rows.labels.mean() if predictor_type != "regressor" else rows.labels
    hyperparameters = {
        "num_factors": "2",
        "predictor_type": predictor_type,
        "feature_dim": str(rows.n_features),
    }
    save_artifact(
        Artifact(FM, FactorizationMachines(hyperparameters).fit({"train": lambda: iter([rows])})), path
    )


def ask(pool, body=ONE, timeout_s=30.0):
    return pool.request(b"POST", b"/invocations", JSON, body, timeout_s=timeout_s)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and ") Z " in stat.read_text())


async def until(condition, seconds=30.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def pool_of(model, n_workers=1, *, module="pairloom.serving.worker", start=True, **more):
    """A pool of workers, started, and ended whatever happens."""
    plan_only = {name: more.pop(name) for name in ("repeatable", "on_log", "environment") if name in more}
    settings = EndpointSettings(access_log=False, timeout_s=more.pop("timeout_s", 20.0))
    with tempfile.TemporaryDirectory(prefix="pairloom-") as folder:
        plan = WorkerPlan(Path(model), settings, Path(folder), module=module, **plan_only)
        pool = WorkerPool(plan, n_workers, PoolLimits(**more))
        try:
            if start:
                await pool.start()
            yield pool
        finally:
            await pool.close(drain_s=0)
        assert not list(Path(folder).iterdir())
