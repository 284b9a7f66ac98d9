"""The variables that a script finds, as SageMaker's training toolkit sets them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pairloom.container.configuration import Hosts
from pairloom.container.folders import Folders

__all__ = ["arguments_of", "meant", "script_variables"]

SDK_PREFIX = "sagemaker_"


def meant(hyperparameters: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what hyperparameters mean, read as JSON where they are: those of the script, and those of the SDK."""
    values = {name: _value(text) for name, text in hyperparameters.items()}
    own = {name: value for name, value in values.items() if not name.startswith(SDK_PREFIX)}
    return own, {name: value for name, value in values.items() if name.startswith(SDK_PREFIX)}


def arguments_of(hyperparameters: Mapping[str, Any]) -> list[str]:
    """Return ``--name value`` for each hyperparameter, in order; ``-n value`` for one of a single letter."""
    words: list[str] = []
    for name in sorted(hyperparameters):
        words += [f"--{name}" if len(name) > 1 else f"-{name}", _argument(hyperparameters[name])]
    return words


def script_variables(
    folders: Folders,
    hosts: Hosts,
    resources: Mapping[str, Any],
    channels: Mapping[str, Mapping[str, Any]],
    *,
    hyperparameters: Mapping[str, Any],
    sdk: Mapping[str, Any],
    program: str,
    n_threads: int,
) -> dict[str, str]:
    """Return the variables ``SM_…``.

    Parameters
    ----------
    folders : Folders
    hosts : Hosts
    resources : mapping
        ``resourceconfig.json``.
    channels : mapping
        ``inputdataconfig.json``.
    hyperparameters, sdk : mapping
        As `meant` parts them.
    program : str
        The entry point, relative to its folder.
    n_threads : int
    """
    found: dict[str, Any] = {
        "channels": sorted(channels),
        "hps": hyperparameters,
        "user_args": arguments_of(hyperparameters),
        "hosts": list(hosts.names),
        "current_host": hosts.current,
        "network_interface_name": resources.get("network_interface_name", "lo"),
        "num_cpus": n_threads,
        "num_gpus": 0,
        "num_neurons": 0,
        "model_dir": str(folders.model),
        "output_data_dir": str(folders.output_data),
        "output_dir": str(folders.output_data.parent),
        "output_intermediate_dir": str(folders.output_data.parent / "intermediate"),
        "input_dir": str(folders.data.parent),
        "input_config_dir": str(folders.configuration),
        "input_data_config": channels,
        "resource_config": resources,
        "module_name": program.removesuffix(".py"),
        "module_dir": sdk.get("sagemaker_submit_directory", ""),
        "user_entry_point": program,
        "framework_module": "",
        "framework_params": sdk,
        "log_level": sdk.get("sagemaker_container_log_level", 20),
        "is_hetero": False,
        "current_instance_type": resources.get("current_instance_type", "local"),
        "current_instance_group": resources.get("current_group_name", "homogeneousCluster"),
    }
    variables = {f"SM_{name.upper()}": _shown(value) for name, value in found.items()}
    variables |= {f"SM_CHANNEL_{name.upper()}": str(folders.data / name) for name in channels}
    variables |= {f"SM_HP_{name.upper()}": _shown(value) for name, value in hyperparameters.items()}
    environment = {
        ("hyperparameters" if name == "hps" else name): value
        for name, value in found.items()
        if name not in ("channels", "user_args")
    }
    environment["channel_input_dirs"] = {name: str(folders.data / name) for name in channels}
    environment["is_master"] = hosts.rank == 0
    environment["master_hostname"] = hosts.names[0]
    environment["job_name"] = sdk.get("sagemaker_job_name")
    return variables | {"SM_TRAINING_ENV": json.dumps(environment, sort_keys=True)}


def _value(text: object) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _argument(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        items = sorted(value.items())  # pyright: ignore[reportUnknownArgumentType]
        return ",".join(f"{name}={one}" for name, one in items)
    return str(value)
