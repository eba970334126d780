"""Valid records with what a test cares about changed: ATXs, ballots, blocks, smeshers."""

from dataclasses import replace
from pathlib import Path

from node.consensus.atxdata import AtxData
from node.crypto.ed25519 import Signer, private_key_of
from node.store.activesets import put_active_set
from node.store.atxs import put_atx
from node.store.ballots import put_ballot
from node.store.db import LevelDB
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.address import Address
from node.types.atx import Atx
from node.types.ballot import Ballot, EpochData, InnerBallot, Votes, VotingEligibility
from node.types.block import AnyReward, Block, InnerBlock, RationalWeight
from node.types.ids import (
    NO_ATX,
    NO_BALLOT,
    AtxID,
    BallotID,
    Beacon,
    EdSignature,
    GenesisID,
    Hash32,
    SmesherID,
    TransactionID,
    VrfSignature,
)
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime

GENESIS = GenesisID(b"test-network-genesis")
NS = 10**9
TIME = LayerTime(genesis_ns=1_000 * NS, layer_duration_ns=10 * NS, layers_per_epoch=4)
BEACON = Beacon(b"\x01\x02\x03\x04")


def signer(number: int) -> Signer:
    """Return smesher number ``number``."""
    return Signer(private_key_of(bytes([number]) * 32), GENESIS)


def atx(number: int, **changed: object) -> Atx:
    """Return the ATX of smesher ``number``, published in epoch 1."""
    plain = Atx(
        id=AtxID(bytes([number]) * 32),
        smesher=signer(number).smesher_id,
        publish_epoch=EpochID(1),
        sequence=0,
        commitment_atx=None,
        previous_atx=NO_ATX,
        coinbase=Address(bytes(4) + bytes([number]) * 20),
        num_units=4,
        vrf_nonce=7,
        base_tick_height=0,
        tick_count=25,
        weight=100,
        received_ns=1,
        version=1,
    )
    return replace(plain, **changed)  # type: ignore[arg-type]


def ballot(
    number: int,
    layer: int,
    *,
    data: EpochData | None = None,
    reference: BallotID = NO_BALLOT,
    slots: int = 1,
    atx_id: AtxID | None = None,
) -> Ballot:
    """Return a ballot of smesher ``number``; signatures are left empty."""
    eligibility = VotingEligibility(j=0, sig=VrfSignature.zero())
    return Ballot(
        inner=InnerBallot(
            layer=LayerID(layer),
            atx_id=atx_id or AtxID(bytes([number]) * 32),
            opinion_hash=Hash32.zero(),
            ref_ballot=reference,
            epoch_data=data,
        ),
        signature=EdSignature.zero(),
        smesher=signer(number).smesher_id,
        votes=Votes(base=BallotID.zero(), support=(), against=(), abstain=()),
        eligibilities=(eligibility,) * slots,
        active_set=(),
    )


def block(layer: int, *atxs: Atx, tx_ids: tuple[TransactionID, ...] = ()) -> Block:
    """Return a block that rewards some ATXs equally."""
    weight = RationalWeight(numerator=1, denominator=1)
    rewards = tuple(AnyReward(atx_id=a.id, weight=weight) for a in atxs)
    return Block(
        inner=InnerBlock(layer=LayerID(layer), tick_height=1, rewards=rewards, tx_ids=tx_ids)
    )


class Chain:
    """A store and an ATX cache with what a test put into them."""

    def __init__(self, folder: Path) -> None:
        self.db = LevelDB(folder / "state")
        self.atxdata = AtxData()

    def add_atx(self, added: Atx) -> Atx:
        """Store and cache an ATX."""
        with self.db.batch(sync=False) as batch:
            put_atx(batch, added, blob=b"atx")
        self.atxdata.add_atx(added)
        return added

    def add_ballot(self, added: Ballot) -> Ballot:
        """Store a ballot."""
        with self.db.batch(sync=False) as batch:
            put_ballot(batch, added)
        return added

    def add_reference(
        self, number: int, layer: int, members: list[Atx], beacon: Beacon = BEACON
    ) -> Ballot:
        """Store a reference ballot and the active set it names."""
        ids = tuple(sorted(member.id for member in members))
        digest = active_set_hash(ids)
        epoch = TIME.epoch_of(LayerID(layer))
        with self.db.batch(sync=False) as batch:
            put_active_set(batch, digest, EpochActiveSet(epoch=epoch, atx_ids=ids))
        data = EpochData(active_set_hash=digest, beacon=beacon, eligibility_count=1)
        return self.add_ballot(ballot(number, layer, data=data))


def smesher_id(number: int) -> SmesherID:
    """Return the identity of smesher ``number``."""
    return signer(number).smesher_id
