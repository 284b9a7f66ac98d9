"""From the words of ``inputdataconfig.json`` to sources of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from pairloom.algorithms.contract import Channel
from pairloom.channels import PIPE_TIMEOUT_S, ChannelInput, ChannelRows, Mode, open_channel
from pairloom.container.configuration import Hosts
from pairloom.container.variables import number, switch
from pairloom.errors import UserError

__all__ = ["open_channels"]

MODES = {"File": "File", "FastFile": "File", "Pipe": "Pipe"}
"""Input modes, and the one that an algorithm declares for each."""
WORDS = {
    "TrainingInputMode": tuple(MODES),
    "S3DistributionType": ("FullyReplicated", "ShardedByS3Key"),
    "RecordWrapperType": ("None", "RecordIO"),
    "CompressionType": ("None", "Gzip"),
    "S3DataType": ("S3Prefix", "ManifestFile", "AugmentedManifestFile"),
}
TIMEOUT_VARIABLE, SHARD_VARIABLE = "PAIRLOOM_PIPE_TIMEOUT_S", "PAIRLOOM_SHARD_CHANNELS"


def open_channels(
    given: Mapping[str, Mapping[str, Any]],
    declared: tuple[Channel, ...],
    *,
    reading: Callable[[str], Mapping[str, object]] = lambda _: {},
    data: Path,
    hosts: Hosts,
    environment: Mapping[str, str],
    n_threads: int,
    stopped: Callable[[], bool],
) -> dict[str, ChannelRows]:
    """Open every channel of a job.

    Parameters
    ----------
    given : mapping of str to mapping
        The input configuration.
    declared : tuple of Channel
        Must hold every channel that is given.
    reading : callable
        Given the name of a format, returns options that the hyperparameters set for it.
    data : path
        Holds the folders or FIFOs.
    hosts : Hosts
    environment : mapping of str to str
        ``PAIRLOOM_PIPE_TIMEOUT_S`` and ``PAIRLOOM_SHARD_CHANNELS``.
    n_threads : int
        Parsing threads.
    stopped : callable
        Once true, passes end early.

    Raises
    ------
    UserError
        For words that mean nothing, what cannot be read, and modes or content types that are not declared.
    """
    by_name = {channel.name: channel for channel in declared}
    timeout_s = number(environment, TIMEOUT_VARIABLE, PIPE_TIMEOUT_S)
    shard = (hosts.rank, len(hosts.names)) if switch(environment, SHARD_VARIABLE) else None
    opened: dict[str, ChannelRows] = {}
    for name, words in given.items():
        channel = by_name[name]
        owner = f"Channel '{name}'"
        for key, known in WORDS.items():
            if words.get(key) is not None and words[key] not in known:
                raise UserError(f"{owner}: {key} must be one of {', '.join(known)}. Got {words[key]!r}.")
        mode = cast(Mode, words.get("TrainingInputMode") or "File")
        if MODES[mode] not in channel.input_modes:
            modes = " or ".join(channel.input_modes)
            raise UserError(f"{owner}: input mode must be {modes}. Got {mode}. Change TrainingInputMode.")
        if words.get("S3DataType") == "AugmentedManifestFile" or words.get("AttributeNames"):
            raise UserError(
                f"{owner}: data must be an S3Prefix or a ManifestFile. Got an augmented manifest. "
                "Write its attributes into files of a content type that the algorithm reads."
            )
        sharded = words.get("S3DistributionType") == "ShardedByS3Key"
        opened[name] = open_channel(
            ChannelInput(
                name,
                data,
                mode,
                words.get("ContentType") or None,
                is_wrapped=words.get("RecordWrapperType") == "RecordIO",
                shuffle_seed=_seed(words, owner),
                shard=shard if sharded and mode != "Pipe" else None,
                timeout_s=timeout_s,
            ),
            channel.content_types,
            n_threads=n_threads,
            stopped=stopped,
            reading=reading,
        )
    return opened


def _seed(words: Mapping[str, Any], owner: str) -> int | None:
    shuffling = words.get("ShuffleConfig")
    if shuffling is None:
        return None
    seed = cast("Mapping[str, object]", shuffling).get("Seed") if isinstance(shuffling, dict) else None
    try:
        number = int(seed) if isinstance(seed, int | str) else -1
    except ValueError:
        number = -1
    if number < 0:
        raise UserError(f'{owner}: ShuffleConfig must be {{"Seed": integer >= 0}}. Got {shuffling!r}.')
    return number
