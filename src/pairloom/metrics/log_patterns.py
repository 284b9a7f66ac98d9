"""The log lines that carry metrics, and the expressions that find them again; both come from one template."""

from __future__ import annotations

from collections.abc import Mapping

from pairloom.metrics.table import Metric

__all__ = [
    "evaluation_definitions",
    "evaluation_line",
    "final_definitions",
    "metric_definitions",
    "progress_line",
    "quality_line",
    "throughput_line",
]

PREFIX = "#quality_metric: host={host}, "
EPOCH = "epoch={epoch}, "
BATCH = "epoch={epoch}, batch={batch} "
QUANTITY = "{channel} {name} <{kind}>={value}"
PROGRESS = "#progress_metric: host={host}, completed {percent} %"
THROUGHPUT = "#throughput_metric: host={host}, {channel} throughput={rate} records/second"

EVALUATION = r".*\[[0-9]+\].*#011{channel}-{name}:{value}"

ANYTHING = r"\S+"
CAPTURED = r"(\S+)"
PROGRESS_DEFINITIONS = {
    "train:progress": PROGRESS.format(host=ANYTHING, percent=CAPTURED),
    "train:throughput": THROUGHPUT.format(host=ANYTHING, channel="train", rate=CAPTURED),
}
BEFORE_TAB = r"([^\s#]+)"


def quality_line(
    metric: Metric,
    value: float,
    channel: str,
    *,
    host: str,
    epoch: int | None = None,
    batch: int | None = None,
) -> str:
    """Render one value: of a batch, of an epoch, or of the whole run when `epoch` is None."""
    scope = "" if epoch is None else EPOCH if batch is None else BATCH
    template = PREFIX + scope + QUANTITY
    return template.format(
        host=host,
        epoch=epoch,
        batch=batch,
        channel=channel,
        name=metric.log_name,
        kind=metric.kind,
        value=value,
    )


def progress_line(percent: float, *, host: str) -> str:
    """Render the share of epochs that are done."""
    return f"{PROGRESS.format(host=host, percent=percent)} of epochs"


def throughput_line(rate: float, channel: str, *, host: str) -> str:
    """Render the rows per second of an epoch."""
    return THROUGHPUT.format(host=host, channel=channel, rate=rate)


def evaluation_line(epoch: int, channels: Mapping[str, Mapping[str, float]]) -> str:
    """Render the values of an epoch in one line, as boosting does; ``#011`` is the tab that logs write so.

    A blank parts the metrics of one channel: SageMaker's expressions read a value up to the next one.
    """
    parts = (
        " ".join(f"#011{channel}-{name}:{value}" for name, value in metrics.items())
        for channel, metrics in channels.items()
    )
    return f"[{epoch}]" + "".join(parts)


def evaluation_definitions(
    metrics: tuple[Metric, ...], *, epoch_channels: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return the expressions of `metric_definitions` where epochs are told by `evaluation_line`."""
    found = metric_definitions(metrics)
    for metric in metrics:
        del found[f"train:{metric.name}"]
        found[f"train:{metric.name}:epoch"] = EVALUATION.format(
            channel="train", name=metric.name, value=BEFORE_TAB
        )
        found |= {
            f"{c}:{metric.name}": EVALUATION.format(channel=c, name=metric.name, value=CAPTURED)
            for c in epoch_channels
        }
    return found


def metric_definitions(
    metrics: tuple[Metric, ...], *, epoch_channels: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return the regular expression of every published metric, by its name.

    ``train:rmse`` finds the values of batches, ``train:rmse:epoch`` those of epochs and ``test:rmse`` the
    last one; a channel in `epoch_channels` is measured after each epoch, as ``validation:rmse``.
    """
    found = dict(PROGRESS_DEFINITIONS)
    for metric in metrics:
        found[f"train:{metric.name}"] = _expression(metric, "train", BATCH)
        found[f"train:{metric.name}:epoch"] = _expression(metric, "train", EPOCH)
        found[f"test:{metric.name}"] = _expression(metric, "test", "")
        found |= {f"{c}:{metric.name}": _expression(metric, c, EPOCH) for c in epoch_channels}
    return found


def final_definitions(
    metrics: tuple[Metric, ...], *, epoch_metrics: tuple[Metric, ...], channels: tuple[str, ...]
) -> dict[str, str]:
    """Return the expressions of an algorithm whose metrics describe the final model.

    ``train:mse`` finds the value of the final model. Metrics in `epoch_metrics` are reported after each epoch as
    well: ``validation:objective_loss`` finds those values and ``validation:objective_loss:final`` the last one. The
    channel ``test`` is measured once.
    """
    found = dict(PROGRESS_DEFINITIONS)
    for channel in channels:
        for metric in epoch_metrics:
            name, last = f"{channel}:{metric.name}", _expression(metric, channel, "")
            found |= (
                {name: last}
                if channel == "test"
                else {name: _expression(metric, channel, EPOCH), f"{name}:final": last}
            )
        found |= {f"{channel}:{metric.name}": _expression(metric, channel, "") for metric in metrics}
    return found


def _expression(metric: Metric, channel: str, scope: str) -> str:
    return (PREFIX + scope + QUANTITY).format(
        host=ANYTHING, epoch=ANYTHING, batch=ANYTHING,
        channel=channel, name=metric.log_expression, kind=metric.kind, value=CAPTURED,
    )  # fmt: skip
