"""FeatureEncoder the slow, obvious way: each cell becomes a dict from column name to value."""

import math
from datetime import UTC, datetime

import numpy as np

from pairloom.encoding import Bucket, Date, Id, Multi, Standard, Text
from reference import raw_text
from reference.hashing import hash_bucket, hash_key


def encode_table(specs, training, rows):
    """Learn from `training` and encode `rows`, both dicts from column name to a list of values."""
    encoded = [{} for _ in rows[next(iter(specs))]]
    for name, spec in specs.items():
        encode = LEARNERS[type(spec)](name, spec, training[name])
        for row, value in zip(encoded, rows[name], strict=True):
            row.update({f"{name}{label}": number for label, number in encode(value).items()})
    return encoded


def is_missing(value):
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def spelled(value):
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def learn_id(name, spec, training):
    counts = {}
    for value in training:
        if not is_missing(value):
            counts[spelled(value)] = counts.get(spelled(value), 0) + 1

    def encode(value):
        if is_missing(value):
            return {"=<missing>": 1}
        return {categorical(spec, counts, spelled(value)): 1}

    return encode


def categorical(spec, counts, text):
    if spec.hash_dim is not None:
        return f"#{hash_bucket(hash_key(text), spec.hash_dim)}"
    return f"={text}" if counts.get(text, 0) >= spec.min_count else "=<unseen>"


def items_of(spec, value):
    if is_missing(value):
        return []
    return raw_text.split(value, spec.sep) if isinstance(value, str) else [spelled(item) for item in value]


def learn_multi(name, spec, training):
    counts = {}
    for value in training:
        for item in items_of(spec, value):
            counts[item] = counts.get(item, 0) + 1

    def encode(value):
        return sums([categorical(spec, counts, item) for item in items_of(spec, value)], spec.normalize)

    return encode


def sums(labels, normalize):
    total = {} if labels else {"=<missing>": 1}
    for label in labels:
        total[label] = total.get(label, 0) + (1 / len(labels) if normalize else 1)
    return total


def learn_bucket(name, spec, training):
    numbers = sorted(value + 0.0 for value in training if not is_missing(value))
    edges = bucket_edges(spec, numbers)

    def encode(value):
        if is_missing(value):
            return {"=<missing>": 1}
        return {f"={interval(edges, value)}": 1}

    return encode


def bucket_edges(spec, numbers):
    if spec.edges is not None:
        return list(spec.edges)
    if not numbers:
        return []
    if spec.width is not None:
        first, last = math.floor(numbers[0] / spec.width) + 1, math.floor(numbers[-1] / spec.width)
        return [i * spec.width for i in range(first, last + 1)]
    if spec.log is not None:
        powers, n = [], 0
        while spec.log**n <= max(abs(numbers[0]), abs(numbers[-1])):
            powers.append(spec.log**n)
            n += 1
        edges = [-power for power in reversed(powers)] + [0] + powers
        return [edge for edge in edges if numbers[0] < edge <= numbers[-1]]
    last = len(numbers) - 1
    points = [numbers[math.ceil(i / spec.quantiles * last - 1e-9)] for i in range(spec.quantiles)]
    repeated = {point for point in points if points.count(point) > 1}
    following = {min((n for n in numbers if n > point), default=point) for point in repeated}
    return sorted(({*points} | following) - {numbers[0]})


def interval(edges, value):
    below = [edge for edge in edges if edge <= value]
    above = [edge for edge in edges if edge > value]
    low = f"[{brief(below[-1])}" if below else "(-inf"
    return f"{low}, {brief(above[0]) if above else 'inf'})"


def brief(number):
    return repr(float(number)).removesuffix(".0")


def learn_standard(name, spec, training):
    numbers = [value for value in training if not is_missing(value)]
    mean = sum(numbers) / len(numbers) if numbers else 0
    deviation = math.sqrt(sum((value - mean) ** 2 for value in numbers) / len(numbers)) if numbers else 0

    def encode(value):
        if is_missing(value):
            return {"=<missing>": 1}
        return {"": (value - mean) / (deviation if deviation > 1e-12 * abs(mean) else 1)}

    return encode


PERIODS = {"quarter": 4, "month": 12, "day": 31, "dayofyear": 366, "weekday": 7}


def parts_of(time):
    weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    return {
        "year": time.year,
        "quarter": (time.month + 2) // 3,
        "month": time.month,
        "day": time.day,
        "dayofyear": time.timetuple().tm_yday,
        "weekday": weekdays[time.weekday()],
        "hour": time.hour,
        "minute": time.minute,
    }


def phase_of(time, part):
    second = time.second + time.microsecond / 1e6
    if part == "hour":
        return (time.hour + (time.minute + second / 60) / 60) / 24
    if part == "minute":
        return (time.minute + second / 60) / 60
    if part == "weekday":
        return time.weekday() / 7
    return (parts_of(time)[part] - 1) / PERIODS[part]


def learn_date(name, spec, training):
    times = [parse(spec, value) for value in training if not is_missing(value)]
    years = [time.year for time in times] or [1970]
    at = parse(spec, spec.age_at) if spec.age_at else max(times, default=datetime(1970, 1, 1, tzinfo=UTC))

    def encode(value):
        if is_missing(value):
            return {"=<missing>": 1}
        time = parse(spec, value)
        parts = parts_of(time) | {"year": min(max(time.year, min(years)), max(years))}
        row = {f".{part}={parts[part]}": 1 for part in spec.parts}
        for part in spec.cyclic:
            angle = 2 * math.pi * phase_of(time, part)
            row |= {f".{part}.sin": math.sin(angle), f".{part}.cos": math.cos(angle)}
        if spec.age_days:
            row[f".age_days={interval(spec.age_days, (at - time).total_seconds() / 86400)}"] = 1
        return row

    return encode


def parse(spec, value):
    time = datetime.strptime(value, spec.format) if spec.format else datetime.fromisoformat(value)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def learn_text(name, spec, training):
    def encode(value):
        text = value if value is None or not spec.lowercase else value.lower()
        options = {"words": spec.words or (0, 0), "characters": spec.characters or (0, 0)}
        buckets = raw_text.ngram_buckets(text, spec.hash_dim, lowercase=spec.lowercase, **options)
        return sums([f"#{bucket}" for bucket in buckets], spec.normalize)

    return encode


LEARNERS = {
    Id: learn_id, Multi: learn_multi, Bucket: learn_bucket, Standard: learn_standard, Date: learn_date,
    Text: learn_text,
}  # fmt: skip


def as_dicts(matrix, names):
    """Turn a scipy matrix back into dicts."""
    rows = []
    for i in range(matrix.shape[0]):
        span = slice(matrix.indptr[i], matrix.indptr[i + 1])
        rows.append(dict(zip(names[matrix.indices[span]], matrix.data[span].tolist(), strict=True)))
    return rows


def assert_same(got, expected):
    """Compare dicts, leaving out exact zeros."""
    for i, pair in enumerate(zip(got, expected, strict=True)):
        row, wanted = ({name: value for name, value in each.items() if abs(value) > 1e-6} for each in pair)
        assert row.keys() == wanted.keys(), f"row {i}: {row} != {wanted}"
        np.testing.assert_allclose(
            [row[name] for name in wanted], list(wanted.values()), rtol=1e-5, atol=1e-6
        )
