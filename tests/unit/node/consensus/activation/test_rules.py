"""Versions, ticks, weight, membership."""

from dataclasses import replace

import pytest

from node.base import scale
from node.base.errors import DecodeError, RejectError
from node.base.hashing import hash_node
from node.consensus.activation.rules import (
    MAX_U64,
    base_height,
    check_membership,
    compute_weight,
    count_ticks,
    decode_atx,
    publish_epoch_of,
    version_at,
)
from node.types.address import Address
from node.types.atx_v1 import ActivationTxV1
from node.types.atx_v2 import ActivationTxV2
from node.types.ids import AtxID, EdSignature
from node.types.layer import EpochID
from tests.support.activation import PARAMETERS, initial_atx
from tests.support.chain import atx, signer


def atx_v2(epoch: int) -> ActivationTxV2:
    return ActivationTxV2(
        publish_epoch=EpochID(epoch),
        positioning_atx=AtxID(b"p" * 32),
        coinbase=Address(bytes(24)),
        initial=None,
        previous_atxs=(),
        niposts=(),
        vrf_nonce=0,
        marriages=(),
        marriage_atx=None,
        smesher=signer(1).smesher_id,
        signature=EdSignature.zero(),
    )


@pytest.mark.parametrize(
    ("versions", "epoch", "version"),
    [
        ({}, 0, 1),
        ({}, 99, 1),
        ({4: 2}, 3, 1),
        ({4: 2}, 4, 2),
        ({4: 2}, 99, 2),
        ({0: 1, 4: 2}, 0, 1),
        ({7: 2, 4: 1}, 6, 1),
    ],
)
def test_the_last_version_that_was_introduced_is_in_force(
    versions: dict[EpochID, int], epoch: int, version: int
) -> None:
    assert version_at(versions, EpochID(epoch)) == version


def test_bytes_are_read_in_the_version_of_their_epoch() -> None:
    first, second = scale.encode(initial_atx(1).atx), scale.encode(atx_v2(4))
    versions = {EpochID(4): 2}
    assert isinstance(decode_atx(first, versions), ActivationTxV1)
    assert decode_atx(second, versions) == atx_v2(4)
    with pytest.raises(DecodeError):
        decode_atx(second, {})
    with pytest.raises(DecodeError):
        decode_atx(scale.encode(initial_atx(1, epoch=4).atx), versions)


def test_every_atx_begins_with_its_epoch() -> None:
    assert publish_epoch_of(scale.encode(initial_atx(1).atx)) == 1
    assert publish_epoch_of(scale.encode(atx_v2(70_000))) == 70_000
    with pytest.raises(DecodeError, match="no bytes"):
        publish_epoch_of(b"")
    with pytest.raises(DecodeError):
        publish_epoch_of(b"\x02\x00")


def test_a_part_of_a_tick_does_not_count() -> None:
    assert count_ticks(199, 100) == 1
    assert count_ticks(99, 100) == 0


def test_weights_have_64_bits() -> None:
    assert compute_weight(3, 7) == 21
    assert compute_weight(1, MAX_U64) == MAX_U64
    with pytest.raises(RejectError, match="overflows"):
        compute_weight(2, 1 << 63)


def test_heights_start_from_the_positioning_atx_and_wrap() -> None:
    assert base_height(None) == 0
    assert base_height(atx(1, base_tick_height=5, tick_count=6)) == 11
    assert base_height(atx(1, base_tick_height=MAX_U64, tick_count=6)) == 5


def test_members_are_proven_from_leaf_to_statement() -> None:
    left, right = b"l" * 32, b"r" * 32
    statement = hash_node(left, right)
    check_membership(statement, [1], [right], [left])
    with pytest.raises(RejectError, match="not proven"):
        check_membership(statement, [0], [right], [left])
    with pytest.raises(RejectError, match="leaves"):
        check_membership(statement, [0, 1], [right], [left])


def test_a_network_may_check_all_labels_on_arrival() -> None:
    assert not PARAMETERS.checks_all_labels
    assert replace(PARAMETERS, k3=PARAMETERS.proof.k2).checks_all_labels
