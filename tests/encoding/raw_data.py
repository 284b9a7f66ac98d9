"""Hypothesis strategies of raw columns and the specs that take them."""

from datetime import datetime

from hypothesis import strategies as st

from pairloom.encoding import Bucket, Date, Id, Multi, Standard, Text

WORDS = st.sampled_from(["a", "b", "c", "12", "-7", "012", "1.0", "x y", "é", "Größe", "42"])
IDS = st.one_of(st.none(), st.just(""), WORDS, st.integers(-3, 20).map(str))
GENRES = st.one_of(st.none(), st.lists(WORDS, max_size=4).map("|".join), st.just(" | "))
NUMBERS = st.one_of(
    st.none(),
    st.integers(-20, 20).map(float),
    st.sampled_from([0.0, 0.0, 0.0, 1.0]),
    st.floats(-1e6, 1e6).map(lambda x: round(x, 3)),
    st.just(float("nan")),
)
TIMES = st.one_of(
    st.none(), st.just(""), st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)).map(datetime.isoformat)
)
SENTENCES = st.one_of(st.none(), st.lists(WORDS, max_size=5).map(" ".join), st.text(max_size=12))

PARTS = ["quarter", "month", "day", "dayofyear", "weekday", "hour", "minute"]

SPECS = {
    "id": st.one_of(st.builds(Id, min_count=st.integers(1, 3)), st.builds(Id, hash_dim=st.integers(1, 9))),
    "multi": st.one_of(
        st.builds(Multi, min_count=st.integers(1, 3), normalize=st.booleans()),
        st.builds(Multi, hash_dim=st.integers(1, 9)),
    ),
    "bucket": st.one_of(
        st.builds(Bucket, quantiles=st.integers(2, 12)),
        st.builds(Bucket, width=st.sampled_from([1000.0, 50_000.0])),
        st.builds(Bucket, log=st.sampled_from([2.0, 3.0])),
        st.just(Bucket(edges=(-5.0, 0.0, 0.5))),
    ),
    "standard": st.just(Standard()),
    "date": st.builds(
        Date,
        parts=st.lists(st.sampled_from(["year", *PARTS]), unique=True).map(tuple),
        cyclic=st.lists(st.sampled_from(PARTS), unique=True).map(tuple),
        age_days=st.sampled_from([(1.0, 7.0, 365.0), (0.5,)]),
        age_at=st.sampled_from([None, "2026-05-01"]),
    ),
    "text": st.builds(
        Text,
        hash_dim=st.integers(1, 50),
        words=st.sampled_from([(1, 1), (1, 2), (2, 3)]),
        characters=st.sampled_from([None, (2, 3)]),
        lowercase=st.booleans(),
        normalize=st.booleans(),
    ),
}
VALUES = {
    "id": IDS, "multi": GENRES, "bucket": NUMBERS, "standard": NUMBERS, "date": TIMES, "text": SENTENCES,
}  # fmt: skip


@st.composite
def specs(draw):
    """Any of the specs, under the names of VALUES."""
    names = draw(st.lists(st.sampled_from(sorted(SPECS)), min_size=1, unique=True))
    return {name: draw(SPECS[name]) for name in names}


def tables(names, max_rows=12):
    """Mappings of columns of equal length."""
    lengths = st.integers(1, max_rows)
    return lengths.flatmap(
        lambda n: st.fixed_dictionaries(
            {name: st.lists(VALUES[name], min_size=n, max_size=n) for name in names}
        )
    )
