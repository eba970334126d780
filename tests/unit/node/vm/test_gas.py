"""Prices against the examples of the vm digest."""

import pytest

from node.vm.gas import (
    DRAIN_GAS,
    SPEND_GAS,
    Gas,
    base_gas,
    data_gas,
    load_gas,
    price,
    spawn_gas,
    words,
)


@pytest.mark.parametrize(("size", "started"), [(0, 0), (1, 1), (8, 1), (9, 2), (120, 15)])
def test_every_started_word_is_priced(size: int, started: int) -> None:
    assert words(7, size) == 7 * started


def test_the_sums_are_those_of_the_digest() -> None:
    assert (SPEND_GAS, DRAIN_GAS) == (7032, 9759)
    assert base_gas(1) + data_gas(120) + load_gas(1) + SPEND_GAS == 36_090
    assert base_gas(2) + data_gas(186) + load_gas(3) + SPEND_GAS == 41_698
    assert base_gas(2) + data_gas(208) + load_gas(3) + DRAIN_GAS == 44_681
    assert base_gas(1) + 30_000 + data_gas(148) + spawn_gas(1) == 100_432


def test_a_price_that_is_remembered_is_the_one_that_was_computed() -> None:
    for _ in range(2):
        assert price(23_000, 120, 11_170) == Gas(base=23_000, data=1_920, fixed=11_170)
        assert price(23_000, 121, 11_170) == Gas(base=23_000, data=2_048, fixed=11_170)


def test_intrinsic_gas_leaves_the_accounts_out() -> None:
    gas = Gas(base=1, data=10, fixed=100)
    assert (gas.intrinsic, gas.total) == (11, 111)
