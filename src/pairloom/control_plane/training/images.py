"""What an image name of a request means on this machine."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pairloom.algorithms.catalogue import algorithm, algorithm_names
from pairloom.algorithms.description import definitions_of
from pairloom.errors import UserError

__all__ = ["Program", "built_in_of", "metric_definitions_of", "program_of"]

ALIASES = {"sagemaker-xgboost": "xgboost"}
"""Names of images that SageMaker gives an algorithm beside its own."""
PROGRAM, SUBMITTED = "sagemaker_program", "sagemaker_submit_directory"
NO_IMAGE = (
    "Cannot pull algorithm container. Either the image does not exist or its permissions are incorrect."
)


@dataclass(frozen=True, slots=True)
class Program:
    """What a job runs.

    Parameters
    ----------
    command : sequence of str
    is_built_in : bool
        Whether it is an algorithm of the catalogue: reads its files only, may be begun again.
    source : str, optional
        Address of the code of script mode.
    """

    command: tuple[str, ...]
    is_built_in: bool
    source: str | None = None


def built_in_of(image: str) -> str | None:
    """Return the algorithm that an image names, in whatever registry and of whatever tag; None for other images."""
    repository = image.rpartition("/")[2]
    name = re.split(r"[:@]", repository, maxsplit=1)[0]
    name = ALIASES.get(name, name)
    return name if name in algorithm_names() else None


def program_of(
    specification: Mapping[str, Any], hyperparameters: Mapping[str, str], images: Mapping[str, Sequence[str]]
) -> Program:
    """Return what a training job runs.

    An image that the settings map to a command goes first, with the ``ContainerArguments`` of the job, else ``train``,
    behind it; then script mode, if the hyperparameters ask for it; then the algorithms of the catalogue.

    Parameters
    ----------
    specification : mapping
        ``AlgorithmSpecification`` of the request.
    hyperparameters : mapping of str to str
    images : mapping of str to sequence of str
        Command by image, with or without its registry and its tag; the more exact name goes first.

    Raises
    ------
    UserError
        If the image means nothing here.
    """
    image = specification.get("TrainingImage") or specification.get("AlgorithmName") or ""
    own = next((images[name] for name in _names_of(image) if name in images), None)
    if own is not None:
        return Program((*own, *(specification.get("ContainerArguments") or ("train",))), is_built_in=False)
    if PROGRAM in hyperparameters:
        return Program(
            (sys.executable, "-m", "pairloom.container.script_mode"),
            is_built_in=False,
            source=_unquoted(hyperparameters.get(SUBMITTED, "")),
        )
    if specification.get("ContainerEntrypoint"):
        command = (*specification["ContainerEntrypoint"], *(specification.get("ContainerArguments") or ()))
        return Program(command, is_built_in=False)
    name = built_in_of(image)
    if name is None:
        known = ", ".join(algorithm_names())
        raise UserError(
            f"{NO_IMAGE} Got {image!r}; the algorithms here are {known}. Map an image of your own to a command with "
            "the setting 'images'."
        )
    return Program((sys.executable, "-m", "pairloom.container", name), is_built_in=True)


def metric_definitions_of(specification: Mapping[str, Any]) -> dict[str, str]:
    """Return the expressions of the algorithm's metrics and of the job's own, which go before them."""
    image = specification.get("TrainingImage") or specification.get("AlgorithmName") or ""
    name = built_in_of(image)
    found = {} if name is None else definitions_of(algorithm(name))
    own = {given["Name"]: given["Regex"] for given in specification.get("MetricDefinitions", [])}
    return found | own


def _unquoted(text: str) -> str | None:
    """Return what a hyperparameter says; SDKs write it as JSON."""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return value if isinstance(value, str) and value else None


def _names_of(image: str) -> tuple[str, ...]:
    registry, slash, name = image.rpartition("/")
    bare = re.split(r"[:@]", name, maxsplit=1)[0]
    return image, registry + slash + bare, name, bare
