"""Accounts: every version by the layer that wrote it; the newest is the current one.

Source: go-spacemesh, sql/accounts; vm digest section 7.
"""

from collections.abc import Iterator

from node.base import scale
from node.base.errors import NotFoundError
from node.store import schema
from node.store.db import Batch, Reader
from node.store.schema import after_u32, key_u32, number_of, read_record
from node.types.account import Account
from node.types.address import Address
from node.types.layer import MAX_LAYER, LayerID


def put_account(batch: Batch, account: Account) -> None:
    """Store one version of an account."""
    layer = key_u32(account.layer)
    batch.put(schema.ACCOUNT + account.address + layer, scale.encode(account))
    batch.put(schema.ACCOUNT_BY_LAYER + layer + account.address, b"")


def revert_accounts(batch: Batch, reader: Reader, layer: LayerID) -> None:
    """Delete the versions of all layers above ``layer``."""
    for key in reader.keys(schema.ACCOUNT_BY_LAYER, start=key_u32(layer + 1)):
        written, address = key[: schema.U32_SIZE], key[schema.U32_SIZE :]
        batch.delete(schema.ACCOUNT_BY_LAYER + key)
        batch.delete(schema.ACCOUNT + address + written)


def find_account(
    reader: Reader, address: Address, *, at_layer: LayerID = MAX_LAYER
) -> Account | None:
    """Return an account as it was after a layer, by default as it is, or None."""
    prefix = schema.ACCOUNT + address
    for _, value in reader.scan(prefix, stop=after_u32(at_layer), reverse=True):
        return read_record(Account, value)
    return None


def get_account(reader: Reader, address: Address, *, at_layer: LayerID = MAX_LAYER) -> Account:
    """Return an account as it was after a layer, by default as it is.

    Raises:
        NotFoundError: it did not exist then.
    """
    found = find_account(reader, address, at_layer=at_layer)
    if found is None:
        raise NotFoundError("account", address)
    return found


def has_account(reader: Reader, address: Address) -> bool:
    """Tell whether an account exists."""
    return next(reader.keys(schema.ACCOUNT + address), None) is not None


def has_accounts(reader: Reader) -> bool:
    """Tell whether there is any account: whether genesis was written."""
    return next(reader.keys(schema.ACCOUNT), None) is not None


def account_versions(reader: Reader, address: Address) -> Iterator[Account]:
    """Yield all versions of an account, the oldest first."""
    rows = reader.scan(schema.ACCOUNT + address)
    return (read_record(Account, value) for _, value in rows)


def accounts_at(reader: Reader, layer: LayerID = MAX_LAYER) -> Iterator[Account]:
    """Yield every account that existed after a layer, as it was then, by address."""
    newest: tuple[bytes, bytes] | None = None
    for key, value in reader.scan(schema.ACCOUNT):
        address, written = key[: Address.SIZE], number_of(key[Address.SIZE :])
        if newest is not None and newest[0] != address:
            yield read_record(Account, newest[1])
            newest = None
        if written <= layer:
            newest = address, value
    if newest is not None:
        yield read_record(Account, newest[1])


def accounts_written_in(reader: Reader, layer: LayerID) -> Iterator[Account]:
    """Yield the versions that a layer wrote, by address."""
    written = key_u32(layer)
    for address in reader.keys(schema.ACCOUNT_BY_LAYER + written):
        value = reader.get(schema.ACCOUNT + address + written)
        if value is not None:
            yield read_record(Account, value)


def newest_accounts(reader: Reader) -> Iterator[Account]:
    """Yield every account as it is, those changed last first; in a layer by address."""
    stop: bytes | None = None
    while True:
        key = next(reader.keys(schema.ACCOUNT_BY_LAYER, stop=stop, reverse=True), None)
        if key is None:
            return
        stop = key[: schema.U32_SIZE]
        layer = LayerID(number_of(stop))
        for account in accounts_written_in(reader, layer):
            current = find_account(reader, account.address)
            if current is not None and current.layer == layer:
                yield account


def find_latest_account_layer(reader: Reader) -> LayerID | None:
    """Return the highest layer that wrote an account, or None."""
    for key in reader.keys(schema.ACCOUNT_BY_LAYER, reverse=True):
        return LayerID(number_of(key[: schema.U32_SIZE]))
    return None
