"""The reference page of an algorithm, made from its declarations."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from pairloom.algorithms.contract import Algorithm
from pairloom.algorithms.description import definitions_of
from pairloom.hyperparameters import Parameter, default_text, requirement

__all__ = ["reference_page"]

OWN_PREFIX = "pairloom_"


def reference_page(algorithm: type[Algorithm]) -> str:
    """Return the page as Markdown."""
    shown = [p for p in algorithm.hyperparameters_type.parameters if not p.hidden]
    sagemaker = [p for p in shown if not p.wire_name.startswith(OWN_PREFIX)]
    own = [p for p in shown if p.wire_name.startswith(OWN_PREFIX)]
    hidden = [p.wire_name for p in algorithm.hyperparameters_type.parameters if p.hidden]
    definitions = definitions_of(algorithm)
    parts = [
        f"<!-- Made from the declarations by docs/build_reference.py; do not edit. -->\n\n# {algorithm.name}",
        inspect.cleandoc(algorithm.__doc__ or ""),
        "## Hyperparameters",
        "Names, ranges and defaults are SageMaker's. Values may be strings, as in a training job.",
        _hyperparameters(sagemaker),
    ]
    if own:
        parts += ["### Pairloom's own", _hyperparameters(own)]
    if hidden:
        parts.append(f"Also accepted, as SageMaker's container does: {_codes(hidden)}.")
    parts += [
        "## Channels",
        _table(
            ("channel", "required", "content types", "input modes", "meaning"),
            [
                (
                    f"`{channel.name}`",
                    "yes" if channel.required else "no",
                    _codes(channel.content_types),
                    ", ".join(channel.input_modes),
                    channel.doc,
                )
                for channel in algorithm.channels
            ],
        ),
        "## Metrics",
        _table(
            ("metric", "better is", "meaning"),
            [
                (f"`{metric.name}`", "less" if metric.direction == "minimize" else "more", metric.doc)
                for metric in algorithm.metrics
            ],
        ),
        f"A tuner may optimise {_codes(algorithm.objectives)}. The log is read with these expressions:",
        _table(("name", "expression"), [(f"`{name}`", f"`{found}`") for name, found in definitions.items()]),
        "## Requests",
        f"An endpoint reads {_codes(algorithm.request_content_types)} "
        f"and answers {_codes(algorithm.response_content_types)}.",
    ]
    return "\n\n".join(parts) + "\n"


def _hyperparameters(parameters: Iterable[Parameter]) -> str:
    return _table(
        ("name", "must be", "default", "tuned in", "meaning"),
        [
            (
                f"`{parameter.wire_name}`",
                requirement(parameter) + _advised(parameter),
                "**required**" if parameter.required else _code(default_text(parameter)),
                _tuned(parameter),
                parameter.doc,
            )
            for parameter in parameters
        ],
    )


def _advised(parameter: Parameter) -> str:
    return f"; advised {_range(*parameter.advised)}" if parameter.advised else ""


def _tuned(parameter: Parameter) -> str:
    return _range(parameter.tunable.low, parameter.tunable.high) if parameter.tunable else ""


def _range(low: float, high: float) -> str:
    return f"[{low:,g}, {high:,g}]" if max(abs(low), abs(high)) < 1e6 else f"[{low:,.0f}, {high:,.0f}]"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)
