"""PoST data recorded from the reference: a cut of every family."""

from pathlib import Path

import pytest

from scripts.vectors import post_data

DATA = Path(__file__).parent.parent / "data" / "vectors" / "post_data"
FAMILIES = {family.name: family for family in post_data.FAMILIES}


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_recorded_post_data_is_ours(name: str) -> None:
    check = FAMILIES[name].check
    assert check is not None
    compared = list(check(DATA))

    assert compared
    assert [case for case in compared if case.problem] == []
