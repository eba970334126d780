"""Records built through their slots are those that their classes build."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any

import pytest

from node.types.block import Block
from node.types.ids import NO_BLOCK
from node.types.layer import LayerID
from node.types.transaction import LayerLimits, TransactionHeader, TransactionResult
from node.vm.records import constructor
from node.vm.wire import Payload
from tests.support.vm_network import DESTINATION

HEADER: dict[str, Any] = {
    "principal": DESTINATION,
    "template": DESTINATION,
    "method": 16,
    "nonce": 1,
    "layer_limits": LayerLimits(min=0, max=0),
    "max_gas": 2,
    "gas_price": 3,
    "max_spend": 4,
}
RESULT: dict[str, Any] = {
    "status": 0,
    "message": "",
    "gas": 1,
    "fee": 2,
    "block": NO_BLOCK,
    "layer": LayerID(3),
    "addresses": (DESTINATION,),
}


@pytest.mark.parametrize(
    ("cls", "values"), [(TransactionHeader, HEADER), (TransactionResult, RESULT)]
)
def test_the_record_is_the_one_that_the_class_builds(cls: type, values: dict[str, Any]) -> None:
    built = constructor(cls)(**values)
    assert type(built) is cls
    assert built == cls(**values)
    assert hash(built) == hash(cls(**values))


def test_the_record_is_as_frozen_as_any_other() -> None:
    built = constructor(TransactionHeader)(**HEADER)
    with pytest.raises(FrozenInstanceError):
        built.nonce = 2  # type: ignore[misc]
    assert replace(built, nonce=2).nonce == 2
    assert copy.copy(built) == pickle.loads(pickle.dumps(built)) == built


def test_every_field_has_to_be_given() -> None:
    with pytest.raises(TypeError, match="gas_price"):
        constructor(Payload)(nonce=1)  # type: ignore[call-arg]


def test_a_class_without_slots_is_refused() -> None:
    with pytest.raises(TypeError, match="Block has no slots"):
        constructor(Block)


def test_a_class_that_inherits_slots_is_refused() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Longer(Payload):
        more: int

    with pytest.raises(TypeError, match="Longer has base classes"):
        constructor(Longer)
