"""Proofs of misbehaviour as messages."""

import pytest

from node.api.convert.malfeasance import malfeasance_message
from node.base import scale
from node.consensus.malfeasance.wire import MalfeasanceData, MalfeasanceProof
from node.pb.spacemesh.v1 import types_pb2
from node.types.layer import LayerID
from tests.support import malfeasance
from tests.support.malfeasance import SMESHER

PAIR = [
    f"1st message hash: {'61' * 32}",
    f"1st message signature: {'00' * 64}",
    f"2nd message hash: {'62' * 32}",
    f"2nd message signature: {'00' * 64}",
]
POST = malfeasance.invalid_post_index()
PREVIOUS = malfeasance.invalid_previous_atx()
THIRD = PREVIOUS.atx1.id


@pytest.mark.parametrize(
    ("data", "kind", "lines"),
    [
        (
            malfeasance.multiple_atxs(),
            types_pb2.MalfeasanceProof.MALFEASANCE_ATX,
            ["cause: smesher published multiple ATXs in epoch 3", *PAIR],
        ),
        (
            malfeasance.multiple_ballots(),
            types_pb2.MalfeasanceProof.MALFEASANCE_BALLOT,
            ["cause: smesher published multiple ballots in layer 9", *PAIR],
        ),
        (
            malfeasance.hare_equivocation(),
            types_pb2.MalfeasanceProof.MALFEASANCE_HARE,
            ["cause: smesher published multiple hare messages in layer 9 round 2", *PAIR],
        ),
        (
            POST,
            types_pb2.MalfeasanceProof.MALFEASANCE_POST_INDEX,
            [
                f"cause: smesher published ATX {POST.atx.id} with invalid post index 2 in epoch 1",
            ],
        ),
        (
            PREVIOUS,
            types_pb2.MalfeasanceProof.MALFEASANCE_INCORRECT_PREV_ATX,
            [
                f"cause: smesher referenced the wrong previous in ATX {THIRD} in epoch 3",
            ],
        ),
    ],
)
def test_every_kind_is_described(data: MalfeasanceData, kind: int, lines: list[str]) -> None:
    encoded = scale.encode(MalfeasanceProof(layer=LayerID(20), data=data))
    message = malfeasance_message(SMESHER, encoded, include_proof=True)
    assert message.kind == kind
    assert message.proof == encoded
    assert message.debug_info.splitlines() == [
        "generate layer: 20",
        f"smesher id: {SMESHER.hex()}",
        *lines,
    ]
