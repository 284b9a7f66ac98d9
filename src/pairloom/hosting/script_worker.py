"""A worker that answers by somebody's own script: ``python -m pairloom.hosting.script_worker``.

As `pairloom.serving.worker`, with variables instead of an artifact: ``SAGEMAKER_PROGRAM``, ``PAIRLOOM_SCRIPT_CODE``
(its folder), ``PAIRLOOM_SCRIPT_PACKAGES`` (folder of what it requires, or none) and ``PAIRLOOM_SCRIPT_MEMORY`` (most
private memory in bytes, or none). The model of its orders is a folder with the model data.
"""

from __future__ import annotations

import os
import resource
import sys
import traceback
from pathlib import Path

from pairloom.errors import UserError
from pairloom.serving.orders import Orders
from pairloom.serving.scoring import Answering
from pairloom.serving.worker import main as work

__all__ = ["script_model"]


def script_model(orders: Orders) -> Answering:
    """Import the script of this process's environment and load its model."""
    limit = os.environ.get("PAIRLOOM_SCRIPT_MEMORY")
    if limit:
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        allowed = int(limit) if most == resource.RLIM_INFINITY else min(int(limit), most)
        resource.setrlimit(resource.RLIMIT_DATA, (allowed, most))
    if packages := os.environ.get("PAIRLOOM_SCRIPT_PACKAGES"):
        sys.path.insert(0, packages)
    from pairloom.hosting.script_model import ScriptModel, import_script

    try:
        module = import_script(Path(os.environ["PAIRLOOM_SCRIPT_CODE"]), os.environ["SAGEMAKER_PROGRAM"])
        return ScriptModel(module, Path(orders.model), default_accept=orders.settings.default_accept)
    except UserError:
        traceback.print_exc()  # the log of the endpoint tells where in the script it was
        raise


if __name__ == "__main__":
    sys.exit(work(script_model))
