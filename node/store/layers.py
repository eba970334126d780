"""Facts of a layer: weak coin, processed mark, applied block, state and mesh hash.

Every fact has a key of its own, because different components learn them at different
times.  The mesh hash is what the reference calls the aggregated hash: the tortoise's
opinion of all layers up to this one.

Hare's output of a layer is a row of ``certificates``.

Source: go-spacemesh, sql/layers and sql/recovery; tortoise digest sections 13 to 16.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from node.base.errors import NotFoundError
from node.store import schema
from node.store.db import Batch, Reader
from node.store.schema import after_u32, key_u8, key_u32, number_of
from node.types.ids import NO_BLOCK, BlockID, Hash32
from node.types.layer import LayerID

NO_HASH: Final = Hash32.zero()
"""What peers are told of a known layer without a mesh hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFacts:
    """All that is stored of a layer itself."""

    layer: LayerID
    weak_coin: bool | None
    is_processed: bool

    applied_block: BlockID | None
    """Zero for a layer that was applied empty."""

    state_hash: Hash32 | None
    mesh_hash: Hash32 | None


def put_layer(batch: Batch, layer: LayerID) -> None:
    """Note that a layer is known, without any other fact."""
    batch.put(schema.LAYER + key_u32(layer), b"")


def put_weak_coin(batch: Batch, layer: LayerID, *, coin: bool) -> None:
    """Record hare's weak coin."""
    put_layer(batch, layer)
    batch.put(schema.LAYER_WEAK_COIN + key_u32(layer), key_u8(coin))


def put_processed(batch: Batch, layer: LayerID) -> None:
    """Mark a layer as processed: the tortoise has counted it."""
    put_layer(batch, layer)
    batch.put(schema.LAYER_PROCESSED + key_u32(layer), b"")


def put_applied_block(batch: Batch, layer: LayerID, block: BlockID) -> None:
    """Record which block made the state of a layer; zero for an empty layer."""
    put_layer(batch, layer)
    batch.put(schema.LAYER_APPLIED + key_u32(layer), block)


def put_state_hash(batch: Batch, layer: LayerID, state_hash: Hash32) -> None:
    """Record the state root of a layer."""
    put_layer(batch, layer)
    batch.put(schema.LAYER_STATE_HASH + key_u32(layer), state_hash)


def put_mesh_hash(batch: Batch, layer: LayerID, mesh_hash: Hash32) -> None:
    """Record the opinion of all layers up to this one."""
    put_layer(batch, layer)
    batch.put(schema.LAYER_MESH_HASH + key_u32(layer), mesh_hash)


def clear_applied(batch: Batch, reader: Reader, first: LayerID) -> None:
    """Forget applied block, state hash and mesh hash of ``first`` and all later layers."""
    for prefix in (schema.LAYER_APPLIED, schema.LAYER_STATE_HASH, schema.LAYER_MESH_HASH):
        for key in reader.keys(prefix, start=key_u32(first)):
            batch.delete(prefix + key)


def has_layer(reader: Reader, layer: LayerID) -> bool:
    """Tell whether any fact of a layer was ever stored."""
    return reader.get(schema.LAYER + key_u32(layer)) is not None


def find_weak_coin(reader: Reader, layer: LayerID) -> bool | None:
    """Return hare's weak coin, or None."""
    value = reader.get(schema.LAYER_WEAK_COIN + key_u32(layer))
    return None if value is None else bool(number_of(value))


def is_processed(reader: Reader, layer: LayerID) -> bool:
    """Tell whether a layer is marked as processed."""
    return reader.get(schema.LAYER_PROCESSED + key_u32(layer)) is not None


def find_processed_layer(reader: Reader) -> LayerID | None:
    """Return the highest layer marked as processed, or None."""
    return _last_layer(reader, schema.LAYER_PROCESSED)


def find_applied_layer(reader: Reader) -> LayerID | None:
    """Return the highest layer that was applied to the state, or None."""
    return _last_layer(reader, schema.LAYER_APPLIED)


def find_applied_block(reader: Reader, layer: LayerID) -> BlockID | None:
    """Return the block that made the state of a layer, zero for an empty one, or None."""
    value = reader.get(schema.LAYER_APPLIED + key_u32(layer))
    return None if value is None else BlockID(value)


def get_applied_block(reader: Reader, layer: LayerID) -> BlockID:
    """Return the block that made the state of a layer, zero for an empty one.

    Raises:
        NotFoundError: the layer was not applied.
    """
    block = find_applied_block(reader, layer)
    if block is None:
        raise NotFoundError("applied block of layer", layer)
    return block


def applied_blocks(
    reader: Reader, first: LayerID, last: LayerID
) -> Iterator[tuple[LayerID, BlockID]]:
    """Yield the applied layers of a range with their blocks, zero for empty ones."""
    rows = reader.scan(schema.LAYER_APPLIED, start=key_u32(first), stop=after_u32(last))
    return ((LayerID(number_of(key)), BlockID(value)) for key, value in rows)


def find_first_applied_block(
    reader: Reader, first: LayerID, last: LayerID
) -> tuple[LayerID, BlockID] | None:
    """Return the lowest layer of a range whose applied block is not empty, or None."""
    for layer, block in applied_blocks(reader, first, last):
        if block != NO_BLOCK:
            return layer, block
    return None


def find_state_hash(reader: Reader, layer: LayerID) -> Hash32 | None:
    """Return the state root of a layer, or None."""
    return _find_hash(reader, schema.LAYER_STATE_HASH, layer)


def find_latest_state_hash(reader: Reader) -> tuple[LayerID, Hash32] | None:
    """Return the highest layer with a state root, and the root, or None."""
    for key, value in reader.scan(schema.LAYER_STATE_HASH, reverse=True):
        return LayerID(number_of(key)), Hash32(value)
    return None


def find_mesh_hash(reader: Reader, layer: LayerID) -> Hash32 | None:
    """Return the mesh hash of a layer, or None."""
    return _find_hash(reader, schema.LAYER_MESH_HASH, layer)


def get_mesh_hash(reader: Reader, layer: LayerID) -> Hash32:
    """Return the mesh hash of a layer.

    Raises:
        NotFoundError: it is not known.
    """
    found = find_mesh_hash(reader, layer)
    if found is None:
        raise NotFoundError("mesh hash of layer", layer)
    return found


def mesh_hashes(reader: Reader, first: LayerID, last: LayerID, step: int) -> tuple[Hash32, ...]:
    """Return the mesh hashes of every ``step``-th layer from ``first``, and of ``last``.

    A layer that is known without a hash gives zeros.

    Raises:
        NotFoundError: one of the layers is not known at all.
    """
    wanted = [*range(first, last, step), last]
    if not all(has_layer(reader, LayerID(layer)) for layer in wanted):
        raise NotFoundError("layers", f"from {first} to {last} by {step}")
    return tuple(find_mesh_hash(reader, LayerID(layer)) or NO_HASH for layer in wanted)


def find_layer(reader: Reader, layer: LayerID) -> LayerFacts | None:
    """Return all that is stored of a layer, None if it is not known."""
    if not has_layer(reader, layer):
        return None
    return LayerFacts(
        layer=layer,
        weak_coin=find_weak_coin(reader, layer),
        is_processed=is_processed(reader, layer),
        applied_block=find_applied_block(reader, layer),
        state_hash=find_state_hash(reader, layer),
        mesh_hash=find_mesh_hash(reader, layer),
    )


def layers_between(
    reader: Reader, first: LayerID, last: LayerID, *, newest_first: bool = False
) -> Iterator[LayerFacts]:
    """Yield the known layers of a range."""
    found = reader.keys(
        schema.LAYER, start=key_u32(first), stop=after_u32(last), reverse=newest_first
    )
    for key in found:
        facts = find_layer(reader, LayerID(number_of(key)))
        if facts is not None:
            yield facts


def put_restore_layer(batch: Batch, layer: LayerID) -> None:
    """Record that this database began from a checkpoint, at ``layer``."""
    batch.put(schema.RESTORE_LAYER, key_u32(layer))


def find_restore_layer(reader: Reader) -> LayerID | None:
    """Return the layer at which a checkpoint was recovered, or None."""
    value = reader.get(schema.RESTORE_LAYER)
    return None if value is None else LayerID(number_of(value))


def _find_hash(reader: Reader, prefix: bytes, layer: LayerID) -> Hash32 | None:
    value = reader.get(prefix + key_u32(layer))
    return None if value is None else Hash32(value)


def _last_layer(reader: Reader, prefix: bytes) -> LayerID | None:
    for key in reader.keys(prefix, reverse=True):
        return LayerID(number_of(key))
    return None
