"""Keys in files: only the public half comes out."""

from pathlib import Path

import pytest

from node.base.errors import PreconditionError, StoreError
from node.crypto.ed25519 import private_key_of
from node.post.files import IDENTITY_FILE_NAME
from node.post.identity_file import find_smesher, make_smesher, read_smesher

KEY = private_key_of(b"\x05" * 32)


def test_a_key_that_is_made_is_found(tmp_path: Path) -> None:
    directory = tmp_path / "new"
    assert find_smesher(directory) is None

    made = make_smesher(directory, lambda size: bytes([5]) * size)

    assert made == KEY[32:] == find_smesher(directory)
    path = directory / IDENTITY_FILE_NAME
    assert path.read_text(encoding="ascii") == KEY.hex()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(StoreError, match="cannot write"):
        make_smesher(directory, bytes)
    assert read_smesher(path) == made


def test_a_line_end_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "local.key"
    path.write_text(KEY.hex() + "\n", encoding="ascii")
    assert read_smesher(path) == KEY[32:]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff", "not hexadecimal"),
        (b"secret", "not hexadecimal"),
        (b"aabb", "4 digits, expected 128"),
        (b"ab" * 64, "public half"),
    ],
)
def test_what_is_no_key_is_not_shown(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / IDENTITY_FILE_NAME
    path.write_bytes(content)
    with pytest.raises(PreconditionError, match=reason) as caught:
        find_smesher(tmp_path)
    assert caught.value.code == "smesh.post.identity"
    assert caught.value.__cause__ is None
    assert content.decode(errors="ignore") not in str(caught.value) or content == b"\xff"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="No such file"):
        read_smesher(tmp_path / "missing.key")
