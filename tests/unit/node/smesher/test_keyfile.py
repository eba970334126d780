"""Identity files: read, made, and refused."""

from pathlib import Path

import pytest

from node.base.errors import ConfigError, StoreError
from node.crypto.ed25519 import private_key_of
from node.smesher.keyfile import (
    IdentityKey,
    create_identity,
    identities_folder,
    read_identities,
)


def key(number: int) -> bytes:
    return private_key_of(bytes([number]) * 32)


def write(folder: Path, name: str, text: str) -> None:
    identities_folder(folder).mkdir(exist_ok=True)
    (identities_folder(folder) / name).write_text(text)


def test_a_new_identity_is_read_again(tmp_path: Path) -> None:
    made = create_identity(tmp_path, lambda size: b"\7" * size)
    assert made == IdentityKey("local.key", key(7))
    assert read_identities(tmp_path) == (made,)
    file = identities_folder(tmp_path) / "local.key"
    assert file.read_text() == key(7).hex()
    assert file.stat().st_mode & 0o077 == 0


def test_a_key_is_never_shown() -> None:
    assert key(7).hex() not in repr(IdentityKey("local.key", key(7)))


def test_an_identity_is_never_replaced(tmp_path: Path) -> None:
    create_identity(tmp_path, lambda size: b"\7" * size)
    with pytest.raises(StoreError, match="cannot be written"):
        create_identity(tmp_path, lambda size: b"\6" * size)
    assert read_identities(tmp_path) == (IdentityKey("local.key", key(7)),)


def test_without_a_folder_there_are_no_identities(tmp_path: Path) -> None:
    assert read_identities(tmp_path) == ()


def test_several_identities_stand_by_name_and_other_files_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "b.key", key(1).hex() + "\n")
    write(tmp_path, "a.key", key(2).hex())
    write(tmp_path, "a.key.bak", "whatever")
    (identities_folder(tmp_path) / "folder.key").mkdir()
    assert read_identities(tmp_path) == (IdentityKey("a.key", key(2)), IdentityKey("b.key", key(1)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no key", "not hexadecimal"),
        ("ä", "not hexadecimal"),
        (key(1).hex()[:-2], "126 digits, want 128"),
        (key(1)[:32].hex() + key(2)[32:].hex(), "does not belong to its seed"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    write(tmp_path, "a.key", text)
    with pytest.raises(ConfigError, match=reason) as refused:
        read_identities(tmp_path)
    assert "a.key" in str(refused.value)


def test_one_key_in_two_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.key", key(1).hex())
    write(tmp_path, "b.key", key(1).hex())
    with pytest.raises(ConfigError, match=r"a\.key and b\.key have the same key"):
        read_identities(tmp_path)


def test_the_supervised_identity_stands_alone(tmp_path: Path) -> None:
    write(tmp_path, "local.key", key(1).hex())
    write(tmp_path, "other.key", key(2).hex())
    with pytest.raises(ConfigError, match="supervised key found in remote smeshing mode"):
        read_identities(tmp_path)
