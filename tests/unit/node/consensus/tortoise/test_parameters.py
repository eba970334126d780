"""Parameters of a network's tortoise."""

import pytest

from node.base.errors import ConfigError
from node.consensus.tortoise.parameters import WindowSize
from node.types.layer import LayerID
from tests.support.tortoise_network import parameters


def test_hare_is_not_waited_for_longer_than_it_matters() -> None:
    with pytest.raises(ConfigError, match="hdist 3 is below zdist 4") as caught:
        parameters(hdist=3, zdist=4)
    assert caught.value.path == "tortoise.tortoise-hdist"
    assert parameters(hdist=3, zdist=3).zdist == 3


def test_a_window_has_at_least_one_layer() -> None:
    with pytest.raises(ConfigError, match="window of 0 layers"):
        parameters(window_layers=0)


def test_the_first_window_that_holds_a_layer_decides() -> None:
    windows = (
        WindowSize(first_layer=LayerID(0), last_layer=LayerID(10), size_layers=5),
        WindowSize(first_layer=LayerID(8), last_layer=LayerID(12), size_layers=6),
    )
    made = parameters(historical_windows=windows)
    assert [made.window_at(layer) for layer in (0, 10, 11, 12, 13)] == [5, 5, 6, 6, 100]


def test_hdist_excludes_the_layer_so_many_below() -> None:
    made = parameters(hdist=3)
    assert made.within_hdist(8, 10)
    assert not made.within_hdist(7, 10)
    assert made.epoch_of(11) == 2
