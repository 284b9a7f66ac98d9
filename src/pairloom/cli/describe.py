"""``pairloom describe``: what an algorithm takes, or what a model is."""

from __future__ import annotations

from pathlib import Path

from pairloom.algorithms.catalogue import algorithm, algorithm_names
from pairloom.algorithms.contract import Algorithm
from pairloom.artifact import Artifact, load_artifact
from pairloom.cli.metrics import print_metrics
from pairloom.cli.terminal import print_table, say
from pairloom.errors import UserError
from pairloom.hyperparameters import default_text, requirement

__all__ = ["describe"]


def describe(subject: str, /) -> None:
    """Describe an algorithm's channels, metrics and hyperparameters, or a saved model.

    For example:

        pairloom describe factorization-machines
        pairloom describe model.tar.gz

    Parameters
    ----------
    subject
        Name of an algorithm, or a model.tar.gz that Pairloom saved.
    """
    if subject in algorithm_names():
        _describe_algorithm(algorithm(subject))
    elif Path(subject).exists():
        _describe_model(load_artifact(subject))
    else:
        names = ", ".join(algorithm_names())
        raise UserError(f"describe: must be given a model file or one of {names}. Got {subject!r}.")


def _describe_algorithm(kind: type[Algorithm]) -> None:
    say(f"{kind.name}: {kind.summary}\n")
    print_table(
        ["channel", "required", "about"],
        [(c.name, "yes" if c.required else "no", c.doc) for c in kind.channels],
    )
    say("")
    print_table(
        ["metric", "better is", "about"],
        [(m.name, "less" if m.direction == "minimize" else "more", m.doc) for m in kind.metrics],
    )
    say("")
    print_table(
        ["hyperparameter", "must be", "default", "about"],
        [
            (p.wire_name, requirement(p), "required" if p.required else default_text(p), p.doc)
            for p in kind.hyperparameters_type.parameters
            if not p.hidden
        ],
    )


def _describe_model(artifact: Artifact) -> None:
    facts = [("algorithm", artifact.algorithm), ("features", f"{artifact.model.n_features:,}")]
    if artifact.encoder is not None:
        specs = artifact.encoder.specs_
        facts += [(f"column {name}", type(spec).__name__) for name, spec in specs.items()]
        facts += [("joined", name) for name in artifact.encoder.field_names_[len(specs) :]]
        facts.append(("label", artifact.label or "none"))
    facts += list(artifact.hyperparameters.items())
    print_table(["what", "value"], facts)
    if artifact.metrics:
        say("")
        print_metrics(artifact.metrics)
