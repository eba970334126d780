"""Identifiers and the clock face of a network."""

import pytest

from node.types.ids import AtxID, BallotID, Beacon, padded
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime

TIME = LayerTime(genesis_ns=1000, layer_duration_ns=10, layers_per_epoch=4)


def test_ids_have_a_length_and_a_short_text() -> None:
    assert str(AtxID(b"\xab" * 32)) == "ab" * 5
    assert repr(Beacon(b"abcd")) == "Beacon(61626364)"
    assert AtxID.zero() == bytes(32)
    with pytest.raises(ValueError, match="3 bytes, want 4"):
        Beacon(b"abc")


def test_twenty_byte_ids_are_padded_on_the_right() -> None:
    assert padded(BallotID(b"\x01" * 20)) == b"\x01" * 20 + bytes(12)


def test_layers_and_instants() -> None:
    assert [TIME.layer_at(t) for t in (0, 1000, 1009, 1010, 1045)] == [0, 0, 0, 1, 4]
    assert TIME.start_of(LayerID(3)) == 1030
    assert TIME.epoch_start(EpochID(2)) == 1080
    assert TIME.epoch_duration_ns == 40


def test_layers_and_epochs() -> None:
    assert TIME.epoch_of(LayerID(7)) == 1
    assert (TIME.first_layer(EpochID(1)), TIME.last_layer(EpochID(1))) == (4, 7)
    assert TIME.is_first_in_epoch(LayerID(8))
    assert not TIME.is_first_in_epoch(LayerID(9))


def test_effective_genesis_moves_with_a_recovery_but_the_first_does_not() -> None:
    assert TIME.effective_genesis == 7
    recovered = LayerTime(
        genesis_ns=0, layer_duration_ns=1, layers_per_epoch=4, restored_layer=LayerID(20)
    )
    assert (recovered.effective_genesis, recovered.first_effective_genesis) == (19, 7)
