"""When rounds start, how large committees are, and which schedules are refused."""

import pytest

from node.base.errors import ConfigError
from node.config.model.consensus import CommitteeUpgrade, HareConfig
from node.consensus.hare.schedule import (
    check_schedule,
    committee_of,
    round_offset_ns,
    seats_in,
    threshold_of,
)
from node.consensus.hare.wire import IterRound, Round
from node.types.layer import LayerID
from node.types.layer_time import LayerTime
from tests.support.chain import NS
from tests.support.hare import at, replace_config

MAINNET = replace_config(
    HareConfig(),
    enable=True,
    committee=400,
    committee_upgrade=CommitteeUpgrade(layer=105_720, size=50),
)
TIME = LayerTime(genesis_ns=0, layer_duration_ns=300 * NS, layers_per_epoch=4032)


@pytest.mark.parametrize(
    ("when", "seconds"),
    [
        (at(0, 0), 25),
        (at(0, 2), 37),
        (at(0, 7), 97),
        (at(1, 1), 109),
        (at(2, 1), 193),
        (at(4, 1), 361),
    ],
)
def test_rounds_start_as_on_the_main_network(when: IterRound, seconds: int) -> None:
    assert round_offset_ns(MAINNET, when) == seconds * NS


def test_the_committee_shrinks_at_its_layer() -> None:
    before, after = LayerID(105_719), LayerID(105_720)
    assert (committee_of(MAINNET, before), threshold_of(MAINNET, before)) == (400, 201)
    assert (committee_of(MAINNET, after), threshold_of(MAINNET, after)) == (50, 26)
    assert committee_of(HareConfig(), after) == 800


def test_leaders_are_drawn_with_their_own_number() -> None:
    assert seats_in(MAINNET, LayerID(1), Round.PROPOSE) == 5
    assert seats_in(MAINNET, LayerID(1), Round.COMMIT) == 400


def test_a_session_must_end_before_the_tortoise_stops_waiting() -> None:
    check_schedule(MAINNET, TIME, 2, section="hare3")
    with pytest.raises(ConfigError, match="terminates later") as caught:
        check_schedule(MAINNET, TIME, 1, section="hare3")
    assert caught.value.path == "hare3.iterations-limit"


def test_there_must_be_a_layer_for_the_version() -> None:
    empty = replace_config(MAINNET, enable_layer=7, disable_layer=7)
    with pytest.raises(ConfigError, match="must be larger than enabled"):
        check_schedule(empty, TIME, 2, section="hare4")
