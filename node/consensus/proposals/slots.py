"""Slots: how often an identity may propose in an epoch, and in which layers.

The share of an identity's weight in its active set gives the number of slots; a VRF proof
for each slot gives the slot's layer.

Source: go-spacemesh, proposals/util and miner/minweight; proposals digest section 1.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from node.base.errors import ConfigError, PreconditionError
from node.config.model.consensus import EpochWeight
from node.consensus.eligibility import voting_vrf_input
from node.crypto.vrf import VrfSigner, first_word
from node.types.ballot import VotingEligibility
from node.types.ids import Beacon
from node.types.layer import EpochID, LayerID

MAX_U32: Final = (1 << 32) - 1
MAX_U64: Final = (1 << 64) - 1


def check_minimum_weights(weights: Sequence[EpochWeight]) -> None:
    """Check that minimal weights of active sets stand by ascending epoch.

    Raises:
        ConfigError: they do not.
    """
    epochs = [weight.epoch for weight in weights]
    if epochs != sorted(epochs):
        raise ConfigError(
            f"minimal weights of active sets: epochs {epochs} do not ascend",
            path="tortoise.minimal-active-set-weight",
            hint="sort the list by epoch",
        )


def minimum_weight(weights: Sequence[EpochWeight], epoch: EpochID) -> int:
    """Return the least weight an active set counts with in an epoch; 0 where none is set."""
    return next((weight.weight for weight in reversed(weights) if weight.epoch <= epoch), 0)


def count_slots(
    weight: int, *, minimum: int, total: int, committee: int, layers_per_epoch: int
) -> int:
    """Return the slots of an identity in an epoch, as unsigned 64-bit arithmetic gives them.

    Args:
        weight: of the identity's ATX.
        minimum: least weight an active set counts with.
        total: weight of the identity's active set.
        committee: slots in a layer, of all identities together.
        layers_per_epoch: layers in an epoch.

    Raises:
        PreconditionError: the active set has no weight.
    """
    if not total:
        raise PreconditionError("slots cannot be counted: the active set has zero total weight")
    shares = (weight * committee * layers_per_epoch & MAX_U64) // max(minimum, total)
    return max(1, shares) & MAX_U32


def eligible_layer(epoch: EpochID, layers_per_epoch: int, proof: bytes) -> LayerID:
    """Return the layer that a slot's VRF proof selects."""
    return LayerID(epoch * layers_per_epoch + first_word(proof) % layers_per_epoch)


def prove_slots(
    signer: VrfSigner, beacon: Beacon, epoch: EpochID, nonce: int, slots: Iterable[int]
) -> tuple[VotingEligibility, ...]:
    """Return the proofs of some slots; each takes a quarter of a millisecond."""
    return tuple(
        VotingEligibility(j=j, sig=signer.sign(voting_vrf_input(beacon, epoch, nonce, j)))
        for j in slots
    )


def by_layer(
    proofs: Iterable[VotingEligibility], epoch: EpochID, layers_per_epoch: int
) -> dict[LayerID, tuple[VotingEligibility, ...]]:
    """Return the proofs by the layer they select; layers ascend, proofs keep their order."""
    found: dict[LayerID, list[VotingEligibility]] = {}
    for proof in proofs:
        found.setdefault(eligible_layer(epoch, layers_per_epoch, proof.sig), []).append(proof)
    return {layer: tuple(found[layer]) for layer in sorted(found)}
