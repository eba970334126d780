from node.sync.patrol import REMEMBERED_LAYERS, LayerPatrol
from node.types.layer import LayerID


def test_a_layer_is_in_hares_care_until_it_is_complete() -> None:
    patrol = LayerPatrol()
    assert not patrol.is_hare_in_charge(LayerID(3))
    patrol.start(LayerID(3))
    assert patrol.is_hare_in_charge(LayerID(3))
    patrol.complete(LayerID(3))
    assert not patrol.is_hare_in_charge(LayerID(3))
    patrol.complete(LayerID(3))


def test_only_the_last_layers_are_remembered() -> None:
    patrol = LayerPatrol()
    for layer in range(REMEMBERED_LAYERS + 1):
        patrol.start(LayerID(layer))
    assert not patrol.is_hare_in_charge(LayerID(0))
    assert patrol.is_hare_in_charge(LayerID(1))
