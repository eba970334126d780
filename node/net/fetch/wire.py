"""Requests and responses of the fetch protocols.

Source: go-spacemesh, fetch and p2p/server; codec digest section 4.8.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from node.base.scale import U32, Limit
from node.types.ids import AtxID, BallotID, BlockID, Hash32, SmesherID
from node.types.layer import EpochID, LayerID

HASHES: Final = "hs/1"
"""Objects by hash."""
ACTIVE_SETS: Final = "as/1"
"""One active set by hash."""
EPOCH_ATXS: Final = "ax/1"
"""Identifiers of the ATXs published in an epoch."""
LAYER_DATA: Final = "ld/1"
"""Identifiers of the ballots of a layer."""
MESH_HASHES: Final = "mh/1"
"""Mesh hashes of some layers."""
MALICIOUS_IDS: Final = "ml/1"
"""Malicious identities."""
OPINIONS: Final = "lp/2"
"""An opinion of a layer, or a certificate in it."""

MAX_RESPONSE_BYTES: Final = 272_629_760
"""Most bytes of one response."""
MAX_BATCH: Final = 100
"""Most requests in a batch."""
MAX_IDS: Final = 8_000_000
"""Most identifiers in a list of ATXs or of malicious identities."""
MAX_LAYER_BALLOTS: Final = 2350
"""Most ballots of a layer."""


class Hint(StrEnum):
    """Which kind of object a hash names."""

    BALLOT = "ballotDB"
    BLOCK = "blocksDB"
    PROPOSAL = "proposalDB"
    ATX = "ATXDB"
    TX = "TXDB"
    POET = "POETDB"
    MALFEASANCE = "malfeasance"
    ACTIVE_SET = "activeset"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMessage:
    """One object wanted."""

    hint: Annotated[str, Limit(256)]

    hash: Hash32
    """Identifier; 20-byte ones are padded on the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseMessage:
    """One object found."""

    hash: Hash32
    data: Annotated[bytes, Limit(MAX_RESPONSE_BYTES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBatch:
    """Up to a hundred requests."""

    id: Hash32
    """BLAKE3 of the encoded sequence of requests."""

    requests: Annotated[tuple[RequestMessage, ...], Limit(MAX_BATCH)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseBatch:
    """The objects found of a batch."""

    id: Hash32
    responses: Annotated[tuple[ResponseMessage, ...], Limit(MAX_BATCH)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRequest:
    """Asks for the ATXs of an epoch."""

    epoch: EpochID
    """In which they were published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRequest:
    """Asks for the ballots of a layer."""

    layer: LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshHashRequest:
    """Asks for mesh hashes of some layers."""

    first: LayerID
    last: LayerID
    step: U32


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshHashes:
    """Mesh hashes, in the order asked."""

    hashes: Annotated[tuple[Hash32, ...], Limit(1000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaliciousIDs:
    """All identities known to be malicious."""

    smeshers: Annotated[tuple[SmesherID, ...], Limit(MAX_IDS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochAtxs:
    """All ATXs published in an epoch."""

    atx_ids: Annotated[tuple[AtxID, ...], Limit(MAX_IDS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBallots:
    """All ballots of a layer."""

    ballots: Annotated[tuple[BallotID, ...], Limit(MAX_LAYER_BALLOTS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionRequest:
    """Asks for a peer's opinion of a layer."""

    layer: LayerID

    block: BlockID | None
    """Block whose certificate is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerOpinion:
    """A peer's opinion of a layer."""

    previous_mesh_hash: Hash32
    certified: BlockID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerResponse:
    """What every request protocol answers: data, or an error text."""

    data: Annotated[bytes, Limit(MAX_RESPONSE_BYTES)]
    error: Annotated[str, Limit(1024)]
