"""Blocks and what the tortoise decided of them.

Source: go-spacemesh, sql/blocks; tortoise digest sections 13 and 16.
"""

from collections.abc import Iterator
from typing import Final

from node.base import scale
from node.base.errors import NotFoundError
from node.store import schema
from node.store.db import Batch, Reader
from node.store.schema import after_u32, key_u8, key_u32, number_of, read_record
from node.types.block import Block
from node.types.ids import BlockID
from node.types.layer import LayerID

VALID: Final = 1
"""Stored for a block that the tortoise decided for."""
INVALID: Final = 2
"""Stored for a block that it decided against."""


def put_block(batch: Batch, block: Block) -> None:
    """Store a block; its validity is undecided until ``put_block_validity``."""
    layer = key_u32(block.layer)
    batch.put(schema.BLOCK + layer + block.id, scale.encode(block))
    batch.put(schema.BLOCK_LAYER + block.id, layer)


def put_block_validity(batch: Batch, layer: LayerID, block: BlockID, *, valid: bool) -> None:
    """Record the tortoise's decision on a block of ``layer``."""
    key = key_u32(layer) + block
    batch.put(schema.BLOCK_VALIDITY + key, key_u8(VALID if valid else INVALID))
    if valid:
        batch.put(schema.VALID_BLOCK + key, b"")
    else:
        batch.delete(schema.VALID_BLOCK + key)


def find_block(reader: Reader, block: BlockID) -> Block | None:
    """Return a block, or None."""
    value = find_block_blob(reader, block)
    return None if value is None else read_record(Block, value)


def get_block(reader: Reader, block: BlockID) -> Block:
    """Return a block.

    Raises:
        NotFoundError: it is not stored.
    """
    found = find_block(reader, block)
    if found is None:
        raise NotFoundError("block", block)
    return found


def find_block_blob(reader: Reader, block: BlockID) -> bytes | None:
    """Return a block encoded, as peers fetch it, or None."""
    layer = reader.get(schema.BLOCK_LAYER + block)
    return None if layer is None else reader.get(schema.BLOCK + layer + block)


def has_block(reader: Reader, block: BlockID) -> bool:
    """Tell whether a block is stored."""
    return reader.get(schema.BLOCK_LAYER + block) is not None


def blocks_in_layer(reader: Reader, layer: LayerID) -> Iterator[Block]:
    """Yield the blocks of a layer, by identifier."""
    rows = reader.scan(schema.BLOCK + key_u32(layer))
    return (read_record(Block, value) for _, value in rows)


def block_ids_in_layer(reader: Reader, layer: LayerID) -> Iterator[BlockID]:
    """Yield the identifiers of a layer's blocks, ascending."""
    return map(BlockID, reader.keys(schema.BLOCK + key_u32(layer)))


def find_block_validity(reader: Reader, block: BlockID) -> bool | None:
    """Return whether the tortoise decided a block valid; None while it did not decide."""
    layer = reader.get(schema.BLOCK_LAYER + block)
    value = None if layer is None else reader.get(schema.BLOCK_VALIDITY + layer + block)
    return None if value is None else number_of(value) == VALID


def block_validities_in_layer(reader: Reader, layer: LayerID) -> dict[BlockID, bool | None]:
    """Return the decisions on all blocks of a layer, by identifier."""
    decided = dict(reader.scan(schema.BLOCK_VALIDITY + key_u32(layer)))
    return {
        block: number_of(decided[block]) == VALID if block in decided else None
        for block in block_ids_in_layer(reader, layer)
    }


def find_last_valid_layer(reader: Reader) -> LayerID | None:
    """Return the highest layer with a valid block, or None."""
    return _last_layer(reader, schema.VALID_BLOCK)


def find_latest_block_layer(reader: Reader) -> LayerID | None:
    """Return the highest layer with a block, or None."""
    return _last_layer(reader, schema.BLOCK)


def blocks_between(reader: Reader, first: LayerID, last: LayerID) -> Iterator[Block]:
    """Yield the blocks from layer ``first`` to ``last``, by layer and identifier."""
    rows = reader.scan(schema.BLOCK, start=key_u32(first), stop=after_u32(last))
    return (read_record(Block, value) for _, value in rows)


def _last_layer(reader: Reader, prefix: bytes) -> LayerID | None:
    for key in reader.keys(prefix, reverse=True):
        return LayerID(number_of(key[: schema.U32_SIZE]))
    return None
