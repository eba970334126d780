"""The VM on a recorded chain: all blocks, and three submissions of each kind."""

from pathlib import Path

import pytest

from scripts.vectors import chain_vm
from scripts.vectors.family import Family

DATA = Path(__file__).parent.parent / "data" / "vectors"
SIZES = {
    "chain/replay": 284,
    "chain/txs": 171,
    "chain/checkpoint-snapshot-60": 19,
    "chain/checkpoint-snapshot-6000": 19,
}


@pytest.mark.parametrize("family", chain_vm.FAMILIES, ids=lambda family: family.name)
def test_the_chain_is_reproduced(family: Family) -> None:
    assert family.check is not None
    cases = list(family.check(DATA))
    assert len(cases) == SIZES[family.name]
    assert [case for case in cases if case.problem] == []
