"""The key of a smesher as a file: 128 hexadecimal digits, seed and public key.

postcli keeps one beside the labels when it made the identity; nodes keep theirs in the
folder ``identities``.  Only the public half leaves this module.

Source: post for Go, cmd/postcli; digest post 12.5.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from node.base.errors import PreconditionError, StoreError
from node.crypto.ed25519 import PRIVATE_KEY_SIZE, private_key_of
from node.post.files import IDENTITY_FILE_NAME
from node.runtime.files import make_folder, write_new

SEED_SIZE: Final = 32
"""Bytes of the secret half."""


def read_smesher(path: Path) -> bytes:
    """Return the 32-byte id of the smesher whose key a file holds.

    Raises:
        PreconditionError: the file cannot be read or is no key; its content is not shown.
    """
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise _no_key(path, error.strerror or "it cannot be read") from error
    except ValueError:
        # Neither the text nor its cause: both may hold a part of the key.
        raise _no_key(path, "it is not hexadecimal text") from None
    if len(key) != PRIVATE_KEY_SIZE:
        raise _no_key(path, f"{2 * len(key)} digits, expected {2 * PRIVATE_KEY_SIZE}")
    if private_key_of(key[:SEED_SIZE]) != key:
        raise _no_key(path, "its public half does not belong to its seed")
    return key[SEED_SIZE:]


def find_smesher(directory: Path) -> bytes | None:
    """Return the id of the key beside the labels, or None if there is no key.

    Raises:
        PreconditionError: the file is no key.
    """
    path = directory / IDENTITY_FILE_NAME
    return read_smesher(path) if path.exists() else None


def make_smesher(directory: Path, entropy: Callable[[int], bytes]) -> bytes:
    """Make an identity for new labels and keep its key beside them; return its id.

    Raises:
        StoreError: the file cannot be written, or exists.
    """
    key = private_key_of(entropy(SEED_SIZE))
    path = directory / IDENTITY_FILE_NAME
    try:
        write_new(make_folder(directory) / path.name, key.hex().encode())
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror or error}",
            code="smesh.post.files",
            hint="check the free space and the rights of the data directory",
        ) from error
    return key[SEED_SIZE:]


def _no_key(path: Path, reason: str) -> PreconditionError:
    return PreconditionError(
        f"{path} is no identity: {reason}",
        code="smesh.post.identity",
        hint="restore the file from a backup; nothing was changed",
    )
