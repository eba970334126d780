"""The collector of cyclic garbage, eased for a while."""

import gc

import pytest

from node.runtime.collector import YOUNG, eased_collector, settle


def test_the_collector_rests_inside_and_works_as_before_afterwards() -> None:
    before = gc.get_threshold()
    with eased_collector():
        assert gc.get_threshold()[0] == YOUNG
    assert gc.get_threshold() == before


def test_what_is_settled_is_left_out_until_the_end() -> None:
    with eased_collector():
        settle()
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_it_works_as_before_after_an_error_too() -> None:
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), eased_collector():
        raise ZeroDivisionError
    assert gc.get_threshold() == before
