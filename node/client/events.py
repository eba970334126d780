"""What a node tells its operator as it happens.

Every event has a time, a text for people, and details by kind.  ``match`` on the details::

    match event.details:
        case AtxPublished(atx=atx, target=target): ...
        case ProposalMade(layer=layer): ...

Source: go-spacemesh, events; api digest section 6.
"""

from dataclasses import dataclass
from typing import TypeAlias

from node.types.ids import AtxID, Beacon, Hash32, ProposalID, SmesherID
from node.types.layer import EpochID, LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class BeaconComputed:
    """The beacon of an epoch is known; eligibilities follow."""

    epoch: EpochID
    beacon: Beacon


@dataclass(frozen=True, slots=True, kw_only=True)
class InitStarted:
    """Space is being made."""

    smesher: SmesherID
    commitment: AtxID


@dataclass(frozen=True, slots=True, kw_only=True)
class InitCompleted:
    """The space is complete."""

    smesher: SmesherID


@dataclass(frozen=True, slots=True, kw_only=True)
class InitFailed:
    """The space could not be made."""

    smesher: SmesherID
    commitment: AtxID
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostServiceStarted:
    """A PoST worker connected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostServiceStopped:
    """A PoST worker left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostStarted:
    """A PoST is being made."""

    smesher: SmesherID
    challenge: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class PostCompleted:
    """A PoST is ready; a failure has no challenge."""

    smesher: SmesherID
    challenge: Hash32 | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetWindowAwaited:
    """An identity waits until PoETs take registrations."""

    smesher: SmesherID
    current: EpochID
    publish: EpochID
    until_ns: int
    """End of the round that runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetRegistered:
    """A PoET took the challenge into a round."""

    smesher: SmesherID
    url: str
    round_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetRoundAwaited:
    """An identity waits until its PoET rounds end."""

    smesher: SmesherID
    publish: EpochID
    target: EpochID
    until_ns: int
    """End of the round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetProofDownloaded:
    """A PoET handed out the proof of a round."""

    url: str
    round_id: str
    ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetProofChosen:
    """An identity chose the proof with the most ticks."""

    smesher: SmesherID
    url: str
    round_id: str
    ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxPublished:
    """An own ATX went out."""

    smesher: SmesherID
    atx: AtxID
    current: EpochID
    target: EpochID
    """Epoch in which it entitles to proposals."""

    until_ns: int
    """Start of the target epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSlots:
    """Eligibilities in one layer."""

    layer: LayerID
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EligibilitiesKnown:
    """The layers in which an identity may propose are computed."""

    smesher: SmesherID
    epoch: EpochID
    beacon: Beacon
    atx: AtxID
    active_set_size: int
    layers: tuple[LayerSlots, ...]
    """Ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalMade:
    """An own proposal went out."""

    smesher: SmesherID
    layer: LayerID
    proposal: ProposalID


@dataclass(frozen=True, slots=True, kw_only=True)
class Convicted:
    """An own identity was proven malicious."""

    smesher: SmesherID
    layer: LayerID
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherEvent:
    """Something this program has no name for; the event's text tells what."""


EventDetails: TypeAlias = (
    BeaconComputed
    | InitStarted
    | InitCompleted
    | InitFailed
    | PostServiceStarted
    | PostServiceStopped
    | PostStarted
    | PostCompleted
    | PoetWindowAwaited
    | PoetRegistered
    | PoetRoundAwaited
    | PoetProofDownloaded
    | PoetProofChosen
    | AtxPublished
    | EligibilitiesKnown
    | ProposalMade
    | Convicted
    | OtherEvent
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEvent:
    """Something that happened in a node."""

    time_ns: int
    is_failure: bool
    text: str
    """For people."""

    details: EventDetails
