import copy
import json
import pickle
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import UserError
from pairloom.hyperparameters import Hyperparameters, default_text, describe, param, requirement


class Knobs(Hyperparameters, owner="Machine"):
    num_factors: int = param(ge=2, le=1000, doc="Dimensionality of the factorization.")
    mode: Literal["fast", "exact"] = param(doc="What to trade.")
    epochs: int = param(default=1, ge=1, tunable=(1, 1000), doc="Passes over the data.")
    rate: float = param(default=0.1, gt=0, tunable=(1e-8, 512, "logarithmic"), doc="Step size.")
    decay: float | Literal["auto"] = param(default="auto", ge=0, lt=1, doc="Weight decay.")
    use_bias: bool = param(default=True, doc="Whether there is a bias.")
    clip: float | None = param(default=None, doc="Largest gradient.")
    note: str = param(default="", doc="Anything.")
    reg_lambda: float = param(default=0.0, wire_name="lambda", le=10, doc="Penalty.")
    kvstore: str = param(default="auto", wire_name="_kvstore", hidden=True, doc="Without effect.")


REQUIRED = {"num_factors": "8", "mode": "fast"}


def knobs(**values):
    return Knobs.parse(REQUIRED | values)


def message_of(**values):
    with pytest.raises(UserError) as caught:
        knobs(**values)
    return str(caught.value)


def test_defaults_are_the_declared_ones():
    assert knobs().to_dict() == {
        "num_factors": 8, "mode": "fast", "epochs": 1, "rate": 0.1, "decay": "auto", "use_bias": True,
        "clip": None, "note": "", "lambda": 0.0, "_kvstore": "auto",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("epochs", "12", 12),
        ("epochs", "+012", 12),
        ("epochs", 12, 12),
        ("epochs", np.int64(12), 12),
        ("rate", "1e-3", 0.001),
        ("rate", ".5", 0.5),
        ("rate", "5.", 5.0),
        ("rate", 2, 2.0),
        ("rate", np.float32(0.5), 0.5),
        ("decay", "auto", "auto"),
        ("decay", "0.25", 0.25),
        ("use_bias", "true", True),
        ("use_bias", "False", False),
        ("use_bias", "1", True),
        ("use_bias", 0, False),
        ("use_bias", np.bool_(False), False),
        ("clip", "", None),
        ("clip", "-3", -3.0),
        ("mode", "exact", "exact"),
        ("note", "", ""),
        ("note", "any thing", "any thing"),
        ("lambda", "10", 10.0),
        ("_kvstore", "dist_sync", "dist_sync"),
    ],
)
def test_strings_and_values_are_read_alike(name, text, value):
    read = knobs(**{name: text}).to_dict()[name]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("num_factors", 1, "'num_factors' must be an integer in [2, 1000]. Got 1."),
        ("num_factors", "1001", "'num_factors' must be an integer in [2, 1000]. Got 1001."),
        ("num_factors", "5.0", "'num_factors' must be an integer in [2, 1000]. Got '5.0'. Write 5."),
        ("num_factors", 5.0, "'num_factors' must be an integer in [2, 1000]. Got 5.0. Write 5."),
        ("num_factors", "many", "'num_factors' must be an integer in [2, 1000]. Got 'many'."),
        ("num_factors", True, "'num_factors' must be an integer in [2, 1000]. Got True."),
        ("num_factors", "", "'num_factors' must be an integer in [2, 1000]. Got ''."),
        ("num_factors", [8], "'num_factors' must be an integer in [2, 1000]. Got [8]."),
        ("num_factors", float("inf"), "'num_factors' must be an integer in [2, 1000]. Got inf."),
        ("epochs", "0", "'epochs' must be an integer >= 1. Got 0."),
        ("epochs", "1_000", "'epochs' must be an integer >= 1. Got '1_000'."),
        ("epochs", " 7", "'epochs' must be an integer >= 1. Got ' 7'."),
        ("epochs", "٣", "'epochs' must be an integer >= 1. Got '٣'."),
        ("rate", "0", "'rate' must be a finite number > 0. Got 0.0."),
        ("rate", "nan", "'rate' must be a finite number > 0. Got 'nan'."),
        ("rate", float("nan"), "'rate' must be a finite number > 0. Got nan."),
        ("rate", "1e999", "'rate' must be a finite number > 0. Got '1e999'."),
        ("rate", False, "'rate' must be a finite number > 0. Got False."),
        ("rate", 10**400, "'rate' must be a finite number > 0. Got 1"),
        ("decay", 1, "'decay' must be a finite number in [0, 1) or 'auto'. Got 1.0."),
        ("lambda", "11", "'lambda' must be a finite number <= 10. Got 11.0."),
        ("use_bias", "maybe", "'use_bias' must be true or false. Got 'maybe'."),
        ("mode", "exakt", "'mode' must be one of 'fast', 'exact'. Got 'exakt'. Did you mean 'exact'?"),
        ("mode", 3, "'mode' must be one of 'fast', 'exact'. Got 3."),
        ("note", 3, "'note' must be text. Got 3."),
    ],
)
def test_what_does_not_fit_is_named_with_what_would(name, value, message):
    assert message_of(**{name: value}).startswith(f"Machine: {message}")


@pytest.mark.parametrize("text", ["9" * 5000, "1" * 19])
def test_an_endless_number_gets_a_short_message(text):
    message = message_of(epochs=text)
    assert message.startswith("Machine: 'epochs' must be an integer >= 1. Got '")
    assert len(message) < 200


def test_an_unknown_name_comes_with_the_nearest_known_one():
    assert message_of(num_factor="3") == (
        "Machine: Additional properties are not allowed ('num_factor' was unexpected). "
        "Did you mean 'num_factors'?"
    )
    assert message_of(zzz="3") == "Machine: Additional properties are not allowed ('zzz' was unexpected)."
    assert "Did you mean 'use_bias'?" in message_of(USE_BIAS="1")


def test_all_faults_are_told_at_once():
    with pytest.raises(UserError) as caught:
        Knobs.parse({"epochs": "x", "mod": "fast"})
    assert str(caught.value).splitlines() == [
        "Machine: Additional properties are not allowed ('mod' was unexpected). Did you mean 'mode'?",
        "Machine: 'num_factors' is required. Give it: Dimensionality of the factorization.",
        "Machine: 'mode' is required. Give it: What to trade.",
        "Machine: 'epochs' must be an integer >= 1. Got 'x'.",
    ]


def test_none_means_not_given():
    assert knobs(epochs=None, clip=None).given == {"num_factors", "mode"}
    with pytest.raises(UserError, match="'mode' is required"):
        Knobs.parse({"num_factors": 8, "mode": None})


def test_python_takes_attribute_names_and_jobs_take_wire_names():
    assert Knobs(num_factors=8, mode="fast", reg_lambda=2.0) == knobs(**{"lambda": "2"})
    with pytest.raises(UserError, match="'reg_lambda' was unexpected"):
        knobs(reg_lambda="2")


def test_instances_cannot_change():
    with pytest.raises(AttributeError, match="cannot change"):
        knobs().epochs = 3


def test_instances_are_values():
    chosen = knobs(epochs=3)
    assert chosen == knobs(epochs="3") != knobs(epochs=4)
    assert hash(chosen) == hash(knobs(epochs="3"))
    assert pickle.loads(pickle.dumps(chosen)) == copy.deepcopy(chosen) == chosen
    assert repr(chosen) == "Knobs(num_factors=8, mode='fast', epochs=3)"


@given(
    epochs=st.integers(1, 10**17),
    rate=st.floats(min_value=0, exclude_min=True, allow_infinity=False),
    decay=st.just("auto") | st.floats(0, 1, exclude_max=True),
    clip=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    use_bias=st.booleans(),
    note=st.text(),
)
def test_strings_bring_every_value_back(**values):
    chosen = knobs(**values)
    assert Knobs.parse(chosen.to_strings()) == chosen
    assert Knobs.parse(json.loads(json.dumps(chosen.to_dict()))) == chosen


def test_values_are_checked_against_one_another():
    class Range(Hyperparameters):
        low: int = param(default=0, doc="Low end.")
        high: int = param(default=1, doc="High end.")

        def faults(self):
            if self.low > self.high:
                yield f"'low' must be at most 'high', {self.high}. Got {self.low}."

    assert Range(low=1).high == 1
    with pytest.raises(UserError, match=r"^Hyperparameters: 'low' must be at most 'high', 1. Got 2.$"):
        Range(low=2)


def test_a_subclass_adds_and_replaces():
    class More(Knobs, owner="More"):
        epochs: int = param(default=5, ge=1, doc="Passes.")
        extra: bool = param(default=False, doc="More still.")

    assert [p.name for p in More.parameters] == [
        *(p.name for p in Knobs.parameters if p.name != "epochs"), "epochs", "extra",
    ]  # fmt: skip
    assert More.parse(REQUIRED).epochs == 5
    assert knobs().epochs == 1


def test_a_declaration_says_everything_as_data():
    described = {parameter.wire_name: describe(parameter) for parameter in Knobs.parameters}
    assert json.loads(json.dumps(described)) == described
    assert described["num_factors"] == {
        "name": "num_factors", "type": "integer", "required": True, "ge": 2, "le": 1000,
        "must_be": "an integer in [2, 1000]", "description": "Dimensionality of the factorization.",
    }  # fmt: skip
    assert described["rate"]["tunable"] == {"low": 1e-8, "high": 512, "scale": "logarithmic"}
    assert described["mode"]["choices"] == ["fast", "exact"]


def test_a_declaration_says_everything_in_words():
    words = {p.name: (requirement(p), default_text(p)) for p in Knobs.parameters}
    assert words["use_bias"] == ("true or false", "true")
    assert words["rate"] == ("a finite number > 0", "0.1")
    assert words["clip"] == ("a finite number", "")
    assert words["decay"] == ("a finite number in [0, 1) or 'auto'", "auto")


@pytest.mark.parametrize("annotation", [list, int | str, Literal[1, 2], None])
def test_a_kind_that_does_not_exist_cannot_be_declared(annotation):
    with pytest.raises(TypeError, match="'thing' cannot be declared as"):
        type(
            "Odd", (Hyperparameters,), {"__annotations__": {"thing": annotation}, "thing": param(doc="Odd.")}
        )


def test_a_default_outside_its_own_range_cannot_be_declared():
    body = {"__annotations__": {"thing": int}, "thing": param(default=0, ge=1, doc="Odd.")}
    with pytest.raises(TypeError, match="default of hyperparameter 'thing' must be an integer"):
        type("Odd", (Hyperparameters,), body)
