"""The part of JSONPath that SageMaker takes."""

import pytest

from pairloom.errors import DataError, UserError
from pairloom.serving.transform.json_path import JsonPath

RECORD = {"id": 7, "features": [1, 2, 3], "a": {"b c": {"d": None}}, "rows": [{"x": 1}, {"x": 2}]}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", RECORD), (" $ ", RECORD), ("$.id", 7), ("$['id']", 7), ('$["id"]', 7), ("$.a['b c'].d", None),
        ("$.a.['b c']", {"d": None}), ("$['id','features']", {"id": 7, "features": [1, 2, 3]}),
        ("$.features[0]", 1), ("$.features[-1]", 3), ("$.features[0,-1]", [1, 3]), ("$.features[ 2 , 0 ]", [3, 1]),
        ("$.features[*]", [1, 2, 3]), ("$.features.*", [1, 2, 3]), ("$.a.*", [{"d": None}]), ("$.rows[*].x", [1, 2]),
        ("$.rows.x", [1, 2]),
    ],
)  # fmt: skip
def test_paths_into_objects(path, expected):
    assert JsonPath(path).of(RECORD) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$[1:4]", [1, 2, 3, 4]), ("$[5:]", [5]), ("$[:5]", [0, 1, 2, 3, 4, 5]), ("$[:]", [0, 1, 2, 3, 4, 5]),
        ("$[0,4:]", [0, 4, 5]), ("$[4:,0]", [4, 5, 0]), ("$[-2:]", [4, 5]), ("$[:-2]", [0, 1, 2, 3, 4]),
        ("$[3:2]", []), ("$[9:]", []), ("$[4:99]", [4, 5]), ("$[-99:0]", [0]), ("$[2]", 2),
    ],
)  # fmt: skip
def test_places_as_the_guide_counts_them(path, expected):
    assert JsonPath(path).of(list(range(6))) == expected


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("$.none", "expected a member 'none' for $.none. Got an object with 'id', 'features', 'a', 'rows'."),
        ("$['id','none']", "expected a member 'none'"), ("$[0]", "expected an array for $[0]. Got an object"),
        ("$.features[3]", "expected an item 3 for $.features[3]. Got 3 items."), ("$.features[0,-4]", "an item -4"),
        ("$.id.x", "a member 'x' for $.id.x. Got int"), ("$.id.*", "an array"), ("$.id[0:1]", "an array"),
    ],
)  # fmt: skip
def test_what_is_not_there(path, message):
    with pytest.raises(DataError) as caught:
        JsonPath(path).of(RECORD)
    assert message.lower() in str(caught.value).lower()


@pytest.mark.parametrize(
    "path",
    [
        "", "x", "id", "$id", "$.", "$..id", "$[", "$[]", "$[,]", "$[1,]", "$[a]", "$['a]", "$['a',1]", "$[1:2:3]",
        "$[?(@.x)]", "$[(1)]", "$.a b", "$.length()", "$.f[1]]", "$[1.5]", "$" + ".a" * 40,
    ],
)  # fmt: skip
def test_what_is_no_such_path(path):
    with pytest.raises(UserError, match="'input_filter' must be a JSONPath of at most 63 characters"):
        JsonPath(path, "input_filter")
