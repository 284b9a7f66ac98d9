"""How the documentation's shown output is compared with what a command prints."""

import pytest

from documentation import matches


@pytest.mark.parametrize(
    ("shown", "got", "same"),
    [
        ("a b", "a   b\n", True),
        ("a b", "a b c", False),
        ("a ... c", "a b b c", True),
        ("a ... c", "a b c d", False),
        ("... c", "a c c", True),
        ("a ...", "b a", False),
        ("x 1.00 ... y", "x 1.02 z y", True),
        ("x 1.00 ... y", "x 2.00 z y", False),
        ("... 5.00 ... end", "1.00 5.01 and the end", True),
        ("... 5.00 ... end", "1.00 2.01 and the end", False),
        ("a ... a", "a", False),
    ],
)
def test_output_is_compared_part_by_part(shown, got, same):
    assert matches(shown, got) is same


def test_many_gaps_in_a_long_output_are_compared_at_once():
    # By one regular expression this would take longer than anybody waits.
    assert not matches("a ... " * 30 + "end", "a " * 3000)
    assert matches("a ... " * 30 + "end", "a " * 3000 + "end")
