"""Certify messages, certificates, and when enough is said."""

import pytest

from node.base.errors import IgnoreError, RejectError
from node.consensus.certifier.machine import CertifierMachine
from node.consensus.certifier.rules import check_certificate, check_layer, threshold_of
from node.types.certificate import Certificate, CertifyContent, CertifyMessage
from node.types.ids import BlockID, EdSignature, SmesherID, VrfSignature
from node.types.layer import LayerID

LAYER = LayerID(30)
BLOCK = BlockID(b"\x01" * 20)
OTHER = BlockID(b"\x02" * 20)


def message(
    smesher: int, seats: int, block: BlockID = BLOCK, layer: LayerID = LAYER
) -> CertifyMessage:
    content = CertifyContent(
        layer=layer, block_id=block, eligibility_count=seats, proof=VrfSignature.zero()
    )
    return CertifyMessage(
        content=content,
        signature=EdSignature.zero(),
        smesher=SmesherID(bytes([smesher]) * 32),
    )


def certificate(*messages: CertifyMessage) -> Certificate:
    return Certificate(block_id=BLOCK, signatures=messages)


def test_half_of_the_seats_and_one_certify() -> None:
    assert [threshold_of(size) for size in (10, 200, 800)] == [6, 101, 401]


def test_messages_are_welcome_near_the_current_layer() -> None:
    for layer in (27, 28, 30, 32):
        check_layer(LayerID(layer), LAYER, LayerID(19), 2)
    for layer in (26, 33):
        with pytest.raises(IgnoreError, match="certify message"):
            check_layer(LayerID(layer), LAYER, LayerID(19), 2)
    check_layer(LayerID(1), LayerID(3), LayerID(1), 2)
    with pytest.raises(IgnoreError):
        check_layer(LayerID(0), LayerID(3), LayerID(1), 2)


def test_only_fitting_messages_of_different_smeshers_count() -> None:
    check_certificate(LAYER, certificate(message(1, 2), message(2, 1)), 3, lambda _: True)
    for messages in (
        (message(1, 2), message(1, 2)),
        (message(1, 2), message(2, 2, block=OTHER)),
        (message(1, 2), message(2, 2, layer=LayerID(31))),
    ):
        with pytest.raises(RejectError, match="2 seats, 3 are needed"):
            check_certificate(LAYER, certificate(*messages), 3, lambda _: True)
    with pytest.raises(RejectError, match="0 seats"):
        check_certificate(LAYER, certificate(message(1, 9)), 3, lambda _: False)


def test_certifies_once_when_the_threshold_is_reached_after_hare() -> None:
    machine = CertifierMachine(threshold=3)

    assert machine.on_message(message(1, 2)) is None
    assert machine.on_message(message(1, 2)) is None
    assert machine.register(LAYER, BLOCK) is None
    certified = machine.on_message(message(2, 1))
    assert certified is not None
    assert certified.certificate == certificate(message(1, 2), message(2, 1))
    assert machine.is_done(LAYER, BLOCK)
    assert machine.on_message(message(3, 9)) is None


def test_messages_for_other_blocks_do_not_count() -> None:
    machine = CertifierMachine(threshold=3)
    machine.on_message(message(1, 3, block=OTHER))
    assert machine.register(LAYER, BLOCK) is None


def test_a_certificate_of_a_peer_ends_the_count() -> None:
    machine = CertifierMachine(threshold=1)
    machine.on_certificate(LAYER, BLOCK)
    machine.on_message(message(1, 1))
    assert machine.register(LAYER, BLOCK) is None


def test_old_layers_are_forgotten() -> None:
    machine = CertifierMachine(threshold=1)
    machine.on_certificate(LAYER, BLOCK)
    machine.prune(LayerID(31))
    assert not machine.is_done(LAYER, BLOCK)
