"""How ``scripts/crash`` reads its arguments and names writes."""

import pytest

from node.sim.power import Write
from node.types.layer import LayerID
from scripts.crashing.run import describe, main, read_layers


@pytest.mark.parametrize(("text", "layers"), [("13", [13]), ("13-16", [13, 14, 15, 16])])
def test_layers_are_one_or_a_range(text: str, layers: list[int]) -> None:
    assert list(read_layers(text)) == layers


@pytest.mark.parametrize(
    "arguments", [("--layers", "16-13"), ("--layers", "13,14"), ("--every", "0")]
)
def test_a_run_without_crashes_is_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2


def test_a_write_is_named_by_its_place_and_tables() -> None:
    write = Write(layer=LayerID(9), number=4, database="state", sync=True, prefixes=(b"K", b"L"))
    assert describe(write) == "write 4 of layer 9 (state: KL, waited for)"
    empty = Write(layer=LayerID(9), number=5, database="local", sync=False, prefixes=())
    assert describe(empty) == "write 5 of layer 9 (local: nothing, not waited for)"
