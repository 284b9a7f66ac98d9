"""What a service model demands, in AWS's words; and that no pattern of it can be made to take long."""

import re
import signal
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.control_plane.wire.errors import AwsError
from pairloom.control_plane.wire.models import SERVICE_IDS, wire_service
from pairloom.control_plane.wire.patterns import fits
from pairloom.control_plane.wire.validation import LONGEST_MATCHED, check_input

LONG_S = 0.5
UNITS = (
    "a",
    "-",
    "a-",
    "a.",
    "a/",
    "0",
    "a=b",
    "a,",
    " ",
    "_",
    "aA0",
    "https://a/",
    "arn:aws:iam::000000000000:",
)


def refused(name, values, service_id="sagemaker"):
    with pytest.raises(AwsError) as caught:
        check_input(wire_service(service_id).operation(name).input_shape, values)
    assert caught.value.code == "ValidationException"
    return caught.value.message


def test_all_faults_are_told_at_once():
    message = refused("CreateModel", {"ModelName": "-" * 64, "Tags": [{"Key": "", "Value": "v"}]})
    assert message.startswith("3 validation errors detected: ")
    name = "-" * 64
    assert (
        f"Value '{name}' at 'modelName' failed to satisfy constraint: Member must have length less than or equal to 63"
    ) in message
    assert (
        f"Value '{name}' at 'modelName' failed to satisfy constraint: Member must satisfy regular" in message
    )
    assert (
        "Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater"
        in message
    )


def test_what_is_missing_is_told_by_its_path():
    assert refused("CreateModel", {}) == (
        "1 validation error detected: Value null at 'modelName' failed to satisfy constraint: Member must not be null"
    )
    values = {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "a"}, {}]}
    assert "Value null at 'productionVariants.2.member.variantName'" in refused(
        "CreateEndpointConfig", values
    )


def test_an_enum_is_told_with_its_values():
    message = refused("ListTrainingJobs", {"SortOrder": "Up"})
    assert message == (
        "1 validation error detected: Value 'Up' at 'sortOrder' failed to satisfy constraint: "
        "Member must satisfy enum value set: [Ascending, Descending]"
    )


def test_a_machine_of_ones_own_is_an_instance_type():
    shape = wire_service("sagemaker").operation("CreateEndpointConfig").input_shape
    variant = {"VariantName": "a", "ModelName": "m", "InstanceType": "local"}
    check_input(shape, {"EndpointConfigName": "c", "ProductionVariants": [variant]})


def test_numbers_have_bounds():
    assert "have value greater than or equal to 1" in refused("ListModels", {"MaxResults": 0})
    assert "Value '101' at 'maxResults'" in refused("ListModels", {"MaxResults": 101})


def test_of_a_union_one_is_set():
    values = {
        "AIRecommendationJobName": "a",
        "AdapterSource": {},
    }
    message = refused("CreateAIRecommendationJob", values)
    assert "Member must set exactly one of [modelPackageArns, s3Uris]" in message


def test_a_list_has_a_length():
    values = {"logGroupName": "g", "logStreamName": "s", "logEvents": []}
    assert "have length greater than or equal to 1" in refused("PutLogEvents", values, "logs")


def test_a_long_value_is_quoted_in_part():
    assert len(refused("DescribeModel", {"ModelName": "a" * 1_000_000})) < 3000


def test_a_map_is_checked_by_key_and_value():
    values = {
        "ModelName": "m",
        "PrimaryContainer": {"Image": "i", "Environment": {"A": "v" * 2000, "1": "v"}},
    }
    message = refused("CreateModel", values)
    assert "at 'primaryContainer.environment.A.member'" in message
    assert "Value '1' at 'primaryContainer.environment.key'" in message


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"\p{ASCII}*", ["", "a~\n"], ["é"]),
        (r"\A\S[\p{Print}]*\z", ["a b"], ["", " a", "a\n", "aé"]),
        (r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,256}", ["", "Ärger 1+1=2", "日本"], ["a;b", "a\n"]),
        (
            r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*",
            ["a\U0001f600", "\t"],
            ["\x00", "\x1b"],
        ),
        (r"[\w-_]*", ["a-b_c"], ["a b"]),
        (r"arn:[\p{Alnum}\-]+:lambda", ["arn:aws-cn:lambda"], ["arn::lambda", "arn:é:lambda"]),
    ],
)
def test_patterns_are_javas(pattern, good, bad):
    assert [value for value in good if not fits(pattern, value)] == []
    assert [value for value in bad if fits(pattern, value)] == []


@given(st.text("a-b/.", max_size=12))
def test_a_pattern_that_was_made_quick_describes_the_same(text):
    for pattern in (r"[a-z0-9]([-a-z0-9]*[a-z0-9]){0,39}?", r"https://([.\-_a-zA-Z0-9]+/?){3,1016}"):
        for value in (text, "https://" + text):
            assert fits(pattern, value) == (re.fullmatch(pattern, value) is not None)


def patterns():
    """Every pattern of every service, with the longest value that is held against it."""
    longest = {}
    for service_id in SERVICE_IDS:
        model = wire_service(service_id).model
        for name in model.shape_names:
            limits = model.shape_for(name).metadata
            if "pattern" in limits:
                size = min(limits.get("max", LONGEST_MATCHED), LONGEST_MATCHED)
                longest[limits["pattern"]] = max(size, longest.get(limits["pattern"], 0))
    return longest


def test_no_pattern_takes_long():
    def too_long(*_):
        raise TimeoutError

    slow, before = [], signal.signal(signal.SIGPROF, too_long)
    try:
        for pattern, size in patterns().items():
            fits(pattern, "")  # compiled
            for unit in UNITS:
                value = (unit * size)[: size - 1] + "\x00"
                signal.setitimer(signal.ITIMER_PROF, LONG_S)
                begin = time.process_time()
                try:
                    fits(pattern, value)
                except TimeoutError:
                    slow.append((pattern, unit, time.process_time() - begin))
                    break
                finally:
                    signal.setitimer(signal.ITIMER_PROF, 0)
    finally:
        signal.signal(signal.SIGPROF, before)
    assert slow == []
