"""The identity files of a data folder: ``identities/<name>.key``.

A file holds 128 hexadecimal digits: the Ed25519 private key, seed and public key.

Source: go-spacemesh, node/node_identities.go; node digest section 7.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.base.errors import ConfigError, StoreError
from node.crypto.ed25519 import PRIVATE_KEY_SIZE, private_key_of
from node.runtime.files import make_folder, write_new

SUPERVISED_NAME: Final = "local.key"
"""The identity whose space this node initialises and proves itself."""
SUFFIX: Final = ".key"
SEED_SIZE: Final = 32
"""Bytes of the first half of a private key."""


@dataclass(frozen=True, slots=True)
class IdentityKey:
    """One identity and the name of its file."""

    name: str
    private_key: bytes
    """64 bytes; never shown."""

    def __repr__(self) -> str:
        return f"IdentityKey({self.name!r})"


def identities_folder(data_folder: Path) -> Path:
    """Return where a node keeps its identities."""
    return data_folder / "identities"


def read_identities(data_folder: Path) -> tuple[IdentityKey, ...]:
    """Return all identities of a data folder, by file name.

    Raises:
        ConfigError: a file is damaged, a key is there twice, or ``local.key`` is beside others.
    """
    folder = identities_folder(data_folder)
    files = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    found = tuple(_read(file) for file in files if file.is_file())
    names: dict[bytes, str] = {}
    for identity in found:
        other = names.setdefault(identity.private_key, identity.name)
        if other != identity.name:
            raise ConfigError(
                f"identities {other} and {identity.name} have the same key",
                code="smesh.config.identity",
                hint="keep one of the two files: two would misbehave together",
            )
    if len(found) > 1 and any(identity.name == SUPERVISED_NAME for identity in found):
        raise ConfigError(
            "supervised key found in remote smeshing mode",
            code="smesh.config.identity",
            hint=f"rename {SUPERVISED_NAME}: with several identities all are remote",
        )
    return found


def create_identity(data_folder: Path, entropy: Callable[[int], bytes]) -> IdentityKey:
    """Make the supervised identity of a new data folder.

    Raises:
        StoreError: the file cannot be written, or exists.
    """
    private_key = private_key_of(entropy(SEED_SIZE))
    file = identities_folder(data_folder) / SUPERVISED_NAME
    try:
        make_folder(file.parent)
        write_new(file, private_key.hex().encode())
    except OSError as error:
        raise StoreError(f"identity {file} cannot be written: {error.strerror}") from error
    return IdentityKey(SUPERVISED_NAME, private_key)


def _read(file: Path) -> IdentityKey:
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise _damaged(file, "it is not hexadecimal text") from error
    if len(key) != PRIVATE_KEY_SIZE:
        raise _damaged(file, f"{2 * len(key)} digits, want {2 * PRIVATE_KEY_SIZE}")
    if private_key_of(key[:SEED_SIZE]) != key:
        raise _damaged(file, "its public half does not belong to its seed")
    return IdentityKey(file.name, key)


def _damaged(file: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"identity {file.name}: {reason}",
        code="smesh.config.identity",
        hint="restore the file from a backup; nothing was changed",
    )
