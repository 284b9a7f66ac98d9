"""``pairloom train``: one command for each algorithm, its options made from the declaration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

from cyclopts import App, Group, Parameter

from pairloom.algorithms.catalogue import algorithm, algorithm_names
from pairloom.algorithms.contract import Algorithm, RowSource
from pairloom.algorithms.raw_columns import RawColumns
from pairloom.artifact import Artifact, save_artifact
from pairloom.cli.inputs import (
    LABEL,
    Input,
    encoded,
    encoder_for,
    learns_from_labels,
    plain,
    raw_columns,
    table_sources,
)
from pairloom.cli.metrics import print_metrics
from pairloom.cli.options import ContentType, Settings, Threads
from pairloom.cli.terminal import say
from pairloom.cli.training_view import TrainingView
from pairloom.encoding import FeatureEncoder
from pairloom.hyperparameters import Parameter as Declared
from pairloom.hyperparameters import default_text, requirement

__all__ = ["train"]

OWN_PREFIX = "pairloom_"
ABOUT = """{doc}

Rows come from files of any format, numbers with the label first, or from raw columns such as user, item and
rating, which an encoder inside the model turns into rows. A CSV file with a column called `rating` is raw;
`--label` and `--features` say so for every other.

For example:

    pairloom train {name} --train ratings.csv --test held-out.csv{required}
    pairloom train {name} --train clicks.csv --label clicked --features user,ad,tags:multi ...
    pairloom train {name} --train ratings.csv --users users.csv --items items.csv --history user:item ...
    pairloom train {name} --train train.libsvm --test test.libsvm --model out/model.tar.gz ...
"""

DATA, OUTPUT = Group("Data", sort_key=0), Group("Training", sort_key=1)
HYPERPARAMETERS = Group("Hyperparameters", help="Names, ranges and defaults are SageMaker's.", sort_key=2)
OWN = Group("Pairloom's own hyperparameters", sort_key=3)
METAVARS = {"integer": "INT", "float": "NUMBER", "boolean": "BOOL", "choice": "WORD", "text": "TEXT"}
BY_OTHER_OPTIONS = {"pairloom_n_threads"}
"""Hyperparameters that an option of the command line stands for; they are accepted, but not shown."""

HELP = """Train an algorithm on rows, measure it and save the model.

Each algorithm has its own options; `pairloom train NAME --help` lists them.

For example:

    pairloom train factorization-machines --help
"""

train = App(name="train", help=HELP)


def _command(kind: type[Algorithm]) -> Callable[..., None]:
    """Make the command of an algorithm: its channels and hyperparameters become options."""

    def command(**options: Any) -> None:
        given = {name: value for name, value in options.items() if value is not None}
        common = {name: given.pop(name, option.default) for name, option in COMMON.items()}
        sources = {c.name: str(given.pop(c.name)) for c in kind.channels if c.name in given}
        wire_names = {p.name: p.wire_name for p in kind.hyperparameters_type.parameters}
        asked = {wire_names[name]: value for name, value in given.items()}
        kind(asked)  # what cannot be asked is said before any data is read
        _train(kind, sources, asked, **common)

    command.__doc__ = ABOUT.format(
        doc=inspect.cleandoc(kind.__doc__ or kind.summary).partition("\n\n")[0],
        name=kind.name,
        required="".join(f" --{p.wire_name.replace('_', '-')} ..." for p in _shown(kind) if p.required),
    )
    command.__signature__ = inspect.Signature([*_channels(kind), *COMMON.values(), *_hyperparameters(kind)])  # pyright: ignore[reportFunctionMemberAccess]
    return command


def _option(name: str, kind: object, default: object, parameter: Parameter) -> inspect.Parameter:
    annotation = Annotated[kind, parameter]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _channels(kind: type[Algorithm]) -> list[inspect.Parameter]:
    empty = inspect.Parameter.empty
    return [
        _option(
            channel.name,
            str if channel.required else str | None,
            empty if channel.required else None,
            Parameter(name=f"--{channel.name}", group=DATA, help=f"{channel.doc} File, folder or glob."),
        )
        for channel in kind.channels
    ]


def _shown(kind: type[Algorithm]) -> list[Declared]:
    return [p for p in kind.hyperparameters_type.parameters if not p.hidden]


def _hyperparameters(kind: type[Algorithm]) -> list[inspect.Parameter]:
    return [_hyperparameter(p) for p in kind.hyperparameters_type.parameters]


def _hyperparameter(declared: Declared) -> inspect.Parameter:
    own = declared.wire_name.startswith(OWN_PREFIX)
    words = declared.wire_name.removeprefix(OWN_PREFIX).strip("_").replace("_", "-")
    default = "required" if declared.required else f"default: {default_text(declared) or 'none'}"
    return _option(
        declared.name,
        str | None,
        None,
        Parameter(
            name=f"--{words}",
            group=OWN if own else HYPERPARAMETERS,
            help=f"{declared.doc} Must be {requirement(declared)}. [{default}]",
            metavar=METAVARS[declared.kind],
            show=not declared.hidden and declared.name not in BY_OTHER_OPTIONS,
            show_default=False,
            allow_leading_hyphen=True,
        ),
    )


def _raw(name: str, declared_as: str) -> inspect.Parameter:
    """Make the option that stands for a declaration of `RawColumns`."""
    (declared,) = (p for p in RawColumns.parameters if p.wire_name == OWN_PREFIX + declared_as)
    return _option(name, str | None, None, Parameter(group=DATA, help=declared.doc))


def _table(name: str, text: str) -> inspect.Parameter:
    return _option(name, str | None, None, Parameter(group=DATA, help=text))


def _common() -> dict[str, inspect.Parameter]:
    text = str | None
    return {
        "label": _option("label", text, None, Parameter(group=DATA, help="Raw column of the label.")),
        "features": _raw("features", "features"),
        "users": _table("users", "Table to join on column user, a row for every user. File, folder or glob."),
        "items": _table("items", "Table to join on column item, a row for every item. File, folder or glob."),
        "relation": _option(
            "relation",
            list[str] | None,
            None,
            Parameter(
                group=DATA,
                negative=(),
                consume_multiple=False,
                help="Table to join as KEY=FILE, a row for every value of column KEY; may be repeated.",
            ),
        ),
        "history": _raw("history", "histories"),
        "time": _raw("time", "time"),
        "content_type": _option("content_type", ContentType, None, Parameter(group=DATA)),
        "reading": _option("reading", Settings, None, Parameter(group=DATA)),
        "model": _option(
            "model",
            Path,
            Path("model.tar.gz"),
            Parameter(group=OUTPUT, help="File that the model is saved to."),
        ),
        "threads": _option("threads", Threads, 1, Parameter(group=OUTPUT)),
    }


COMMON = _common()


def _train(
    kind: type[Algorithm],
    sources: Mapping[str, str],
    asked: Mapping[str, object],
    *,
    label: str | None,
    features: str | None,
    users: str | None,
    items: str | None,
    relation: list[str] | None,
    history: str | None,
    time: str | None,
    content_type: str | None,
    reading: list[str] | None,
    model: Path,
    threads: int,
) -> None:
    started = perf_counter()
    algorithm_asked = kind(asked)
    inputs = {
        name: Input.parse(source, content_type, reading, threads, algorithm_asked)
        for name, source in sources.items()
    }
    tables = table_sources(users, items, relation)
    joins = bool(tables or history or time)
    if learns_from_labels(algorithm_asked):
        label = raw_columns(inputs["train"], label or (LABEL if joins else None), features)
        is_raw = label is not None
    else:
        is_raw = label is not None or features is not None or joins
    encoder: FeatureEncoder | None = None
    channels: dict[str, RowSource] = {name: plain(given) for name, given in inputs.items()}
    if is_raw:
        encoder = encoder_for(
            inputs["train"], tables, label=label, features=features, histories=history, time=time
        )
        reads: Mapping[str, Any] = encoder.reading()
        encoder.fit(inputs["train"].tables(**reads))
        channels = {
            name: encoded(given, encoder, label=label, training=name == "train")
            for name, given in inputs.items()
        }
    with TrainingView() as view:
        learned = algorithm_asked.fit(channels, n_threads=threads, report=view)
    strings = kind.hyperparameters_type.parse(asked).to_strings()
    save_artifact(Artifact(kind.name, learned, encoder, label, strings, view.metrics), model)
    print_metrics(view.metrics)
    size_mb, seconds = model.stat().st_size / 1e6, perf_counter() - started
    say(
        f"Model saved to {model} ({size_mb:.1f} MB), {seconds:.2f} s in all, {view.seconds:.2f} s of training"
    )


for _name in algorithm_names():
    train.command(_command(algorithm(_name)), name=_name)
