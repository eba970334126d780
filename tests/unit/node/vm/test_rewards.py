"""Issuance and its shares against the figures of the economics digest."""

import decimal

import pytest

from node.base.errors import PreconditionError
from node.types.address import Address
from node.types.amounts import MAX_U64
from node.types.layer import LayerID
from node.vm.rewards import (
    DECAY,
    HALF_LIFE,
    TOTAL_SUBSIDY,
    TOTAL_VAULTED,
    compute_economic_vesting,
    compute_issued,
    compute_layer_subsidy,
    compute_subsidy,
    sort_rewards,
    split_rewards,
)
from tests.support.vm_network import share

ALICE, BOB = (Address(bytes(23) + bytes([number])) for number in (1, 2))
SPAWN_FEE = 100_432


@pytest.mark.parametrize(
    ("index", "subsidy", "issued"),
    [
        (0, 477_618_397_593, 477_618_397_593),
        (1, 477_618_296_206, 955_236_693_799),
        (4032, 477_209_782_594, 1_925_410_907_837_447),
        (1_051_200, 382_094_799_184, 450_000_000_000_000_000),
        (10_000_000, 57_171_951_699, 1_980_670_207_293_862_126),
        (199_069_549, 1, 2_249_999_999_999_999_999),
        (199_069_550, 0, 2_249_999_999_999_999_999),
        (1_000_000_000, 0, TOTAL_SUBSIDY),
    ],
)
def test_the_curve_issues_the_recorded_amounts(index: int, subsidy: int, issued: int) -> None:
    assert (compute_subsidy(index), compute_issued(index)) == (subsidy, issued)


def test_the_constants_have_34_digits() -> None:
    assert str(HALF_LIFE) == "3265328.552227785343043597296961386"
    assert str(DECAY) == "2.122748659050074683778792926470147E-7"


def test_the_decimal_context_of_the_caller_does_not_matter() -> None:
    with decimal.localcontext(decimal.Context(prec=5)):
        assert compute_issued(1_051_200) == 450_000_000_000_000_000


def test_layers_count_from_the_first_effective_genesis() -> None:
    assert compute_layer_subsidy(LayerID(8064), LayerID(8063)) == compute_subsidy(1)
    with pytest.raises(PreconditionError):
        compute_layer_subsidy(LayerID(8062), LayerID(8063))


@pytest.mark.parametrize(
    ("index", "fees", "weights", "totals"),
    [
        (0, 0, ((1, 2), (1, 2)), [238_809_198_796] * 2),
        (1, 0, ((9, 10), (1, 10)), [429_856_466_585, 47_761_829_620]),
        (0, SPAWN_FEE, ((1, 2), (1, 2)), [238_809_249_012] * 2),
        (1, SPAWN_FEE, ((9, 10), (1, 10)), [429_856_556_974, 47_761_839_663]),
    ],
)
def test_shares_are_rounded_down_once(
    index: int, fees: int, weights: tuple[tuple[int, int], ...], totals: list[int]
) -> None:
    shares = [share(number, ALICE, *weight) for number, weight in enumerate(weights)]
    paid = split_rewards(LayerID(9), compute_subsidy(index), fees, shares)
    assert [reward.total_reward for reward in paid] == totals
    assert [reward.smesher for reward in paid] == [reward.smesher for reward in shares]


def test_subsidy_and_fees_wrap_around_at_two_to_the_64() -> None:
    (paid,) = split_rewards(LayerID(9), 10, MAX_U64, [share(1, ALICE, 1, 1)])
    assert (paid.total_reward, paid.layer_reward) == (9, 10)


def test_nobody_to_reward_burns_everything() -> None:
    assert split_rewards(LayerID(9), 10, 10, ()) == ()


def test_a_smesher_is_rewarded_once() -> None:
    with pytest.raises(PreconditionError, match="layer 9 rewards a smesher twice"):
        split_rewards(LayerID(9), 1, 0, [share(1, ALICE, 1, 1), share(1, BOB, 1, 1)])


def test_shares_are_applied_in_the_order_of_their_coinbases() -> None:
    shares = (share(1, BOB, 1, 1), share(2, ALICE, 1, 1), share(3, BOB, 1, 1))
    assert sort_rewards(shares) == (shares[1], shares[0], shares[2])


@pytest.mark.parametrize(
    ("layer", "unlocked"),
    [
        (0, 0),
        (105_120, 0),
        (105_121, 475_646_879_756),
        (420_479, 149_999_524_352_972_404),
        (420_480, TOTAL_VAULTED),
    ],
)
def test_the_economics_count_a_fixed_sum_as_unlocked_in_each_layer(
    layer: int, unlocked: int
) -> None:
    assert compute_economic_vesting(LayerID(layer)) == unlocked
