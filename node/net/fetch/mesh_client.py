"""Asks single peers about the mesh; an answer that is not one costs a peer its connection.

Source: go-spacemesh, fetch/mesh_data.go; sync digest sections 1 and 2.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, TypeVar

from node.base import scale
from node.base.errors import DecodeError, UnavailableError
from node.base.scale import read_compact
from node.net.fetch.rules import count_hashes
from node.net.fetch.wire import (
    EPOCH_ATXS,
    LAYER_DATA,
    MALICIOUS_IDS,
    MAX_IDS,
    MAX_LAYER_BALLOTS,
    MESH_HASHES,
    OPINIONS,
    EpochRequest,
    LayerOpinion,
    LayerRequest,
    MeshHashes,
    MeshHashRequest,
    OpinionRequest,
)
from node.net.ports import AskedPeers, PeerID
from node.types.certificate import Certificate
from node.types.ids import AtxID, BallotID, BlockID, FixedBytes, Hash32, SmesherID
from node.types.layer import EpochID, LayerID

T = TypeVar("T", bound=FixedBytes)

COUNT_BITS: Final = 32
IDS_AT_ONCE: Final = 10_000
"""Identifiers decoded before others have their turn; some 5 ms."""


async def decode_ids(cls: type[T], data: bytes, limit: int) -> tuple[T, ...]:
    """Decode a list of identifiers piece by piece: it may have millions.

    Raises:
        DecodeError: its length is not what its count says, or over the limit.
    """
    if not data:
        raise DecodeError("short input")
    count, start = read_compact(data, 0, COUNT_BITS)
    if count > limit:
        raise DecodeError(f"{count} identifiers, at most {limit} are allowed")
    if len(data) != start + count * cls.SIZE:
        raise DecodeError(f"{len(data) - start} bytes for {count} identifiers")
    found: list[T] = []
    for first in range(start, len(data), IDS_AT_ONCE * cls.SIZE):
        piece = data[first : first + IDS_AT_ONCE * cls.SIZE]
        found += (cls(piece[at : at + cls.SIZE]) for at in range(0, len(piece), cls.SIZE))
        await asyncio.sleep(0)
    return tuple(found)


@dataclass
class MeshClient:
    """The questions.

    Every one of them raises UnavailableError if the peer gives no answer, tells an error, or
    answers with something else; it is disconnected then.
    """

    peers: AskedPeers

    async def epoch_atxs(self, peer: PeerID, epoch: EpochID) -> tuple[AtxID, ...]:
        """Return the ATXs published in an epoch, as the peer knows them."""
        data = await self._ask(peer, EPOCH_ATXS, scale.encode(EpochRequest(epoch=epoch)))
        return await self._ids(peer, AtxID, data, MAX_IDS)

    async def layer_ballots(self, peer: PeerID, layer: LayerID) -> tuple[BallotID, ...]:
        """Return the ballots of a layer, as the peer knows them."""
        data = await self._ask(peer, LAYER_DATA, scale.encode(LayerRequest(layer=layer)))
        return await self._ids(peer, BallotID, data, MAX_LAYER_BALLOTS)

    async def malicious_ids(self, peer: PeerID) -> tuple[SmesherID, ...]:
        """Return the identities that the peer has proofs against."""
        data = await self._ask(peer, MALICIOUS_IDS, b"")
        return await self._ids(peer, SmesherID, data, MAX_IDS)

    async def mesh_hashes(self, peer: PeerID, request: MeshHashRequest) -> tuple[Hash32, ...]:
        """Return the peer's mesh hashes, as many as were asked for."""
        data = await self._ask(peer, MESH_HASHES, scale.encode(request))
        with _Blaming(self.peers, peer):
            hashes = scale.decode(MeshHashes, data).hashes
            if len(hashes) != count_hashes(request):
                raise DecodeError(f"{len(hashes)} hashes, expected {count_hashes(request)}")
            return hashes

    async def opinion(self, peer: PeerID, layer: LayerID) -> LayerOpinion:
        """Return the peer's opinion of a layer."""
        request = OpinionRequest(layer=layer, block=None)
        data = await self._ask(peer, OPINIONS, scale.encode(request))
        with _Blaming(self.peers, peer):
            return scale.decode(LayerOpinion, data)

    async def certificate(self, peer: PeerID, layer: LayerID, block: BlockID) -> Certificate:
        """Return the peer's certificate of a block; whether it is valid is not checked."""
        request = OpinionRequest(layer=layer, block=block)
        data = await self._ask(peer, OPINIONS, scale.encode(request))
        if not data:
            raise UnavailableError(f"peer {peer} has no certificate of block {block}")
        with _Blaming(self.peers, peer):
            certificate = scale.decode(Certificate, data)
            if certificate.block_id != block:
                raise DecodeError(f"certificate of {certificate.block_id}, asked for {block}")
            return certificate

    async def _ask(self, peer: PeerID, protocol: str, request: bytes) -> bytes:
        return await self.peers.request(peer, protocol, request)

    async def _ids(self, peer: PeerID, cls: type[T], data: bytes, limit: int) -> tuple[T, ...]:
        with _Blaming(self.peers, peer):
            return await decode_ids(cls, data, limit)


@dataclass
class _Blaming:
    """Disconnects a peer whose answer is malformed; whoever asked learns there is none."""

    peers: AskedPeers
    peer: PeerID

    def __enter__(self) -> None:
        """Nothing is wrong yet."""

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, DecodeError):
            self.peers.drop(self.peer, str(error))
            raise UnavailableError(f"peer {self.peer} sent a wrong answer: {error}") from error
