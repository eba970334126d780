"""The beacon protocol alone: some epochs of it on many nodes, some of which are dishonest.

Every node has the handler, the service and the machine of the daemon; only links, clock and
keys come from the seed.  Dishonest nodes do all that can be done about a beacon: they give
their proposal away at the last moment, so that it is in time for some and late for others;
they tell every second node other first votes; and they vote the other way round there.

Honest nodes must not come to two different beacons.  Against a proposal that is in the first
votes of some only the protocol has no sure means, though: who gives theirs away so late and has
about a quarter of the weight divides the others with some seeds.

Source: beacon digest sections 6 and 9.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from node.base import scale
from node.config.durations import Nanoseconds
from node.config.model.consensus import BeaconConfig
from node.consensus.beacon.handler import (
    FIRST_VOTES,
    FOLLOWING_VOTES,
    PROPOSALS,
    WEAK_COIN,
    BeaconHandler,
)
from node.consensus.beacon.service import BeaconService
from node.consensus.beacon.weakcoin import WeakCoin
from node.consensus.beacon.wire import FirstVotesMessage, FollowingVotesMessage
from node.consensus.malfeasance.guard import EquivocationGuard
from node.crypto.ed25519 import Signer, Verifier
from node.events import Bus
from node.layer_ticker import LoopClock
from node.net.memory import MemoryEnd
from node.net.ports import Gossip
from node.sim.adversaries.signing import sign_first_votes_against, sign_opposite_votes
from node.sim.links import Randomness
from node.sim.smeshers import draw_atx, draw_network, draw_signers
from node.sim.two_faced import TwoFacedGossip
from node.sim.virtual_time import simulate
from node.store.atxs import put_atx
from node.store.db import LevelDB
from node.types.atx import Atx
from node.types.ids import Beacon, BeaconProposal
from node.types.layer import EpochID
from node.types.layer_time import LayerTime

SECOND_NS: Final = 10**9
TIME: Final = LayerTime(
    genesis_ns=1_700_000_000 * SECOND_NS, layer_duration_ns=300 * SECOND_NS, layers_per_epoch=20
)
FIRST_EPOCH: Final = 2
"""The one after the epoch of the effective genesis."""
LAST_MOMENT_NS: Final = SECOND_NS // 100
"""How long before the end of the phase a dishonest proposal arrives."""
SAMPLE_NS: Final = SECOND_NS // 1000
"""How long before the votes are counted they are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeaconPlan:
    """What is run; it determines everything that happens."""

    nodes: int
    epochs: int

    adversaries: int
    """Nodes that do what they can to divide the others."""

    rounds: int
    """Voting rounds, with the first one."""

    lost_per_million: int
    """Messages lost on each link, of a million."""

    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeVotes:
    """A node at the end of a round."""

    node: str
    support: int
    """Proposals that enough weight is for."""

    against: int
    undecided: int
    supported: tuple[BeaconProposal, ...]

    coin: bool | None
    """Thrown after the round, for the undecided; None after the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VotingRound:
    """A round of voting, when all votes of it that arrive have arrived."""

    epoch: EpochID
    round: int

    offset_s: float
    """When the votes are counted, after the start of the epoch."""

    nodes: tuple[NodeVotes, ...]
    """The honest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochOutcome:
    """What the honest nodes ended an epoch with."""

    epoch: EpochID
    """Epoch whose beacon it is."""

    beacons: dict[str, Beacon | None]

    @property
    def agreed(self) -> bool:
        """Tell whether no two nodes have different beacons."""
        return len({beacon for beacon in self.beacons.values() if beacon is not None}) <= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BeaconReport:
    """How a run went."""

    plan: BeaconPlan
    rounds: tuple[VotingRound, ...]
    outcomes: tuple[EpochOutcome, ...]

    @property
    def agreed(self) -> bool:
        """Tell whether the honest nodes agreed in every epoch."""
        return all(outcome.agreed for outcome in self.outcomes)


@dataclass
class WatchedCoin(WeakCoin):
    """A weak coin that remembers what was thrown."""

    thrown: dict[tuple[EpochID, int], bool | None] = field(default_factory=dict)

    def finish_round(self) -> bool | None:
        """See WeakCoin."""
        place = self._epoch, self._round
        self.thrown[place] = super().finish_round()
        return self.thrown[place]


@dataclass(kw_only=True)
class WatchedHandler(BeaconHandler):
    """A handler whose coin can be looked at."""

    coins: WatchedCoin = field(init=False)

    def __post_init__(self) -> None:
        """See BeaconHandler."""
        super().__post_init__()
        self.coins = WatchedCoin(
            last_round=self.config.rounds_number,
            find_miner=self.find_miner,
            check_vrf=self.verifier.verify_vrf,
        )
        self.coin = self.coins


@dataclass(kw_only=True)
class BeaconDeceit:
    """Divides the others over a beacon: their first votes, and the votes of every round."""

    signer: Signer
    clock: LoopClock
    proposal_ns: int
    """Length of the proposal phase."""

    _items: int = 0
    """Proposals in its first votes of the epoch."""

    def other_face(self, topic: str, data: bytes) -> bytes:
        """See Deceit."""
        if topic == FIRST_VOTES:
            first = scale.decode(FirstVotesMessage, data)
            self._items = len(first.body.valid) + len(first.body.potentially_valid)
            return scale.encode(sign_first_votes_against(first, self.signer))
        if topic == FOLLOWING_VOTES:
            message = scale.decode(FollowingVotesMessage, data)
            return scale.encode(sign_opposite_votes(message, self._items, self.signer))
        return data

    def delay_s(self, topic: str, link_s: float | None, *, is_other: bool) -> float | None:
        """See Deceit."""
        if topic != PROPOSALS:
            return link_s
        # Whoever hears it tells the others, but the phase is over by then.
        return self._until_last_moment_s() if is_other else None

    def _until_last_moment_s(self) -> float:
        now_ns = self.clock.now_ns()
        epoch = TIME.epoch_of(TIME.layer_at(now_ns))
        ends_ns = TIME.epoch_start(epoch) + self.proposal_ns
        return max(0, ends_ns - LAST_MOMENT_NS - now_ns) / SECOND_NS


@dataclass(kw_only=True)
class BeaconNode:
    """One smesher's node, as far as the beacon goes."""

    name: str
    is_honest: bool
    end: MemoryEnd
    handler: WatchedHandler
    service: BeaconService
    db: LevelDB
    local: LevelDB

    def look(self, epoch: EpochID, round_: int) -> NodeVotes:
        """Return how the node counts the votes now."""
        tally = self.handler.machine(epoch).tally()
        return NodeVotes(
            node=self.name,
            support=len(tally.support),
            against=len(tally.against),
            undecided=len(tally.undecided),
            supported=tally.support,
            coin=self.handler.coins.thrown.get((epoch, round_)),
        )


class BeaconSimulation:
    """All nodes of a run."""

    def __init__(self, plan: BeaconPlan, folder: Path) -> None:
        """Make the nodes.

        Args:
            plan: what to run.
            folder: empty; takes the databases.
        """
        self.plan = plan
        self.config = beacon_config(plan.rounds)
        self.random = Randomness(b"beacon %d" % plan.seed)
        self.signers = draw_signers(self.random, plan.nodes)
        self.clock = LoopClock(TIME.epoch_start(EpochID(FIRST_EPOCH)) - SECOND_NS)
        self.verifier = Verifier(self.signers[0].genesis_id)
        self.network = draw_network(self.random, plan.lost_per_million)
        self.epochs = [EpochID(FIRST_EPOCH + number) for number in range(plan.epochs)]
        atxs = [
            draw_atx(self.random, signer, EpochID(epoch - 1))
            for epoch in self.epochs
            for signer in self.signers
        ]
        self.nodes = [self._node(number, folder, atxs) for number in range(plan.nodes)]

    def close(self) -> None:
        """Close the databases."""
        for node in self.nodes:
            node.db.close()
            node.local.close()

    async def run(self) -> BeaconReport:
        """Run the protocol in every epoch."""
        rounds: list[VotingRound] = []
        async with asyncio.TaskGroup() as tasks:
            for node in self.nodes:
                node.end.start(tasks)
            services = [tasks.create_task(node.service.run()) for node in self.nodes]
            for epoch in self.epochs:
                await self._watch(epoch, rounds)
            for service in services:
                service.cancel()
            for node in self.nodes:
                node.end.stop()
        return BeaconReport(
            plan=self.plan,
            rounds=tuple(rounds),
            outcomes=tuple(self._outcome(EpochID(epoch + 1)) for epoch in self.epochs),
        )

    async def _watch(self, epoch: EpochID, rounds: list[VotingRound]) -> None:
        """Look at the honest nodes at the end of every round."""
        start_ns = TIME.epoch_start(epoch)
        offset_ns = self.config.proposal_duration + self.config.first_voting_round_duration
        for round_ in range(self.plan.rounds):
            if round_:
                offset_ns += self.config.voting_round_duration
            await self.clock.sleep_until(start_ns + offset_ns - SAMPLE_NS)
            seen = [node.look(epoch, round_ - 1) for node in self.nodes if node.is_honest]
            rounds.append(
                VotingRound(
                    epoch=epoch,
                    round=round_,
                    offset_s=offset_ns / SECOND_NS,
                    nodes=tuple(seen),
                )
            )
            if round_:
                offset_ns += self.config.weak_coin_round_duration
        await self.clock.sleep_until(start_ns + offset_ns + SECOND_NS)

    def _outcome(self, epoch: EpochID) -> EpochOutcome:
        honest = [node for node in self.nodes if node.is_honest]
        beacons = {node.name: node.handler.find_beacon(epoch) for node in honest}
        return EpochOutcome(epoch=epoch, beacons=beacons)

    def _node(self, number: int, folder: Path, atxs: list[Atx]) -> BeaconNode:
        name = f"node{number}"
        db, local = LevelDB(folder / name / "state"), LevelDB(folder / name / "local")
        with db.batch(sync=False) as batch:
            for atx in atxs:
                put_atx(batch, atx, blob=None)
        bus = Bus()
        end = self.network.join(name)
        handler = WatchedHandler(
            db=db,
            time=TIME,
            clock=self.clock,
            bus=bus,
            config=self.config,
            verifier=self.verifier,
            listeners=(),
        )
        signer = self.signers[number]
        is_honest = number >= self.plan.adversaries
        gossip: Gossip = end
        if not is_honest:
            deceit = BeaconDeceit(
                signer=signer,
                clock=self.clock,
                proposal_ns=self.config.proposal_duration,
            )
            gossip = TwoFacedGossip(end=end, deceit=deceit)
        for topic, edge in (
            (PROPOSALS, handler.on_proposal),
            (FIRST_VOTES, handler.on_first_votes),
            (FOLLOWING_VOTES, handler.on_following_votes),
            (WEAK_COIN, handler.on_weak_coin),
        ):
            gossip.register(topic, edge)
        service = BeaconService(
            handler=handler,
            network=gossip,
            signers=lambda: (signer,),
            guard=EquivocationGuard(db=db, local=local, bus=bus),
            is_synced=lambda: True,
        )
        return BeaconNode(
            name=name,
            is_honest=is_honest,
            end=end,
            handler=handler,
            service=service,
            db=db,
            local=local,
        )


def beacon_config(rounds: int) -> BeaconConfig:
    """Return parameters with which ``rounds`` rounds fit into an epoch."""
    return BeaconConfig(
        rounds_number=rounds,
        grace_period_duration=Nanoseconds(10 * SECOND_NS),
        proposal_duration=Nanoseconds(30 * SECOND_NS),
        first_voting_round_duration=Nanoseconds(60 * SECOND_NS),
        voting_round_duration=Nanoseconds(30 * SECOND_NS),
        weak_coin_round_duration=Nanoseconds(10 * SECOND_NS),
    )


def run_beacon(plan: BeaconPlan, folder: Path) -> BeaconReport:
    """Run a plan to its end.

    Args:
        plan: what to run.
        folder: empty; takes the databases.
    """
    simulation = BeaconSimulation(plan, folder)
    try:
        return simulate(simulation.run())
    finally:
        simulation.close()
