"""How values are shown, and how many differences are kept."""

import pytest

from node.base.errors import IgnoreError, RejectError
from node.checkpoint.audit.findings import KEPT_FINDINGS, Ledger, ObjectKind, shown
from node.types.ids import AtxID


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (b"", "no bytes"),
        (AtxID(b"\x01" * 32), "01" * 32),
        (ObjectKind.POET, "PoET proof"),
        ((1, b"\x02"), "1, 02"),
        ((), "none"),
        ("", "no text"),
        (7, "7"),
    ],
)
def test_values_are_shown_in_full(value: object, text: str) -> None:
    assert shown(value) == text


def test_all_differences_are_counted_and_the_first_kept() -> None:
    ledger = Ledger()
    for number in range(KEPT_FINDINGS + 5):
        assert not ledger.compare(ObjectKind.ATX, number, "rule", 1, 2)
    assert (len(ledger.findings), ledger.differences) == (KEPT_FINDINGS, KEPT_FINDINGS + 5)
    assert ledger.tallies[ObjectKind.ATX].findings["rule"] == KEPT_FINDINGS + 5


@pytest.mark.parametrize("error", [RejectError("broken"), IgnoreError("wrong proof")])
def test_a_rule_that_raises_is_broken(error: Exception) -> None:
    ledger = Ledger()

    def check() -> None:
        raise error

    assert not ledger.judge(ObjectKind.BALLOT, b"\x01", "signature", check)
    (finding,) = ledger.findings
    assert (finding.id, finding.ours, finding.recorded) == ("01", str(error), "stored as valid")
    assert ledger.judge(ObjectKind.BALLOT, b"\x01", "signature", lambda: None)
    assert ledger.tallies[ObjectKind.BALLOT].checks["signature"] == 2


def test_several_pairs_are_compared_by_their_rules() -> None:
    ledger = Ledger()
    assert not ledger.compare_all(ObjectKind.ATX, "a", {"one": (1, 1), "other": (1, 2)})
    assert ledger.tallies[ObjectKind.ATX].checks == {"one": 1, "other": 1}
    assert ledger.tallies[ObjectKind.ATX].findings == {"other": 1}
