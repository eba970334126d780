"""The hash of an active set."""

from node.base.hashing import hash32
from node.types.active_set import active_set_hash
from node.types.ids import AtxID


def test_the_hash_is_over_the_ids_in_order() -> None:
    assert active_set_hash([AtxID(b"a" * 32), AtxID(b"b" * 32)]) == hash32(b"a" * 32 + b"b" * 32)
