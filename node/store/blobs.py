"""Raw bytes by the kind of object and its hash, as peers ask for them.

Keys have 32 bytes; identifiers of 20 bytes stand in front of 12 others, which are not
looked at.  Proposals are kept in memory only, and are not found here.

Source: go-spacemesh, datastore; sync digest section 1.
"""

from collections.abc import Callable
from typing import Final

from node.base.errors import NotFoundError
from node.store.activesets import find_active_set_blob
from node.store.atxs import find_atx_blob
from node.store.ballots import find_ballot_blob
from node.store.blocks import find_block_blob
from node.store.db import Reader
from node.store.identities import find_malfeasance_blob
from node.store.poets import find_poet_blob
from node.store.transactions import find_transaction_blob
from node.types.ids import (
    AtxID,
    BallotID,
    BlockID,
    Hash32,
    PoetRef,
    SmesherID,
    TransactionID,
)

_FINDERS: Final[dict[str, Callable[[Reader, bytes], bytes | None]]] = {
    "ATXDB": lambda reader, key: find_atx_blob(reader, AtxID(key)),
    "ballotDB": lambda reader, key: find_ballot_blob(reader, BallotID(key[: BallotID.SIZE])),
    "blocksDB": lambda reader, key: find_block_blob(reader, BlockID(key[: BlockID.SIZE])),
    "TXDB": lambda reader, key: find_transaction_blob(reader, TransactionID(key)),
    "POETDB": lambda reader, key: find_poet_blob(reader, PoetRef(key)),
    "malfeasance": lambda reader, key: find_malfeasance_blob(reader, SmesherID(key)),
    "activeset": lambda reader, key: find_active_set_blob(reader, Hash32(key)),
}


def find_blob(reader: Reader, hint: str, key: Hash32) -> bytes | None:
    """Return the bytes of an object, None if it is absent or has none (a checkpointed ATX).

    Args:
        reader: the state database.
        hint: what kind of object, in the words of the fetch protocol.
        key: its hash, identifiers of 20 bytes padded on the right.

    Raises:
        NotFoundError: no object of that kind is kept here.
    """
    finder = _FINDERS.get(hint)
    if finder is None:
        raise NotFoundError("blob store", hint)
    return finder(reader, key)


def has_blob(reader: Reader, hint: str, key: Hash32) -> bool:
    """Tell whether ``find_blob`` finds something."""
    return find_blob(reader, hint, key) is not None
