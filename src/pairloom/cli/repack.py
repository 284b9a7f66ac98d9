"""``pairloom repack``: a saved model in another packing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pairloom.artifact import load_artifact, save_artifact
from pairloom.cli.terminal import say
from pairloom.errors import UserError

__all__ = ["repack"]


def repack(
    model: Path,
    target: Path,
    /,
    *,
    model_algo_1: Annotated[bool, Parameter(name="--model-algo-1", negative=())] = False,
    told: Annotated[list[str] | None, Parameter(negative=(), consume_multiple=False)] = None,
) -> None:
    """Load a model and save it anew, such as one that SageMaker trained.

    For example:

        pairloom repack downloaded/model.tar.gz model.tar.gz
        pairloom repack downloaded/model.tar.gz model.tar.gz --told predictor_type=regressor
        pairloom repack model.tar.gz for-sagemaker.tar.gz --model-algo-1

    Parameters
    ----------
    model
        A model.tar.gz that Pairloom saved or SageMaker trained, or a folder with its contents.
    target
        The model.tar.gz to write.
    model_algo_1
        Add the model in the form of SageMaker's own algorithm, a file model_algo-1.
    told
        Hyperparameter NAME=VALUE that SageMaker's file does not tell; may be repeated.
    """
    words = [word.partition("=") for word in told or ()]
    for name, equals, _ in words:
        if not equals:
            raise UserError(f"--told must be NAME=VALUE. Got {name!r}.")
    artifact = load_artifact(model, told={name.strip(): value.strip() for name, _, value in words})
    save_artifact(artifact, target, model_algo_1=model_algo_1)
    say(f"A model of {artifact.algorithm} with {artifact.model.n_features:,} features saved to {target}")
