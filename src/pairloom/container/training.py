"""One training job from its configuration to its model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from pairloom.algorithms.catalogue import algorithm, algorithm_names
from pairloom.algorithms.checkpoints import NO_CHECKPOINTS, Checkpoints
from pairloom.algorithms.contract import Algorithm, Model, RowSource
from pairloom.algorithms.conventions import check_channels_of, conventions_of, reading_options_of
from pairloom.algorithms.log_lines import LogLines, configuration_lines, information_line
from pairloom.algorithms.sagemaker_artifacts import FORMS
from pairloom.artifact import Artifact
from pairloom.collective import Collective, together
from pairloom.container.channels import open_channels
from pairloom.container.checkpoints import FolderCheckpoints, identity
from pairloom.container.configuration import (
    Hosts,
    checkpoints_folder,
    hyperparameters,
    input_channels,
    resources,
)
from pairloom.container.folders import Folders
from pairloom.container.hosts import join
from pairloom.container.listener import JobListener
from pairloom.container.outputs import save_metrics, save_model
from pairloom.container.raw_columns import raw_channels, without_raw_columns
from pairloom.container.stopping import StopRequest
from pairloom.container.variables import switch
from pairloom.errors import PairloomError, UserError

if TYPE_CHECKING:
    from pairloom.encoding import FeatureEncoder

__all__ = ["train"]

NAME_VARIABLE, FORM_VARIABLE = "PAIRLOOM_ALGORITHM", "PAIRLOOM_MODEL_ALGO_1"
Write = Callable[[str], None]


def train(
    folders: Folders,
    name: str | None,
    *,
    n_threads: int,
    environment: Mapping[str, str],
    stop: StopRequest,
    write: Write,
) -> None:
    """Run the job that lies in `folders`.

    Parameters
    ----------
    folders : Folders
    name : str, optional
        The algorithm; default ``PAIRLOOM_ALGORITHM``, which an image bakes in.
    n_threads : int
    environment : mapping of str to str
    stop : StopRequest
        When it is set, training ends and the model so far is saved.
    write : callable
        Takes a line of the log.

    Raises
    ------
    PairloomError
        Whatever keeps the job from its model.
    """
    if not folders.root.is_dir():
        raise UserError(
            f"Training job: {folders.root} must be a folder with input/config and input/data. "
            "Got nothing by that name. Name another root in PAIRLOOM_ML_ROOT."
        )
    folders.failure.unlink(missing_ok=True)
    kind = _algorithm(name or environment.get(NAME_VARIABLE))
    told = _declared(hyperparameters(folders), kind)
    given = without_raw_columns(told)
    for line in _configuration(kind, told, folders):
        write(line)
    asked = kind(given)
    job = Job(folders, kind, given, resources(folders), _wants_model_algo_1(environment, kind), stop, write)
    channels = input_channels(folders)
    raw = raw_channels(told, channels, len(job.hosts.names))
    job.raw_words = {} if raw is None else raw.asked.to_strings()
    tables = {} if raw is None else {name: channels[name] for name in raw.table_of.values()}
    channels = {name: words for name, words in channels.items() if name not in tables}
    check_channels_of(kind, channels)
    with together(join(job.hosts, environment)) as collective, ExitStack() as stack:
        common: dict[str, Any] = {
            "data": folders.data, "hosts": job.hosts, "environment": environment, "n_threads": n_threads,
            "stopped": stop.__bool__,
        }  # fmt: skip
        opened = open_channels(channels, kind.channels, reading=partial(reading_options_of, asked), **common)
        for channel in opened.values():
            stack.callback(channel.close)
        checkpoints = job.checkpoints(collective)
        listener = JobListener(_log(job), stop, collective)
        try:
            sources: Mapping[str, RowSource] = opened
            if raw is not None:
                sources, job.encoder = raw.encoded(opened, open_channels(tables, raw.declared, **common))
                job.label = raw.asked.pairloom_label
            model = asked.fit(
                sources, n_threads=n_threads, report=listener, checkpoints=checkpoints, collective=collective
            )
        except PairloomError as error:
            if not stop:
                raise
            job.say(f"Stopped before there was a model. {error}")
            return
        if stop:
            job.say("Stopped on request; the model so far is saved.")
        if collective.rank == 0:
            job.save(model, listener)


@dataclass(slots=True)
class Job:
    """What was asked, by whom it is done, and where it goes."""

    folders: Folders
    kind: type[Algorithm]
    given: Mapping[str, str]
    hosts: Hosts
    model_algo_1: bool
    stop: StopRequest
    write: Write
    encoder: FeatureEncoder | None = None
    label: str | None = None
    raw_words: Mapping[str, str] = field(default_factory=dict[str, str])

    def say(self, message: str) -> None:
        """Write a sentence to the log."""
        self.write(information_line(message))

    def checkpoints(self, collective: Collective) -> Checkpoints:
        """Return where states are kept."""
        folder = checkpoints_folder(self.folders)
        if folder is None:
            return NO_CHECKPOINTS
        settled = self.kind.hyperparameters_type.parse(self.given)
        return FolderCheckpoints(
            folder / self.hosts.current,
            identity(self.kind.name, settled, n_hosts=len(self.hosts.names), more=self.raw_words),
            collective=collective,
            is_cut_short=self.stop.__bool__,
            tell=self.say,
        )

    def save(self, model: Model, listener: JobListener) -> None:
        """Write the model and its metrics."""
        strings = self.kind.hyperparameters_type.parse(self.given).to_strings()
        artifact = Artifact(self.kind.name, model, self.encoder, self.label, strings, listener.metrics)
        save_model(artifact, self.folders.model, model_algo_1=self.model_algo_1)
        save_metrics({"metrics": listener.metrics, "epochs": listener.epochs}, self.folders.output_data)


def _log(job: Job) -> LogLines:
    return LogLines(job.kind.name, job.write, host=job.hosts.current, form=conventions_of(job.kind).log_form)


def _algorithm(name: str | None) -> type[Algorithm]:
    if not name:
        known = ", ".join(f"'{known}'" for known in algorithm_names())
        raise UserError(
            f"Training job: the algorithm must be one of {known}. Got none. "
            f"Name it as in 'pairloom-train factorization-machines', or in {NAME_VARIABLE}."
        )
    return algorithm(name)


def _declared(given: Mapping[str, str], kind: type[Algorithm]) -> dict[str, str]:
    """Leave out what a tuner adds for itself, where the algorithm does not declare it."""
    known = {parameter.wire_name for parameter in kind.hyperparameters_type.parameters}
    return {
        name: value for name, value in given.items() if name in known or name != "_tuning_objective_metric"
    }


def _wants_model_algo_1(environment: Mapping[str, str], kind: type[Algorithm]) -> bool:
    """Whether SageMaker's form of the model is asked for; said before training if there is none."""
    if not switch(environment, FORM_VARIABLE):
        return False
    if kind.name not in FORMS:
        raise UserError(
            f"{FORM_VARIABLE}: SageMaker's form of a model is known for {', '.join(FORMS)}. "
            f"Got {kind.name}. Leave the variable out."
        )
    return True


def _configuration(kind: type[Algorithm], given: Mapping[str, str], folders: Folders) -> list[str]:
    defaults = {
        parameter.wire_name: str(parameter.default)
        for parameter in kind.hyperparameters_type.parameters
        if parameter.default is not None and not parameter.hidden
    }
    return configuration_lines(
        defaults,
        given,
        defaults_path=f"pairloom/{kind.name}/default-conf.json",
        given_path=str(folders.configuration / "hyperparameters.json"),
    )
