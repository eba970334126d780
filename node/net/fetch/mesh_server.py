"""Answers what peers ask of the mesh: lists of identifiers, hashes, opinions, certificates.

An error becomes the error text of the response; the transport closes a stream of ``ax/1``
or ``mh/1`` without one if the request was malformed.

Source: go-spacemesh, fetch/handler.go; sync digest section 1.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from node.base import scale
from node.base.errors import DecodeError, NotFoundError, UsageError
from node.net.fetch.rules import check_mesh_hash_request
from node.net.fetch.wire import (
    EPOCH_ATXS,
    LAYER_DATA,
    MALICIOUS_IDS,
    MESH_HASHES,
    OPINIONS,
    EpochRequest,
    LayerOpinion,
    LayerRequest,
    MeshHashes,
    MeshHashRequest,
    OpinionRequest,
)
from node.net.ports import PeerID, Requests
from node.store.atxs import atx_ids_in_epoch
from node.store.ballots import ballot_ids_in_layer
from node.store.certificates import certificate_rows, find_certified_block
from node.store.db import Reader
from node.store.identities import malicious_smeshers
from node.store.layers import NO_HASH, find_mesh_hash, mesh_hashes
from node.types.layer import LayerID

T = TypeVar("T")

IDS_AT_ONCE: Final = 10_000
"""Identifiers read before others have their turn; some 10 ms."""


def _decode_buffer(cls: type[T], data: bytes) -> T:
    """Decode a request whose sender is told in words what was wrong with it.

    Raises:
        DecodeError: with the reference's text.
    """
    try:
        request, end = scale.decode_prefix(cls, data)
    except DecodeError as error:
        raise DecodeError("decode from buffer: EOF") from error
    if end != len(data):
        raise DecodeError("decode from buffer: not all bytes were consumed")
    return request


async def _encode_ids(ids: Iterator[bytes]) -> bytes:
    """Return the encoded list of any number of identifiers."""
    joined = bytearray()
    count = 0
    for identifier in ids:
        joined += identifier
        count += 1
        if count % IDS_AT_ONCE == 0:
            await asyncio.sleep(0)
    return scale.compact(count) + bytes(joined)


@dataclass
class MeshServer:
    """Answers from the store."""

    db: Reader

    def register(self, network: Requests) -> None:
        """Answer the mesh protocols of ``network``."""
        network.serve(EPOCH_ATXS, self.on_epoch_atxs)
        network.serve(LAYER_DATA, self.on_layer_data)
        network.serve(MESH_HASHES, self.on_mesh_hashes)
        network.serve(MALICIOUS_IDS, self.on_malicious_ids)
        network.serve(OPINIONS, self.on_opinion)

    async def on_epoch_atxs(self, peer: PeerID, data: bytes) -> bytes:
        """List the ATXs published in an epoch, valid or not.

        Raises:
            DecodeError: the request is malformed.
        """
        request = scale.decode(EpochRequest, data)
        return await _encode_ids(atx_ids_in_epoch(self.db, request.epoch))

    async def on_layer_data(self, peer: PeerID, data: bytes) -> bytes:
        """List the ballots of a layer.

        Raises:
            DecodeError: the request is malformed.
        """
        request = _decode_buffer(LayerRequest, data)
        return await _encode_ids(ballot_ids_in_layer(self.db, request.layer))

    async def on_malicious_ids(self, peer: PeerID, data: bytes) -> bytes:
        """List the identities known to be malicious; what the request says does not matter."""
        return await _encode_ids(malicious_smeshers(self.db))

    async def on_mesh_hashes(self, peer: PeerID, data: bytes) -> bytes:
        """Tell the mesh hashes of some layers.

        Raises:
            DecodeError: the request is malformed.
            UsageError: it makes no sense, or not all of these layers are known.
        """
        request = scale.decode(MeshHashRequest, data)
        check_mesh_hash_request(request)
        first, last, step = request.first, request.last, request.step
        try:
            hashes = mesh_hashes(self.db, first, last, step)
        except NotFoundError as error:
            text = f"database: not found layers from {first} to {last} by {step}"
            raise UsageError(text) from error
        return scale.encode(MeshHashes(hashes=hashes))

    async def on_opinion(self, peer: PeerID, data: bytes) -> bytes:
        """Tell our opinion of a layer, or a certificate in it.

        A layer with other certificates than the one asked for is answered with nothing.

        Raises:
            DecodeError: the request is malformed.
            UsageError: nothing at all is known that could be the certificate.
        """
        request = _decode_buffer(OpinionRequest, data)
        layer = request.layer
        if request.block is None:
            before = None if layer == 0 else find_mesh_hash(self.db, LayerID(layer - 1))
            opinion = LayerOpinion(
                previous_mesh_hash=before or NO_HASH,
                certified=find_certified_block(self.db, layer),
            )
            return scale.encode(opinion)
        rows = certificate_rows(self.db, layer)
        if not rows:
            raise UsageError(f"get certificate for layer {layer}: database: not found")
        for row in rows:
            if row.block == request.block and row.certificate is not None:
                return scale.encode(row.certificate)
        return b""
