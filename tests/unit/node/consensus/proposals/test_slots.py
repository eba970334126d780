"""Slots: how many, and in which layers."""

import pytest

from node.base.errors import ConfigError, PreconditionError
from node.config.model.consensus import EpochWeight
from node.consensus.eligibility import voting_vrf_input
from node.consensus.proposals.slots import (
    by_layer,
    check_minimum_weights,
    count_slots,
    eligible_layer,
    minimum_weight,
    prove_slots,
)
from node.crypto.ed25519 import Signer, private_key_of
from node.crypto.vrf import verify_vrf
from node.types.ids import Beacon, GenesisID
from node.types.layer import EpochID, LayerID

SEED = bytes.fromhex("f3ff4d451e429e182215aaee06a2d64b6d1aadc9e5031e4b99bf11ae0a796ebc")
SIGNER = Signer(private_key_of(SEED), GenesisID(b"genesis-id-20-bytes!"))
BEACON = Beacon(b"\1\2\3\4")
PROOF = bytes.fromhex(
    "526cf84476ad784c5fe7f18e0c8df0ac050c4cbd5bb6df1b69512bd74322d4d3aa1aa9ef7eeecb29"
    "32518ebe20fa266610858095422e97492641e00cb0a58d2183bfda61e644547761b85e440faa7f09"
)
WEIGHTS = tuple(
    EpochWeight(epoch=epoch, weight=weight) for epoch, weight in ((0, 1), (4, 5), (5, 10), (7, 11))
)


@pytest.mark.parametrize(
    ("weight", "minimum", "total", "slots"),
    [
        (10, 0, 100, 20160),
        (10, 0, 1, 2_016_000),
        (1, 10**6, 100, 1),
        (100, 10**6, 5 * 10**6, 4),
        (7, 10, 3000, 470),
        (2**40, 0, 2**45, 6300),
        (2**62, 0, 2**62, 1),
    ],
)
def test_slots_are_the_share_of_the_weight_and_at_least_one(
    weight: int, minimum: int, total: int, slots: int
) -> None:
    counted = count_slots(weight, minimum=minimum, total=total, committee=50, layers_per_epoch=4032)
    assert counted == slots


def test_slots_are_a_number_of_32_bits() -> None:
    assert count_slots(2**40, minimum=0, total=1, committee=1, layers_per_epoch=1) == 0
    assert count_slots(2**33 + 5, minimum=0, total=1, committee=1, layers_per_epoch=1) == 5


def test_no_slots_are_counted_without_weight() -> None:
    with pytest.raises(PreconditionError, match="zero total weight"):
        count_slots(1, minimum=10, total=0, committee=50, layers_per_epoch=4)


@pytest.mark.parametrize(
    ("epoch", "weight"), [(0, 1), (3, 1), (4, 5), (5, 10), (6, 10), (7, 11), (10, 11)]
)
def test_the_last_entry_that_has_begun_gives_the_least_weight(epoch: int, weight: int) -> None:
    assert minimum_weight(WEIGHTS, EpochID(epoch)) == weight


def test_no_entry_that_has_begun_gives_no_least_weight() -> None:
    assert minimum_weight(WEIGHTS[1:], EpochID(3)) == 0
    assert minimum_weight((), EpochID(3)) == 0


def test_least_weights_have_to_ascend_by_epoch() -> None:
    check_minimum_weights(WEIGHTS)
    with pytest.raises(ConfigError, match="do not ascend"):
        check_minimum_weights(WEIGHTS[::-1])


def test_a_proof_is_the_one_the_reference_makes() -> None:
    message = voting_vrf_input(BEACON, EpochID(2), 777, 3)
    assert message.hex() == "0c0102030408250c0c"
    (proof,) = prove_slots(SIGNER.vrf_signer(), BEACON, EpochID(2), 777, (3,))
    assert (proof.j, bytes(proof.sig)) == (3, PROOF)
    assert verify_vrf(SIGNER.smesher_id, message, proof.sig)
    assert eligible_layer(EpochID(2), 4032, PROOF) == LayerID(8466)


def test_proofs_are_kept_by_layer_in_the_order_of_their_slots() -> None:
    proofs = prove_slots(SIGNER.vrf_signer(), BEACON, EpochID(2), 7, range(12))
    found = by_layer(proofs, EpochID(2), 4)
    assert list(found) == sorted(found)
    assert set(found) <= set(map(LayerID, range(8, 12)))
    assert sorted(proof.j for kept in found.values() for proof in kept) == list(range(12))
    for layer, kept in found.items():
        assert [proof.j for proof in kept] == sorted(proof.j for proof in kept)
        assert all(eligible_layer(EpochID(2), 4, proof.sig) == layer for proof in kept)
