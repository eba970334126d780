"""Objects with a changed field."""

from node.base import scale
from node.types.ballot import EpochData, Vote, Votes
from node.types.ids import BallotID, Beacon, BlockID, Hash32
from node.types.layer import LayerID
from scripts.fuzzing.draws import Draws
from scripts.fuzzing.fields import FieldChanger, leaves, put

VOTE = Vote(block=BlockID(bytes(20)), layer=LayerID(3), height=4)
VOTES = Votes(
    base=BallotID(b"b" * 20), support=(VOTE, VOTE), against=(), abstain=(LayerID(1), LayerID(2))
)


def test_everything_inside_an_object_is_found() -> None:
    found = {leaf.path: leaf for leaf in leaves(VOTES)}
    assert found[("support", 1, "height")].value == 4
    assert found[("support", 1, "height")].owner == "Vote.height"
    assert found[("abstain", 0)].owner == "Votes.abstain[]"


def test_a_part_is_replaced() -> None:
    changed = put(VOTES, ("support", 1, "height"), 9)
    assert [vote.height for vote in changed.support] == [4, 9]
    assert put(changed, ("support", 1, "height"), 4) == VOTES


def test_a_changed_object_can_be_written() -> None:
    changer = FieldChanger((VOTES,))
    names = set()
    for number in range(300):
        name, changed = changer.change(Draws(number), VOTES)
        scale.decode(Votes, scale.encode(changed))
        names.add(name)
    assert names >= {"Votes.base", "Votes.support", "Votes.abstain[]", "Vote.layer"}


def test_a_value_that_is_absent_comes_from_another_object() -> None:
    data = EpochData(active_set_hash=Hash32.zero(), beacon=Beacon.zero(), eligibility_count=7)
    changer = FieldChanger((data,))
    counts = {changer.change(Draws(number), data)[1].eligibility_count for number in range(100)}
    assert {0, 6, 8, (1 << 32) - 1} <= counts
