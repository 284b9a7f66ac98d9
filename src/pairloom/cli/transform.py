"""``pairloom transform``: batch scoring of files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pairloom.cli.options import Told, told_values
from pairloom.cli.terminal import progress, say
from pairloom.errors import PairloomError, UserError

__all__ = ["transform"]

MEGABYTE = 1_000_000


def transform(
    model: Path,
    source: str,
    output: Path,
    /,
    *,
    content_type: str | None = None,
    accept: str | None = None,
    split_type: Literal["Line", "RecordIO", "None"] | None = None,
    batch_strategy: Literal["MultiRecord", "SingleRecord"] = "MultiRecord",
    max_payload_in_mb: Annotated[int, Parameter(name=("--max-payload-in-mb", "--max-payload"))] = 6,
    max_concurrent_transforms: Annotated[
        int, Parameter(name=("--max-concurrent-transforms", "--concurrency"))
    ] = 1,
    assemble_with: Literal["Line", "None"] | None = None,
    compression_type: Literal["Gzip", "None"] | None = None,
    input_filter: str = "$",
    output_filter: str = "$",
    join_source: Literal["Input", "None"] = "None",
    anew: Annotated[bool, Parameter(negative=())] = False,
    told: Told = None,
) -> int:
    """Score files as an endpoint would, and write the answers to every file NAME as NAME.out.

    Options have SageMaker's names and meaning. A run that was killed goes on where it was when it is started again. A
    record that cannot be scored fails its file; the others are finished all the same.

    For example:

        pairloom transform model.tar.gz rows.csv answers
        pairloom transform model.tar.gz rows/ answers --accept application/jsonlines --concurrency 2
        pairloom transform model.tar.gz rows/ answers --input-filter "$[1:]" --join-source Input

    Parameters
    ----------
    model
        A model.tar.gz that Pairloom saved or SageMaker trained.
    source
        File, folder or prefix of files; .gz is decompressed.
    output
        Folder of the answers.
    content_type
        Content type of the files. Default: by file ending.
    accept
        Content type of the answers. Default: that of the file, or CSV.
    split_type
        How files are cut into records; None sends each as a whole. Default: by content type.
    batch_strategy
        Whether a request holds as many records as fit into a payload, or one.
    max_payload_in_mb
        Largest request, in MiB; 0 for no limit with --split-type None.
    max_concurrent_transforms
        Requests that are answered at once.
    assemble_with
        Whether a line end is put between answers. Default: for text.
    compression_type
        Compression of the files. Default: by file ending.
    input_filter
        JSONPath of what the model gets of each record.
    output_filter
        JSONPath of what is written of each answer, after the join.
    join_source
        Input writes each record together with its answer.
    anew
        Transform files again that an earlier run has finished.
    """
    from pairloom.serving.transform import TransformJob, TransformSettings

    settings = TransformSettings(
        content_type=content_type,
        accept=accept,
        split_type=split_type,
        batch_strategy=batch_strategy,
        max_payload_in_mb=max_payload_in_mb,
        max_concurrent_transforms=max_concurrent_transforms,
        assemble_with=assemble_with,
        compression_type=compression_type,
        input_filter=input_filter,
        output_filter=output_filter,
        join_source=join_source,
    )
    job = TransformJob(
        model, source, output, settings, resume=not anew, told=told_values(told), on_failure=_report
    )
    with progress("bytes", job.n_bytes) as advance:
        job.on_progress = advance
        result = job.run()
    rate = result.n_records / max(result.seconds, 1e-9)
    said = f"{result.n_records:,} records of {result.n_files:,} files ({result.n_bytes / MEGABYTE:,.1f} MB) "
    said += f"in {result.seconds:.2f} s, {rate:,.0f} records/s"
    said += f"; {result.n_skipped:,} finished before" if result.n_skipped else ""
    said += f"; {len(result.failures):,} failed" if result.failures else ""
    say(said)
    if not result.failures:
        return 0
    return 2 if all(isinstance(error, UserError) for error in result.failures.values()) else 1


def _report(error: PairloomError) -> None:
    print(f"pairloom: {error}", file=sys.stderr)
