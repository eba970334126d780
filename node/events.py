"""What the node announces to observers: API streams, journal, metrics, tests.

An event is a frozen record in the past tense.  Publishing does not wait and cannot fail,
and the publisher never learns who listens; what the protocol depends on is a direct call
instead.

Each subscription has a ring of its own.  When it is full the oldest event is dropped and
counted; a stream that sees a drop ends with an error, so that its client reads again and
does not miss data silently.

Source: go-spacemesh, events; api digest section 6, product digest appendix C.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, Final, Generic, TypeAlias, TypeVar

from node.types.address import Address
from node.types.atx import Atx
from node.types.ids import (
    AtxID,
    BallotID,
    Beacon,
    BlockID,
    Hash32,
    ProposalID,
    SmesherID,
)
from node.types.layer import EpochID, LayerID
from node.types.proposal import Proposal
from node.types.reward import Reward
from node.types.transaction import Transaction, TransactionWithResult

E = TypeVar("E", bound="Event")

Plain: TypeAlias = "str | int | bool | list[Plain] | dict[str, Plain] | None"
"""What JSON can say."""

DEFAULT_CAPACITY: Final = 1024
"""Events that wait for a subscriber."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of everything that is published."""


# --- layers and epochs ---


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerStarted(Event):
    """The clock entered a layer."""

    layer: LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerApproved(Event):
    """Hare ended for a layer; the zero block stands for nothing agreed on."""

    layer: LayerID
    block: BlockID


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCertified(Event):
    """Enough certifiers vouch for a block, zero for an empty layer."""

    layer: LayerID
    block: BlockID


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerApplied(Event):
    """The state of a layer was written."""

    layer: LayerID
    block: BlockID
    state_hash: Hash32
    mesh_hash: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerVerified(Event):
    """The tortoise's opinion of an applied layer is final."""

    layer: LayerID
    mesh_hash: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class LayersReverted(Event):
    """The state went back to a layer, because the opinion of later ones changed."""

    to_layer: LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class BeaconDecided(Event):
    """The beacon of an epoch is known."""

    epoch: EpochID
    beacon: Beacon


# --- objects ---


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxStored(Event):
    """A valid ATX was stored."""

    atx: Atx


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotStored(Event):
    """A valid ballot was stored."""

    layer: LayerID
    ballot: BallotID
    smesher: SmesherID


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalReceived(Event):
    """A valid proposal is in hare's hands."""

    proposal: Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalIncluded(Event):
    """A proposal went into the block of its layer."""

    proposal: Proposal
    block: BlockID


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockStored(Event):
    """A block was stored."""

    layer: LayerID
    block: BlockID


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStored(Event):
    """A transaction was stored, or found invalid."""

    transaction: Transaction

    layer: LayerID
    """Lowest layer whose proposals or block hold it; 0 for none."""

    is_valid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionApplied(Event):
    """A transaction was executed, successfully or not."""

    executed: TransactionWithResult


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardApplied(Event):
    """A reward was paid."""

    reward: Reward


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanged(Event):
    """Balance or nonce of an account changed, in the state or with the mempool."""

    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class SmesherMalicious(Event):
    """An identity was convicted."""

    smesher: SmesherID

    proof: bytes
    """Encoded MalfeasanceProof; empty for one condemned by its marriage."""

    is_own: bool


# --- the process ---


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStarted(Event):
    """All services run."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStopping(Event):
    """The node is shutting down."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncChanged(Event):
    """The node caught up, or fell behind."""

    is_synced: bool

    listens_to_gossip: bool
    """True already before ``is_synced``."""

    atx_synced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerCountChanged(Event):
    """Peers came or went."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningRaised(Event):
    """Something needs the operator: clock, disk, ports."""

    code: str
    """Stable dotted name, as of errors."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorLogged(Event):
    """A record of level error or above was logged."""

    level: str
    component: str
    message: str
    stack_trace: str


# --- own smeshers ---


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationRefused(Event):
    """The node keeps what an identity of its own would say to itself: it could condemn it."""

    smesher: SmesherID

    what: str
    """The statement, in words."""

    code: str
    """Stable dotted name, as of errors."""

    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InitStarted(Event):
    """PoST data are being made."""

    smesher: SmesherID
    commitment: AtxID


@dataclass(frozen=True, slots=True, kw_only=True)
class PostProgress(Event):
    """How much of the PoST data is there."""

    smesher: SmesherID
    labels_written: int
    labels_wanted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InitCompleted(Event):
    """PoST data are complete."""

    smesher: SmesherID


@dataclass(frozen=True, slots=True, kw_only=True)
class InitFailed(Event):
    """PoST data could not be made."""

    smesher: SmesherID
    commitment: AtxID
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostServiceStarted(Event):
    """The prover of an identity connected."""

    smesher: SmesherID


@dataclass(frozen=True, slots=True, kw_only=True)
class PostServiceStopped(Event):
    """The prover of an identity left."""

    smesher: SmesherID


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetWindowAwaited(Event):
    """An identity waits until PoETs take registrations."""

    smesher: SmesherID
    current_epoch: EpochID
    publish_epoch: EpochID

    wait_ns: int
    """How long."""

    until_ns: int
    """Until when, nanoseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetRegistered(Event):
    """A PoET took the challenge into a round."""

    smesher: SmesherID
    address: str
    round_id: str
    round_end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetRoundAwaited(Event):
    """An identity waits until its PoET rounds end."""

    smesher: SmesherID
    publish_epoch: EpochID
    target_epoch: EpochID
    wait_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetProofDownloaded(Event):
    """A PoET handed out the proof of a round."""

    address: str
    round_id: str
    ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetProofChosen(Event):
    """An identity chose the proof with the most ticks."""

    smesher: SmesherID
    address: str
    round_id: str
    ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PostStarted(Event):
    """A PoST is being made."""

    smesher: SmesherID
    challenge: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class PostCompleted(Event):
    """A PoST is ready, or failed."""

    smesher: SmesherID

    challenge: Hash32 | None
    """None for a failure."""

    error: str
    """Empty for success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxPublished(Event):
    """An own ATX went out."""

    smesher: SmesherID
    atx: AtxID
    current_epoch: EpochID
    target_epoch: EpochID

    wait_ns: int
    """Time until the target epoch."""

    until_ns: int
    """Start of the target epoch, nanoseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSlots:
    """Eligibilities of an identity in one layer."""

    layer: LayerID
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EligibilitiesKnown(Event):
    """The layers in which an identity may propose are computed."""

    smesher: SmesherID
    epoch: EpochID
    beacon: Beacon
    atx: AtxID
    active_set_size: int

    layers: tuple[LayerSlots, ...]
    """Ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalPublished(Event):
    """An own proposal went out."""

    smesher: SmesherID
    layer: LayerID
    proposal: ProposalID


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotMissed(Event):
    """An own slot passed without a proposal."""

    smesher: SmesherID
    layer: LayerID
    reason: str


class Subscription(Generic[E]):
    """An async iterator over events; made by ``Bus.subscribe``."""

    def __init__(self, kinds: tuple[type[E], ...], capacity: int) -> None:
        self._kinds = kinds
        self._ring: deque[E] = deque(maxlen=capacity)
        self._filled = asyncio.Event()
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many events were lost because this subscriber was slow."""
        return self._dropped

    def offer(self, event: Event) -> None:
        """Take an event if it is of a wanted kind; the bus calls this."""
        if isinstance(event, self._kinds):
            self._dropped += len(self._ring) == self._ring.maxlen
            self._ring.append(event)
            self._filled.set()

    def take(self) -> E | None:
        """Return the oldest event that waits, or None."""
        return self._ring.popleft() if self._ring else None

    async def __aiter__(self) -> AsyncIterator[E]:
        while True:
            while self._ring:
                yield self._ring.popleft()
            self._filled.clear()
            await self._filled.wait()


class Bus:
    """Hands events to subscribers; one for each node, used from its event loop only."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription[Any]] = []

    def publish(self, event: Event) -> None:
        """Hand ``event`` to everyone who asked for its kind."""
        for subscription in self._subscriptions:
            subscription.offer(event)

    @contextmanager
    def subscribe(
        self, *kinds: type[E], capacity: int = DEFAULT_CAPACITY
    ) -> Iterator[Subscription[E]]:
        """Collect events of ``kinds`` for the length of the block; no kinds means all.

        Args:
            kinds: classes of events; a base class stands for all of its own.
            capacity: events that may wait; more drop the oldest.
        """
        wanted: tuple[type[Any], ...] = kinds or (Event,)
        subscription: Subscription[E] = Subscription(wanted, capacity)
        self._subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)


def kind_of(event: Event) -> str:
    """Return the name of an event's kind as scripts see it, such as ``atx_published``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def plain_event(event: Event) -> dict[str, Plain]:
    """Return an event as JSON can say it: bytes in hexadecimal, ``kind`` beside the fields."""
    return {
        "kind": kind_of(event),
        **{f.name: plain(getattr(event, f.name)) for f in fields(event)},
    }


def plain(value: object) -> Plain:
    """Return a value of a record as JSON can say it.

    Raises:
        TypeError: it is of a kind that no record has.
    """
    if isinstance(value, Enum):
        return value.name.lower()
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")
