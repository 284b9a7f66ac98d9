"""The environment variables of a training job, and how numbers and switches are read from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pairloom.errors import UserError

__all__ = ["VARIABLES", "Variable", "number", "switch", "whole_number"]


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable: its name, what holds without it, and its sentence."""

    name: str
    default: str
    doc: str


VARIABLES = (
    Variable("PAIRLOOM_ML_ROOT", "/opt/ml", "Folder of the job."),
    Variable("PAIRLOOM_ALGORITHM", "none", "Algorithm, where the command names none; an image bakes it in."),
    Variable("PAIRLOOM_NUM_THREADS", "`SM_NUM_CPUS`", "Threads of parsing and training."),
    Variable(
        "SM_NUM_CPUS", "the cores that affinity and control group leave",
        "Threads, as SageMaker's toolkits say them.",
    ),
    Variable(
        "OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, MKL_NUM_THREADS", "the job's threads",
        "Threads of libraries; set before they are imported.",
    ),
    Variable(
        "PAIRLOOM_PIPE_TIMEOUT_S", "300", "Seconds that a FIFO may be missing, or its writer silent."
    ),
    Variable(
        "PAIRLOOM_SHARD_CHANNELS", "0",
        "1: of a channel that is `ShardedByS3Key`, host n of N reads every N-th file from file n on.",
    ),
    Variable(
        "PAIRLOOM_MODEL_ALGO_1", "0", "1: the model is written in SageMaker's own form too, as `model_algo-1`."
    ),
    Variable(
        "PAIRLOOM_HOSTS_TOKEN", "`TRAINING_JOB_ARN`",
        "Secret that all hosts of a job share. Hosts that are processes of one machine are given one that is drawn "
        "for the job. SageMaker's name of the job can be guessed: it only counts where hosts are reached by their "
        "names, as in the network of their own that SageMaker gives them; with `PAIRLOOM_HOSTS_ADDRESSES` this "
        "variable must be given.",
    ),
    Variable("TRAINING_JOB_ARN", "none", "SageMaker's name of the job."),
    Variable("PAIRLOOM_HOSTS_PORT", "7712", "Where each host listens until all are there."),
    Variable(
        "PAIRLOOM_HOSTS_ADDRESSES", "each at its name",
        "Where hosts are, if not at their names: `algo-1=127.0.0.1:7101,algo-2=127.0.0.1:7102`.",
    ),
    Variable("PAIRLOOM_HOSTS_TIMEOUT_S", "900", "Seconds to wait for all hosts."),
    Variable(
        "PAIRLOOM_SCRIPT_REQUIREMENTS", "check",
        "What is done with a script's `requirements.txt`: `check` fails the job unless all of it is installed, and "
        "fetches nothing; `install` has pip bring it into a folder of the job.",
    ),
)  # fmt: skip

SWITCHES = {"": False, "0": False, "false": False, "1": True, "true": True}


def whole_number(environment: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    """Return an integer in [1, most]; `default` where the variable is missing or empty."""
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
        raise UserError(
            f"{name}: must be an integer in [1, {most}]. Got {text!r}. Correct it, or leave it out."
        )
    return int(text)


def number(environment: Mapping[str, str], name: str, default: float) -> float:
    """Return a finite number above 0; `default` where the variable is missing or empty."""
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise UserError(f"{name}: must be a finite number > 0. Got {text!r}. Correct it, or leave it out.")
    return value


def switch(environment: Mapping[str, str], name: str) -> bool:
    """Return whether a variable is 1 or true; missing, empty, 0 and false are no."""
    text = environment.get(name, "").strip()
    if text.lower() not in SWITCHES:
        raise UserError(f"{name}: must be 1 or 0. Got {text!r}. Correct it, or leave it out.")
    return SWITCHES[text.lower()]
