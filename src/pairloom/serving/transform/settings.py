"""What can be asked of a batch transform, by SageMaker's names."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from pairloom.errors import UserError

__all__ = ["DEFAULT_PAYLOAD_MB", "MAX_CONCURRENT", "TransformSettings"]

DEFAULT_PAYLOAD_MB = 6
MAX_PAYLOAD_MB = 100
MAX_CONCURRENT = 1024

SplitType = Literal["Line", "RecordIO", "None"]
BatchStrategy = Literal["MultiRecord", "SingleRecord"]
AssembleWith = Literal["Line", "None"]
CompressionType = Literal["Gzip", "None"]
JoinSource = Literal["Input", "None"]


@dataclass(frozen=True, slots=True)
class TransformSettings:
    """Settings of a batch transform; SageMaker's names in lower case.

    Parameters
    ----------
    content_type : str, optional
        Of the input. Default: by each file's ending.
    accept : str, optional
        Content type of the answers. Default: that of the input where answers can be written so, otherwise CSV.
    split_type : "Line", "RecordIO" or "None", optional
        How a file is cut into records; None sends it whole. Default: by the content type.
    batch_strategy : "MultiRecord" or "SingleRecord"
        Whether a request holds as many records as fit, or one.
    max_payload_in_mb : int
        Largest body of a request in MiB; 0 is no limit, for files that are sent whole.
    max_concurrent_transforms : int
        Requests that are answered at once.
    assemble_with : "Line" or "None", optional
        Whether a line end is put between answers. Default: for text.
    compression_type : "Gzip" or "None", optional
        Of the input. Default: by each file's ending.
    input_filter, output_filter : str
        JSONPath of what the model gets of a record, and of what is written of an answer, joined or not.
    join_source : "Input" or "None"
        Whether each record is written with its answer.

    Raises
    ------
    UserError
        For settings that are out of range or contradict each other.
    """

    content_type: str | None = None
    accept: str | None = None
    split_type: SplitType | None = None
    batch_strategy: BatchStrategy = "MultiRecord"
    max_payload_in_mb: int = DEFAULT_PAYLOAD_MB
    max_concurrent_transforms: int = 1
    assemble_with: AssembleWith | None = None
    compression_type: CompressionType | None = None
    input_filter: str = "$"
    output_filter: str = "$"
    join_source: JoinSource = "None"

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 0 <= self.max_payload_in_mb <= MAX_PAYLOAD_MB:
            raise _fault("max_payload_in_mb", f"an integer in [0, {MAX_PAYLOAD_MB}]", self.max_payload_in_mb)
        if not 1 <= self.max_concurrent_transforms <= MAX_CONCURRENT:
            raise _fault(
                "max_concurrent_transforms",
                f"an integer in [1, {MAX_CONCURRENT}]",
                self.max_concurrent_transforms,
            )
        if self.max_payload_in_mb == 0 and self.split_type != "None":
            raise _fault("max_payload_in_mb", "at least 1 unless split_type is 'None'", 0)

    @property
    def processes_records(self) -> bool:
        """Whether records are filtered or joined."""
        return self.join_source == "Input" or self.input_filter != "$" or self.output_filter != "$"

    def identity(self) -> str:
        """Return what the answers depend on, as text that is equal for equal settings."""
        told = asdict(self)
        del told["max_concurrent_transforms"]
        return json.dumps(told, sort_keys=True)


def _fault(name: str, expected: str, got: object) -> UserError:
    return UserError(f"Transform: '{name}' must be {expected}. Got {got}.")
