"""Active sets that are forgotten, or have members that nobody knows."""

from node.base import scale
from node.checkpoint.audit.findings import ObjectKind
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.ids import (
    AtxID,
)
from node.types.layer import EpochID
from tests.support.audits import Recorded, unchecked

K = ObjectKind
UNKNOWN = AtxID(b"u" * 32)


def test_a_forgotten_active_set_is_no_difference(chain: Recorded) -> None:
    chain.run("DELETE FROM activesets")
    report = chain.audit()
    assert report.findings == ()
    assert unchecked(report, K.BALLOT) == {"its active set is not in the file": 1}
    seats = "the committee of its layer does not follow from the file"
    assert unchecked(report, K.CERTIFICATE) == {seats: 3}


def test_an_unknown_member_of_an_active_set_is_found(chain: Recorded) -> None:
    for members, found in (
        ((UNKNOWN,), [(K.ATX, "in the file")]),
        ((), [(K.ACTIVE_SET, "members")]),
        ((UNKNOWN, AtxID(b"a" * 32)), [(K.ACTIVE_SET, "order")]),
    ):
        chain.run("DELETE FROM activesets WHERE epoch = 2 AND length(active_set) != 34")
        wrong = EpochActiveSet(epoch=EpochID(2), atx_ids=tuple(members))
        chain.run(
            "INSERT INTO activesets VALUES (?, ?, 2)",
            active_set_hash(wrong.atx_ids),
            scale.encode(wrong),
        )
        assert set(found) <= set(chain.differences())
        chain.run("DELETE FROM activesets WHERE id = ?", active_set_hash(wrong.atx_ids))
