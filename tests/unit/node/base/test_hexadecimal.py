"""What Go finds wrong with hexadecimal text."""

import pytest

from node.base.hexadecimal import hex_problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0aF1", ""),
        ("0ag", "encoding/hex: invalid byte: U+0067 'g'"),
        ("0", "encoding/hex: odd length hex string"),
    ],
)
def test_hex_is_judged_as_go_judges_it(text: str, problem: str) -> None:
    assert hex_problem(text) == problem
