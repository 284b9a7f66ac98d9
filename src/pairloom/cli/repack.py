"""``pairloom repack``: a saved model in another packing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pairloom.artifact import load_artifact, save_artifact
from pairloom.cli.options import Told, told_values
from pairloom.cli.terminal import say

__all__ = ["repack"]


def repack(
    model: Path,
    target: Path,
    /,
    *,
    model_algo_1: Annotated[bool, Parameter(name="--model-algo-1", negative=())] = False,
    told: Told = None,
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
    """
    artifact = load_artifact(model, told=told_values(told))
    save_artifact(artifact, target, model_algo_1=model_algo_1)
    say(f"A model of {artifact.algorithm} with {artifact.model.n_features:,} features saved to {target}")
