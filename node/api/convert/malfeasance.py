"""Proofs of misbehaviour as messages of spacemesh.v1.

Source: go-spacemesh, events/malfeasance.go and malfeasance/wire; api digest section 5.
"""

from typing import Final, assert_never

from node.base import scale
from node.consensus.malfeasance.wire import (
    HareEquivocation,
    InvalidPostIndex,
    InvalidPreviousAtx,
    MalfeasanceData,
    MalfeasanceProof,
    MultipleAtxs,
    MultipleBallots,
)
from node.pb.spacemesh.v1 import types_pb2
from node.types.ids import SmesherID

KINDS: Final = {
    MultipleAtxs: types_pb2.MalfeasanceProof.MALFEASANCE_ATX,
    MultipleBallots: types_pb2.MalfeasanceProof.MALFEASANCE_BALLOT,
    HareEquivocation: types_pb2.MalfeasanceProof.MALFEASANCE_HARE,
    InvalidPostIndex: types_pb2.MalfeasanceProof.MALFEASANCE_POST_INDEX,
    InvalidPreviousAtx: types_pb2.MalfeasanceProof.MALFEASANCE_INCORRECT_PREV_ATX,
}
"""The number of each kind of proof."""


def malfeasance_message(
    smesher: SmesherID, encoded: bytes, *, include_proof: bool
) -> types_pb2.MalfeasanceProof:
    """Return why an identity does not count.

    Args:
        smesher: the identity.
        encoded: the proof as stored; empty for one condemned together with its marriage,
            of whom only the name is returned.
        include_proof: whether the bytes are wanted as well.

    Raises:
        DecodeError: the proof is damaged.
    """
    converted = types_pb2.MalfeasanceProof(smesher_id=types_pb2.SmesherId(id=smesher))
    if not encoded:
        return converted
    proof = scale.decode(MalfeasanceProof, encoded)
    converted.layer.number = proof.layer
    converted.kind = KINDS[type(proof.data)]
    lines = (
        f"generate layer: {proof.layer}",
        f"smesher id: {smesher.hex()}",
        *_describe(proof.data),
    )
    converted.debug_info = "".join(f"{line}\n" for line in lines)
    if include_proof:
        converted.proof = encoded
    return converted


def _describe(data: MalfeasanceData) -> tuple[str, ...]:
    """Return the lines that tell what was done wrong."""
    match data:
        case MultipleAtxs():
            epoch = data.messages[0].metadata.publish_epoch
            cause = f"cause: smesher published multiple ATXs in epoch {epoch}"
        case MultipleBallots():
            layer = data.messages[0].metadata.layer
            cause = f"cause: smesher published multiple ballots in layer {layer}"
        case HareEquivocation():
            slot = data.messages[0].metadata
            cause = (
                "cause: smesher published multiple hare messages "
                f"in layer {slot.layer} round {slot.round}"
            )
        case InvalidPostIndex(atx=atx, invalid_index=index):
            published = f"ATX {atx.id} with invalid post index {index}"
            epoch = atx.inner.challenge.publish_epoch
            return (f"cause: smesher published {published} in epoch {epoch}",)
        case InvalidPreviousAtx(atx1=atx):
            epoch = atx.inner.challenge.publish_epoch
            return (
                f"cause: smesher referenced the wrong previous in ATX {atx.id} in epoch {epoch}",
            )
        case _:
            assert_never(data)
    first, second = data.messages
    return (
        cause,
        f"1st message hash: {first.metadata.message_hash.hex()}",
        f"1st message signature: {first.signature.hex()}",
        f"2nd message hash: {second.metadata.message_hash.hex()}",
        f"2nd message signature: {second.signature.hex()}",
    )
