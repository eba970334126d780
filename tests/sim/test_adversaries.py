"""Nodes that break the protocol: the others agree, go on, and know who it was."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from node.base import fixed, scale
from node.consensus.certifier.handler import TOPIC as CERTIFY_TOPIC
from node.consensus.malfeasance.wire import (
    HareEquivocation,
    InvalidPostIndex,
    InvalidPreviousAtx,
    MalfeasanceGossip,
    MalfeasanceProof,
    MultipleAtxs,
    MultipleBallots,
)
from node.consensus.tortoise.ballots import WEIGHTLESS
from node.net.memory import MemoryEnd
from node.net.ports import PeerID
from node.sim.adversaries.end import AdversarialEnd
from node.sim.adversaries.noise import MalformedBytes
from node.sim.adversaries.registry import ADVERSARIES, Cast
from node.sim.adversaries.serving import WrongAnswers
from node.sim.adversaries.voting import LAYERS_WITHHELD
from node.sim.links import Randomness, SeededLinks
from node.sim.virtual_time import simulate
from node.sim.world import SimulatedNode, World, world_config
from node.store.activesets import get_active_set
from node.store.atxs import atx_ids_in_epoch, atx_ids_of_smesher_in_epoch, atxs_in_epoch
from node.store.ballots import ballots_between, ballots_in_layer
from node.store.beacons import find_beacon
from node.store.identities import find_malfeasance, get_malfeasance, malicious_smeshers
from node.store.layers import find_applied_block, find_state_hash
from node.store.rewards import rewards_of_smesher
from node.types.ballot import Ballot
from node.types.ids import NO_BLOCK
from node.types.layer import EpochID, LayerID

FIRST_LAYER = 20
"""First one with ballots."""
NEXT_EPOCH = 30
LAST = 36
NS_PER_MS = 10**6
HONEST, LIAR, LATE = 3, 3, 4
JOINS = 26
NETWORK = {
    "main.standalone": "false",
    # One of four is a quarter: an active set that leaves it out has to do.
    "main.miner-good-atxs-percent": "50",
    "syncer.malfeasance-sync.min-sync-peers": "1",
    "syncer.malfeasance-sync.id-request-interval": "20s",
}
PROOFS = {
    "double-atxs": MultipleAtxs,
    "many-atxs": MultipleAtxs,
    "double-ballots": MultipleBallots,
    "double-hare": HareEquivocation,
    "wrong-post": InvalidPostIndex,
    "wrong-previous": InvalidPreviousAtx,
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Outcome:
    """Three honest nodes and an adversary, after six layers of the second epoch."""

    empty_layers = 0
    """Layers that an adversary may keep from having a block."""

    settings: ClassVar[Mapping[str, str]] = {}
    """What the network does otherwise than NETWORK says."""

    def __init__(self, folder: Path, name: str, *, late: bool = False, seed: int = 1) -> None:
        self.cast = Cast(parts={LIAR: name}, seed=seed)
        self.late = late
        self.gossiped: list[bytes] = []
        """Proofs that went over the network."""
        self.world = World(
            folder=folder,
            seed=seed,
            config=world_config(folder, {**NETWORK, **self.settings}),
            links=SeededLinks(Randomness(b"links %d" % seed)),
            adjust=self.cast.adjust,
        )
        self.liar = self.world.signer(LIAR).smesher_id
        try:
            simulate(self._run())
        finally:
            self.world.close()

    async def _run(self) -> None:
        for number in range(HONEST + 1):
            self.world.add_node(number)
        observer = self.world.network.join("observer")
        observer.register("mp1", self._observe)
        async with self.world.running():
            observer.start(self.world._tasks)
            if self.late:
                await self.world.until_layer(JOINS)
                self.world.start(self.world.add_node(LATE).name)
            await self.watch()
            await self.world.until_layer(LAST)
            self.check_agreement()
            self.check_convictions()
            self.examine()

    async def _observe(self, peer: PeerID, data: bytes) -> None:
        self.gossiped.append(data)

    async def watch(self) -> None:
        """Look at what is particular to an adversary while the world runs."""

    def examine(self) -> None:
        """Check what is particular to an adversary, while the databases are open."""

    @property
    def honest(self) -> list[SimulatedNode]:
        return [one for one in self.world.nodes.values() if self.cast.is_honest(one.number)]

    @property
    def end(self) -> AdversarialEnd:
        end = self.world.nodes[f"node{LIAR}"].node.environment.network
        assert isinstance(end, AdversarialEnd)
        return end

    def check_agreement(self) -> None:
        for one in self.honest:
            assert one.node.sync.is_synced
            assert one.node.mesh.applied >= LAST - 2
        empty = 0
        for number in range(FIRST_LAYER, LAST - 1):
            layer = LayerID(number)
            assert len({find_state_hash(one.node.db, layer) for one in self.honest}) == 1
            (block,) = {find_applied_block(one.node.db, layer) for one in self.honest}
            empty += block in {NO_BLOCK, None}
        assert empty <= self.empty_layers
        for epoch in map(EpochID, (1, 2)):
            assert len({tuple(atx_ids_in_epoch(one.node.db, epoch)) for one in self.honest}) == 1
        (beacon,) = {find_beacon(one.node.db, EpochID(3)) for one in self.honest}
        assert beacon is not None

    def check_convictions(self) -> None:
        convicted = [self.liar] if self.cast.parts[LIAR] in PROOFS else []
        for one in self.honest:
            assert list(malicious_smeshers(one.node.db)) == convicted

    def paid(self) -> list[LayerID]:
        """Return the layers whose blocks reward the adversary."""
        (first, *_) = self.honest
        found = rewards_of_smesher(first.node.db, self.liar, LayerID(0), LayerID(LAST))
        return [reward.layer for reward in found]

    def ballots(self, one: SimulatedNode, first: int = FIRST_LAYER) -> Iterator[Ballot]:
        """Yield the ballots of the adversary that a node has."""
        found = ballots_between(one.node.db, LayerID(first), LayerID(LAST))
        return (ballot for ballot in found if ballot.smesher == self.liar)


class Condemned(Outcome):
    """The adversary is found out, and counts nowhere any more."""

    def examine(self) -> None:
        name = self.cast.parts[LIAR]
        for one in self.honest:
            proof = scale.decode(MalfeasanceProof, get_malfeasance(one.node.db, self.liar).proof)
            assert isinstance(proof.data, PROOFS[name])
            self.check_weight(one)
        told = [scale.decode(MalfeasanceGossip, data).proof.data for data in self.gossiped]
        if name == "double-hare":
            # Hare's proofs are not gossiped: who was not there has them by asking.
            assert told == []
        else:
            assert {type(data) for data in told} == {PROOFS[name]}

    def check_weight(self, one: SimulatedNode) -> None:
        """Check that a node gives the adversary no weight in its second epoch."""
        node = one.node
        assert node.atxdata.is_malicious(self.liar)
        assert node.tortoise.describe().malicious == 1
        for epoch in (3, 4):
            # Hare convicts after the ATX of the epoch came in: what is counted stays counted.
            if epoch == 4 or self.cast.parts[LIAR] != "double-hare":
                assert node.tortoise._state.epoch(epoch).weight == self.honest_weight(one, epoch)
        own = set(atx_ids_of_smesher_in_epoch(node.db, self.liar, EpochID(2)))
        references = [
            ballot.inner.epoch_data
            for ballot in ballots_between(node.db, LayerID(NEXT_EPOCH), LayerID(LAST))
            if ballot.inner.epoch_data is not None and ballot.smesher != self.liar
        ]
        assert references
        for data in references:
            assert data is not None
            assert not own & set(get_active_set(node.db, data.active_set_hash).atx_ids)
        assert [layer for layer in self.paid() if layer >= NEXT_EPOCH] == []
        if one.number == LATE:
            return
        for ballot in self.ballots(one, NEXT_EPOCH):
            known = node.tortoise._state.ballots.find(ballot.id)
            assert known is not None
            group, row = known
            assert group.marks[row] & WEIGHTLESS

    def honest_weight(self, one: SimulatedNode, epoch: int) -> int:
        """Return the weight of everybody else in an epoch, fixed point."""
        return sum(
            fixed.from_int(atx.weight)
            for atx in atxs_in_epoch(one.node.db, EpochID(epoch - 1))
            if atx.smesher != self.liar
        )


@pytest.mark.parametrize("name", sorted(PROOFS))
def test_misbehaviour_that_can_be_proven_costs_all_weight(tmp_path: Path, name: str) -> None:
    # What is not gossiped must reach those who come later as well.
    outcome = Condemned(tmp_path, name, late=name == "double-hare")
    assert ADVERSARIES[name].is_convicted
    assert len(outcome.honest) == HONEST + (name == "double-hare")


class Invalid(Outcome):
    """ATXs that break a rule are not stored, and their sender is dropped."""

    def examine(self) -> None:
        for one in self.honest:
            assert list(atx_ids_of_smesher_in_epoch(one.node.db, self.liar, EpochID(1)))
            assert not list(atx_ids_of_smesher_in_epoch(one.node.db, self.liar, EpochID(2)))
            assert one.end.has_dropped(self.end.local)


@pytest.mark.parametrize("name", ["wrong-membership", "forged-poet"])
def test_an_atx_without_a_poet_behind_it_is_worth_nothing(tmp_path: Path, name: str) -> None:
    Invalid(tmp_path, name)


class Withheld(Outcome):
    """Ballots that come late are there in the end, and change nothing that was applied."""

    def examine(self) -> None:
        withheld = range(FIRST_LAYER, FIRST_LAYER + LAYERS_WITHHELD)
        for one in self.honest:
            layers = {ballot.layer for ballot in self.ballots(one)}
            # The first one comes with those that refer to it.
            assert {FIRST_LAYER, FIRST_LAYER + LAYERS_WITHHELD} <= layers
        assert FIRST_LAYER + LAYERS_WITHHELD in self.paid()
        assert not set(self.paid()) & set(withheld)


def test_ballots_that_were_withheld_come_too_late(tmp_path: Path) -> None:
    Withheld(tmp_path, "withheld-ballots")


class Balanced(Outcome):
    """A quarter of the weight cannot keep the layers in doubt for long.

    With so few votes before a layer has to be decided by them (two layers of three nodes),
    one or another is not: then its block is left out, by all.
    """

    empty_layers = 2

    def examine(self) -> None:
        assert list(self.ballots(self.honest[0]))
        for one in self.honest:
            assert one.node.tortoise.describe().verified >= LAST - 3


def test_a_minority_cannot_keep_the_sides_equal(tmp_path: Path) -> None:
    Balanced(tmp_path, "balancing-ballots")


class SplitVotes(Outcome):
    """For one half of the honest nodes all is decided, the other half is in doubt.

    Where a quarter of the weight decides, as in the preset, three votes of four outweigh any
    fourth.  Where all of it has to, the adversary's votes make the difference, until the weak
    coin lets those in doubt vote like the others, and the margins of all rounds add up.
    """

    settings: ClassVar[Mapping[str, str]] = {"beacon.beacon-theta": "1"}

    async def watch(self) -> None:
        await self.world.until_layer(FIRST_LAYER)
        config = self.world.config.beacon
        counted_ns = config.proposal_duration + config.first_voting_round_duration
        await self.world.clock.sleep_until(self.world.clock.now_ns() + counted_ns - NS_PER_MS)
        tallies = [one.node.beacon.machine(EpochID(2)).tally() for one in self.honest]
        assert {len(tally.support) for tally in tallies} == {0, HONEST + 1}
        assert all(tally.undecided or tally.support for tally in tallies)


def test_split_votes_do_not_split_the_beacon(tmp_path: Path) -> None:
    SplitVotes(tmp_path, "split-beacons")


class FalseBeacon(Outcome):
    """Proposals for another beacon are not paid."""

    def examine(self) -> None:
        false = {ballot.inner.epoch_data for ballot in self.ballots(self.honest[0], NEXT_EPOCH)}
        assert false
        wrong = find_beacon(self.world.nodes[f"node{LIAR}"].node.db, EpochID(3))
        assert all(find_beacon(one.node.db, EpochID(3)) != wrong for one in self.honest)
        assert [layer for layer in self.paid() if layer >= NEXT_EPOCH] == []
        assert self.paid()


def test_a_false_beacon_pays_nothing(tmp_path: Path) -> None:
    FalseBeacon(tmp_path, "false-beacons")


class Malformed(Outcome):
    """Whoever sends malformed bytes is dropped by everybody who listened."""

    def __init__(self, folder: Path, reasons: Mapping[tuple[PeerID, PeerID], str]) -> None:
        self.reasons = reasons
        """Why an end dropped a peer."""
        super().__init__(folder, "malformed")

    def examine(self) -> None:
        tactic = self.end.tactic
        assert isinstance(tactic, MalformedBytes)
        ends = {one.end.local: one.end for one in self.honest}
        # A node listens to all topics once it is synced, to votes on beacons only in its runs.
        listened = [sent for sent in tactic.sent if sent[0] in {"ax1", "pp1", "bc1", "hare"}]
        assert len(listened) > 50
        for _, stranger, peers in listened:
            for peer in peers & ends.keys():
                assert ends[peer].has_dropped(stranger)
        # What vouches for a certified block is passed on without a look at its signature, as in
        # the reference, and whoever has no certificate yet leaves an honest peer for it.
        unchecked = f"invalid message of {CERTIFY_TOPIC}"
        quarrels = {pair: why for pair, why in self.reasons.items() if ends.keys() >= set(pair)}
        assert set(quarrels.values()) <= {unchecked}


def test_malformed_bytes_cost_the_connection(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reasons: dict[tuple[PeerID, PeerID], str] = {}
    drop = MemoryEnd.drop

    def dropping(end: MemoryEnd, peer: PeerID, reason: str) -> None:
        reasons[end.local, peer] = reason
        drop(end, peer, reason)

    monkeypatch.setattr(MemoryEnd, "drop", dropping)
    Malformed(tmp_path, reasons)
    assert reasons


class Strangers(Outcome):
    """Identities without an ATX leave no trace."""

    def examine(self) -> None:
        known = {self.world.signer(number).smesher_id for number in range(HONEST + 1)}
        for one in self.honest:
            for epoch in (1, 2):
                authors = {atx.smesher for atx in atxs_in_epoch(one.node.db, EpochID(epoch))}
                assert authors == known
            for layer in range(FIRST_LAYER, LAST):
                voters = {b.smesher for b in ballots_in_layer(one.node.db, LayerID(layer))}
                assert voters <= known


def test_spam_of_strangers_leaves_no_trace(tmp_path: Path) -> None:
    Strangers(tmp_path, "spam")


def test_old_messages_change_nothing(tmp_path: Path) -> None:
    Strangers(tmp_path, "old-messages")


class Liars(Outcome):
    """A node that comes late drops whoever answers wrongly, and asks the others."""

    def examine(self) -> None:
        tactic = self.end.tactic
        assert isinstance(tactic, WrongAnswers)
        assert tactic.wrong
        late = self.world.nodes[f"node{LATE}"].end
        assert late.has_dropped(self.end.local)
        for one in self.honest:
            assert not late.has_dropped(one.end.local)
            assert find_malfeasance(one.node.db, self.liar) is None


def test_wrong_answers_do_not_keep_a_node_from_coming_in(tmp_path: Path) -> None:
    Liars(tmp_path, "wrong-answers", late=True)


def test_every_adversary_is_tried() -> None:
    tried = {
        "wrong-membership",
        "forged-poet",
        "withheld-ballots",
        "balancing-ballots",
        "split-beacons",
        "false-beacons",
        "malformed",
        "spam",
        "old-messages",
        "wrong-answers",
    }
    assert tried | PROOFS.keys() == ADVERSARIES.keys()
