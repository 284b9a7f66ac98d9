"""A model file may come from anywhere: whatever its arrays and metadata hold, there is an encoder or an error."""

import copy
from contextlib import suppress

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.encoding import (
    Bucket,
    Date,
    DaysSinceFirst,
    FeatureEncoder,
    History,
    Id,
    Multi,
    Related,
    Standard,
    Text,
)
from pairloom.errors import UserError

SPECS = {
    "user": Id(min_count=2), "genres": Multi(), "age": Bucket(), "price": Standard(),
    "at": Date(age_days=(1, 9), bins=2), "title": Text(hash_dim=8),
}  # fmt: skip
ROWS = {
    "user": ["a", "b", "a", "12", "12"], "genres": ["x|y", "y", "", "z", "1|2"], "age": [1.0, 2.0, None, 7.0, 9.0],
    "price": [0.5, 1.5, 2.5, None, 1.0], "at": ["2026-05-01", "", "1999-01-01T10:00", "2030-01-01", None],
    "title": ["The end", "the beginning", None, "é", "x y z"],
}  # fmt: skip
JOINED = {
    "relations": [Related({"user": ["a", "b", "12", "z"], "age": [1.5, 2.5, 3.5, None], "tags": ["x|y", "", "y", "z"]},
                          on="user", columns={"age": Standard(), "tags": Multi()})],
    "histories": [History(of="title", by="user"), DaysSinceFirst(by="user", time="at")],
}  # fmt: skip
STATE = FeatureEncoder(SPECS, **JOINED).fit(ROWS).to_state()
INTEGERS = st.one_of(st.integers(-3, 12), st.sampled_from([2**31 - 1, 2**62, -(2**63), 2**63 - 1, 255]))


@st.composite
def spoiled_states(draw):
    metadata, arrays = copy.deepcopy(STATE)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(arrays)))
        array = arrays[name]
        how = draw(st.sampled_from(["element", "shorter", "longer", "dtype", "drop", "swap"]))
        if how == "element" and array.size:
            info = np.iinfo(array.dtype) if array.dtype.kind in "iu" else None
            value = draw(INTEGERS) if info else draw(st.floats(width=8 * array.dtype.itemsize))
            if info is None or info.min <= value <= info.max:
                array[draw(st.integers(0, array.size - 1))] = value
        elif how == "shorter":
            arrays[name] = array[: draw(st.integers(0, array.size))].copy()
        elif how == "longer":
            arrays[name] = np.concatenate((array, array[:1]))
        elif how == "dtype":
            with np.errstate(invalid="ignore"):  # NaN as an integer
                arrays[name] = array.astype(draw(st.sampled_from(["int64", "int32", "uint8", "float64"])))
        elif how == "swap":
            other = draw(st.sampled_from(sorted(arrays)))
            arrays[name], arrays[other] = arrays[other], array
        elif len(arrays) > 1:
            del arrays[name]
    field = draw(st.sampled_from(metadata["fields"]))
    if draw(st.booleans()):
        key = draw(st.sampled_from(sorted(field["learned"])))
        field["learned"][key] = draw(st.one_of(INTEGERS, st.floats(), st.none(), st.text(max_size=2)))
    return metadata, arrays


@settings(max_examples=300)
@given(spoiled_states())
def test_a_spoiled_state_is_refused_or_harmless(state):
    with suppress(UserError):
        encoder = FeatureEncoder.from_state(*state)
        for batch in encoder.encode(ROWS, training=True):
            assert ((batch.indices >= 0) & (batch.indices < encoder.n_features_out_)).all()
        assert len(encoder.get_feature_names_out()) == encoder.n_features_out_
        encoder.partial_fit(ROWS).transform(ROWS)
