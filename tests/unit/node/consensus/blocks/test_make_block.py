"""Blocks out of proposals: rewards, majority, order, gas."""

import pytest

from node.base.errors import IgnoreError
from node.consensus.blocks.make_block import (
    Candidate,
    ProposalFacts,
    block_seed,
    majority_mesh_hash,
    make_rewards,
    order_transactions,
    plan_block,
)
from node.consensus.blocks.shuffle import MersenneTwister64, shuffled
from node.types.address import NO_ADDRESS, Address
from node.types.ids import AtxID, Hash32, ProposalID, TransactionID
from node.types.layer import LayerID
from node.types.transaction import LayerLimits, TransactionHeader

SEED = bytes.fromhex("626c6f636b207365656420202020202020202020202020202020202020313031")
MESH, OTHER = Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)
MAX = (1 << 64) - 1


def tx(
    name: int | str,
    principal: int = 0,
    nonce: int = 0,
    *,
    gas: int = 1,
    price: int = 1,
    spend: int = 0,
    applied: bool = False,
) -> Candidate:
    raw = bytes.fromhex(name) if isinstance(name, str) else bytes([name])
    header = TransactionHeader(
        principal=Address(bytes([principal]) * 24),
        template=NO_ADDRESS,
        method=16,
        nonce=nonce,
        layer_limits=LayerLimits(min=0, max=0),
        max_gas=gas,
        gas_price=price,
        max_spend=spend,
    )
    return Candidate(id=TransactionID(raw.ljust(32, b"\0")), header=header, is_applied=applied)


def proposal(name: int, *txs: Candidate, slots: int = 2, mesh: Hash32 = MESH) -> ProposalFacts:
    return ProposalFacts(
        id=ProposalID(bytes([name]) * 20),
        atx_id=AtxID(bytes([name]) * 32),
        atx_weight=100,
        base_tick_height=name * 10,
        eligibility_count=6,
        eligibilities=slots,
        tx_ids=tuple(t.id for t in txs),
        mesh_hash=mesh,
    )


def ordered(*txs: Candidate, gas_limit: int = 0) -> list[int]:
    return [tx_id[0] for tx_id in order_transactions(txs, SEED, gas_limit=gas_limit)]


def test_the_twister_gives_the_published_numbers() -> None:
    twister = MersenneTwister64([0x12345, 0x23456, 0x34567, 0x45678])
    assert [twister.u64() for _ in range(2)] == [7266447313870364031, 4946485549665804864]


def test_bounds_are_unbiased() -> None:
    twister = MersenneTwister64([1])
    draws = [twister.below((1 << 31) - 1) for _ in range(400)]
    assert max(draws) < (1 << 31) - 1


def test_the_recorded_shuffle() -> None:
    assert shuffled(range(8), bytes(range(32))) == [2, 3, 0, 1, 5, 6, 4, 7]
    assert shuffled([], bytes(32)) == []


def test_the_references_own_order() -> None:
    names = (
        "9e8963db 9a96ccb0 98f09563 8ec40d3c 83f3bb7d c3c9b8af 08ea037a 8058885d db6d9aad 1c8e2034"
    )
    full = {
        "9e8963db": "9e8963dbd7566c06e007f0dab910168aab24d1ae9789cb896d2fb24778fc6002",
    }
    txs = [tx(full.get(name, name), principal=k) for k, name in enumerate(names.split())]
    got = [tx_id.hex()[:8] for tx_id in order_transactions(txs, SEED, gas_limit=0)]
    want = (
        "08ea037a 8058885d c3c9b8af 1c8e2034 98f09563 9a96ccb0 9e8963db 8ec40d3c 83f3bb7d db6d9aad"
    )
    assert got == want.split()


def test_an_account_keeps_its_nonce_order() -> None:
    assert ordered(tx(9, nonce=3), tx(1, nonce=7), tx(5, nonce=1)) == [5, 9, 1]


def test_of_one_nonce_the_higher_fee_wins_and_the_seed_breaks_ties() -> None:
    assert ordered(tx(1, price=1), tx(2, price=3), tx(3, price=2)) == [2]
    assert ordered(tx(1), tx(2)) == ordered(tx(2), tx(1))


def test_what_no_balance_could_pay_is_left_out() -> None:
    assert ordered(tx(1, nonce=0, spend=MAX - 5), tx(2, nonce=1, spend=MAX - 5)) == [1]


def test_applied_ones_are_dropped_from_the_front_only() -> None:
    assert ordered(tx(1, nonce=0, applied=True), tx(2, nonce=1), tx(3, nonce=2, applied=True)) == [
        2,
        3,
    ]
    assert ordered(tx(1, applied=True)) == []


def test_at_most_a_hundred_of_an_account_and_of_a_nonce() -> None:
    many = [tx(k % 256, nonce=k) for k in range(120)]
    assert len(ordered(*many)) == 100
    same = [tx(k, price=1 + (k == 110)) for k in range(120)]
    assert ordered(*same) != [110]


def test_the_gas_limit_cuts_and_wraps() -> None:
    queue = [tx(k, nonce=k, gas=10) for k in range(1, 5)]
    assert ordered(*queue, gas_limit=20) == [1, 2]
    assert ordered(*queue, gas_limit=25) == [1, 2, 3, 4]
    assert ordered(*queue, gas_limit=40) == [1, 2, 3, 4]


def test_rewards_are_exact_shares_by_ascending_atx() -> None:
    rewards = make_rewards([proposal(2, slots=3), proposal(1, slots=2)])
    assert [(r.atx_id[0], r.weight.numerator, r.weight.denominator) for r in rewards] == [
        (1, 100, 3),
        (2, 50, 1),
    ]
    with pytest.raises(IgnoreError, match="multiple proposals"):
        make_rewards([proposal(1), proposal(1)])


def test_a_majority_of_eligibilities_names_the_mesh() -> None:
    nine, one = proposal(1, slots=9), proposal(2, slots=1, mesh=OTHER)
    assert majority_mesh_hash([nine, one], 90) == MESH
    assert majority_mesh_hash([nine, one], 91) is None
    assert majority_mesh_hash([proposal(1, mesh=Hash32.zero())], 90) is None


def test_a_block_of_proposals() -> None:
    first, second = tx(1, principal=1), tx(2, principal=2)
    proposals = [proposal(1, first), proposal(2, second, first, mesh=OTHER)]
    known = {first.id: first, second.id: second}
    plan = plan_block(
        LayerID(9), proposals, known, own_mesh_hash=None, threshold_percent=90, gas_limit=MAX
    )
    assert (plan.tick_height, plan.is_optimistic, len(plan.rewards)) == (20, False, 2)
    assert set(plan.block().tx_ids) == set(known)
    assert plan.block((first.id,)).tx_ids == (first.id,)
    assert plan.block().layer == 9


def test_an_optimistic_block_needs_our_mesh_to_be_the_majoritys() -> None:
    only = tx(1, gas=5)
    plan = plan_block(
        LayerID(9),
        [proposal(1, only)],
        {only.id: only},
        own_mesh_hash=MESH,
        threshold_percent=90,
        gas_limit=1,
    )
    assert plan.is_optimistic
    for own in (None, OTHER):
        with pytest.raises(IgnoreError, match="different mesh hash"):
            plan_block(
                LayerID(9),
                [proposal(1)],
                {},
                own_mesh_hash=own,
                threshold_percent=90,
                gas_limit=1,
            )


def test_the_seed_is_over_sorted_padded_ids() -> None:
    ids = [ProposalID(b"\x02" * 20), ProposalID(b"\x01" * 20)]
    expected = "9d7611dbd688c5fab9c33491e185d1e7b73172df05edb9aeff25f2f1624e3d0a"
    assert block_seed(ids).hex() == expected
