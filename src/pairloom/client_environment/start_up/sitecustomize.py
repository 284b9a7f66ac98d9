"""Sends AWS addresses that a program names outright to the service that AWS_ENDPOINT_URL names.

Python imports this file at its start, because ``pairloom run`` puts the folder into PYTHONPATH. The variable
AWS_ENDPOINT_URL moves every client of boto3 but those made with an ``endpoint_url`` of their own, and every
generation of the SageMaker SDK makes its STS client with ``https://sts.REGION.amazonaws.com``. One function of
botocore is wrapped when the program imports botocore, and nothing else. Standard library only, since it runs in the
program's own environment.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

AWS_HOSTS = ("amazonaws.com", "amazonaws.com.cn", "api.aws", "amazonwebservices.com.cn")


def is_aws(url: object) -> bool:
    """Whether a URL names a host of AWS."""
    host = (urlsplit(url).hostname or "") if isinstance(url, str) else ""
    return any(host == name or host.endswith("." + name) for name in AWS_HOSTS)


def redirect(session_class: Any) -> None:
    """Make clients that were told an address of AWS ask the environment for theirs."""
    create_client = session_class.create_client

    def create(self: Any, *arguments: Any, **more: Any) -> Any:
        if is_aws(more.get("endpoint_url")):
            more["endpoint_url"] = None
        return create_client(self, *arguments, **more)

    session_class.create_client = create


class WhenBotocoreIsImported:
    """Finder that wraps ``botocore.session.Session`` once the module is loaded, and leaves."""

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find ``botocore.session`` as the other finders do, with a loader that wraps its class afterwards."""
        if name != "botocore.session":
            return None
        sys.meta_path.remove(cls)
        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            redirect(module.Session)

        spec.loader.exec_module = exec_module
        return spec


def run_the_next_one() -> None:
    """Import the ``sitecustomize`` that this file hides, if the program's environment has one."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib would slow every start
    spec = PathFinder.find_spec(__name__, [path for path in sys.path if os.path.abspath(path) != here])  # noqa: PTH100
    if spec is not None and spec.loader is not None:
        module = sys.modules[__name__] = module_from_spec(spec)
        spec.loader.exec_module(module)


if os.environ.get("AWS_ENDPOINT_URL"):
    sys.meta_path.insert(0, WhenBotocoreIsImported)
run_the_next_one()
