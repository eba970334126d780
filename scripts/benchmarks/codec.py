"""A ballot with ten eligibilities: the generated codec beside one that reads annotations."""

from collections.abc import Iterator

from node.base import scale
from node.types.ballot import Ballot, EpochData, InnerBallot, Vote, Votes, VotingEligibility
from node.types.ids import (
    NO_BALLOT,
    AtxID,
    BallotID,
    Beacon,
    BlockID,
    EdSignature,
    Hash32,
    SmesherID,
    VrfSignature,
)
from node.types.layer import LayerID
from scripts.benchmarks.measurement import Measurement, rate
from tests.support import plain_scale

SECONDS = 1.0
"""Time for each figure."""
ELIGIBILITIES = 10
MICROSECONDS = 1e6

BALLOT = Ballot(
    inner=InnerBallot(
        layer=LayerID(120_000),
        atx_id=AtxID(bytes(range(32))),
        opinion_hash=Hash32(bytes(range(32))),
        ref_ballot=NO_BALLOT,
        epoch_data=EpochData(
            active_set_hash=Hash32(bytes(range(32))),
            beacon=Beacon(b"beac"),
            eligibility_count=ELIGIBILITIES,
        ),
    ),
    signature=EdSignature(bytes(range(64))),
    smesher=SmesherID(bytes(range(32))),
    votes=Votes(
        base=BallotID(bytes(range(20))),
        support=(Vote(block=BlockID(bytes(range(20))), layer=LayerID(119_999), height=300_000),),
        against=(),
        abstain=(),
    ),
    eligibilities=tuple(
        VotingEligibility(j=number, sig=VrfSignature(bytes(range(80))))
        for number in range(ELIGIBILITIES)
    ),
    active_set=(),
)


def measure() -> Iterator[Measurement]:
    """Yield the time one ballot takes, generated and plain."""
    data = scale.encode(BALLOT)
    operations = (
        ("decode", lambda: scale.decode(Ballot, data)),
        ("decode, clear", lambda: plain_scale.decode(Ballot, data)),
        ("encode", lambda: scale.encode(BALLOT)),
        ("encode, clear", lambda: plain_scale.encode(BALLOT)),
    )
    for name, operation in operations:
        taken = MICROSECONDS / rate(operation, SECONDS)
        yield Measurement(f"codec: ballot of {len(data)} bytes, {name}", taken, "us")
