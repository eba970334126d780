"""Certificates and bare hare outputs: which block a layer should have.

A row is a block that hare agreed on, here or elsewhere, with or without a certificate.
Zero stands for an empty layer.  Of two rows of a layer at most one should be valid; two
valid ones contradict each other, and count as an empty layer.

Source: go-spacemesh, sql/certificates; blocks digest section 4.4.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from node.base import scale
from node.base.errors import NotFoundError
from node.store import schema
from node.store.db import Batch, Database, Reader
from node.store.pruning import Portion, delete_portion
from node.store.schema import after_u32, key_u8, key_u32, number_of, read_record
from node.types.certificate import Certificate
from node.types.ids import NO_BLOCK, BlockID
from node.types.layer import LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRow:
    """One candidate for the block of a layer."""

    layer: LayerID
    block: BlockID

    certificate: Certificate | None
    """None for a bare hare output, and after pruning."""

    is_valid: bool


def put_hare_output(batch: Batch, layer: LayerID, block: BlockID, *, valid: bool) -> None:
    """Record a bare hare output; a certificate of the same block, if any, stays."""
    batch.put(schema.CERTIFICATE_ROW + key_u32(layer) + block, key_u8(valid))


def put_certificate(batch: Batch, layer: LayerID, certificate: Certificate) -> None:
    """Store a certificate; its row becomes valid."""
    put_hare_output(batch, layer, certificate.block_id, valid=True)
    key = key_u32(layer) + certificate.block_id
    batch.put(schema.CERTIFICATE + key, scale.encode(certificate))


def put_certificate_validity(batch: Batch, layer: LayerID, block: BlockID, *, valid: bool) -> None:
    """Change which rows of a layer are valid."""
    put_hare_output(batch, layer, block, valid=valid)


def certificate_rows(reader: Reader, layer: LayerID) -> tuple[CertificateRow, ...]:
    """Return the candidates for the block of a layer, by block."""
    return tuple(certificate_rows_between(reader, layer, layer))


def certificate_rows_between(
    reader: Reader, first: LayerID, last: LayerID
) -> Iterator[CertificateRow]:
    """Yield the rows from layer ``first`` to ``last``, by layer and block."""
    rows = reader.scan(schema.CERTIFICATE_ROW, start=key_u32(first), stop=after_u32(last))
    for key, value in rows:
        layer, block = _parse(key)
        yield CertificateRow(
            layer=layer,
            block=block,
            certificate=find_certificate(reader, layer, block),
            is_valid=bool(number_of(value)),
        )


def find_certificate(reader: Reader, layer: LayerID, block: BlockID) -> Certificate | None:
    """Return the certificate of a block, valid or not, or None."""
    value = reader.get(schema.CERTIFICATE + key_u32(layer) + block)
    return None if value is None else read_record(Certificate, value)


def get_certificate(reader: Reader, layer: LayerID, block: BlockID) -> Certificate:
    """Return the certificate of a block, valid or not.

    Raises:
        NotFoundError: there is none.
    """
    found = find_certificate(reader, layer, block)
    if found is None:
        raise NotFoundError(f"certificate in layer {layer} of block", block)
    return found


def find_hare_output(reader: Reader, layer: LayerID) -> BlockID | None:
    """Return the block of the one valid row, zero if several are valid, None if none is."""
    valid = [row.block for row in certificate_rows(reader, layer) if row.is_valid]
    if len(valid) > 1:
        return NO_BLOCK
    return valid[0] if valid else None


def find_certified_block(reader: Reader, layer: LayerID) -> BlockID | None:
    """Return the block of a valid row that has a certificate, or None."""
    for row in certificate_rows(reader, layer):
        if row.is_valid and row.certificate is not None:
            return row.block
    return None


def find_first_certified_block(
    reader: Reader, first: LayerID, last: LayerID
) -> tuple[LayerID, BlockID] | None:
    """Return the lowest layer of a range with a certified block that is not empty, or None."""
    for row in certificate_rows_between(reader, first, last):
        if row.is_valid and row.certificate is not None and row.block != NO_BLOCK:
            return row.layer, row.block
    return None


def prune_certificates(db: Database, before: LayerID, *, start: bytes = b"", limit: int) -> Portion:
    """Delete certificates of lower layers; their rows stay.  See ``delete_portion``."""
    return delete_portion(db, schema.CERTIFICATE, start=start, stop=key_u32(before), limit=limit)


def _parse(key: bytes) -> tuple[LayerID, BlockID]:
    return LayerID(number_of(key[: schema.U32_SIZE])), BlockID(key[schema.U32_SIZE :])
