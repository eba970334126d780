"""The encrypted file: formats, passwords, damage, and writing all or nothing."""

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.base.errors import WalletError, WalletFormatError, WrongPasswordError
from node.wallet.accounts import make_wallet
from node.wallet.contents import FileFamily
from node.wallet.file import (
    Scheme,
    _derive_key,
    create_wallet_file,
    decrypt,
    open_wallet,
    parse_file,
    read_wallet_file,
    replace_wallet_file,
    seal_wallet,
)

WALLET = make_wallet(" ".join(["abandon"] * 11 + ["about"]), now_ns=0, count=2)
SALT = bytes(range(16))
SEALED = seal_wallet(WALLET, "password", salt=SALT, iterations=10)

DESKTOP_TEXT = (
    '{"mnemonic":"this is just a test so it does not matter what mnemonics here",'
    '"accounts":[],"contacts":[]}'
)
DESKTOP = {
    "meta": {"displayName": "w", "created": "", "type": "remote-api", "genesisID": "0x"},
    "crypto": {
        "cipher": "AES-GCM",
        "cipherText": (
            "5d1877a1e2c65ee3f894e7100c434770702fa29402b548438b8fbcdb37a76ca1dff4151a84984ba889a9ef"
            "c564580b6278619e7bba17902405b05170a3407b63e640f1e68f97a02e60c917e806b3f761a1c8c29e66d8"
            "56406f4eeacaedd50ba3f0f896011aa4d312c1636305b8175b1bb26ea827368af738"
        ),
        "cipherParams": {"iv": "49c842e8b787923f9b4e7dc5"},
        "kdf": "PBKDF2",
        "kdfparams": {
            "dklen": 256,
            "hash": "SHA-512",
            "salt": "99d1b77e562446a65f0aa031d476df5b",
            "iterations": 120000,
        },
    },
}
LEGACY = {
    "crypto": {
        "cipher": "AES-128-CTR",
        "cipherText": (
            "715066e1109e89e8d638e703fdc6038d7bb25a81df6b6d2aebeba26488f7b4b47bc805b61302c125c6998e"
            "bcbb15a40c5802e8386c4edbdca832db3d8e1d27c36e68357a840d0cc623a92c498cde40c6205d715013cb"
            "5ecd2d676212d6ed2b30061fc85b70890eb2"
        ),
    }
}


def changed(**crypto: Any) -> bytes:
    document = json.loads(SEALED)
    document["crypto"].update(crypto)
    return json.dumps(document).encode()


def test_what_is_sealed_opens_again() -> None:
    sealed = parse_file(SEALED)
    assert open_wallet(sealed, "password") == WALLET
    assert sealed.metadata == WALLET.metadata
    assert sealed.scheme is Scheme.GCM
    assert sealed.is_weak
    assert not replace(sealed, iterations=210_000).is_weak


def test_a_file_has_the_members_that_the_other_programs_read() -> None:
    document = json.loads(SEALED)
    assert list(document) == ["meta", "crypto"]
    assert list(document["crypto"]) == ["cipher", "cipherText", "cipherParams", "kdf", "kdfparams"]
    assert document["crypto"]["cipher"] == "AES-GCM"
    assert document["crypto"]["kdf"] == "PBKDF2"
    assert document["crypto"]["kdfparams"] == {
        "dklen": 256,
        "hash": "SHA-512",
        "salt": SALT.hex(),
        "iterations": 10,
    }
    assert SEALED.endswith(b"}\n")


def test_the_nonce_depends_on_salt_password_and_contents() -> None:
    def nonce(data: bytes) -> str:
        return str(json.loads(data)["crypto"]["cipherParams"]["iv"])

    other = replace(WALLET, accounts=())
    files = [
        SEALED,
        seal_wallet(WALLET, "other", salt=SALT, iterations=10),
        seal_wallet(WALLET, "password", salt=bytes(16), iterations=10),
        seal_wallet(other, "password", salt=SALT, iterations=10),
    ]
    assert len({nonce(data) for data in files}) == len(files)


def test_a_file_of_the_desktop_wallet_opens_and_is_written_as_it_was() -> None:
    sealed = parse_file(json.dumps(DESKTOP).encode())
    assert decrypt(sealed, "password").decode() == DESKTOP_TEXT
    wallet = open_wallet(sealed, "password")
    assert wallet.family is FileFamily.SMAPP
    again = seal_wallet(wallet, "password", salt=sealed.salt, iterations=sealed.iterations)
    assert json.loads(again)["crypto"] == DESKTOP["crypto"]


@pytest.mark.slow
def test_an_old_file_of_the_desktop_wallet_opens() -> None:
    sealed = parse_file(json.dumps(LEGACY).encode())
    assert sealed.scheme is Scheme.LEGACY
    assert sealed.is_weak
    assert decrypt(sealed, "password").decode() == DESKTOP_TEXT


def test_a_wrong_password_for_an_old_file_shows_as_such() -> None:
    sealed = replace(parse_file(json.dumps(LEGACY).encode()), iterations=1)
    with pytest.raises(WrongPasswordError):
        open_wallet(sealed, "password")


@pytest.mark.parametrize("password", ["", "Password", "password ", "pässwörd", "\udcff"])
def test_a_wrong_password_is_told_from_damage_where_it_can_be(password: str) -> None:
    with pytest.raises(WrongPasswordError) as caught:
        open_wallet(parse_file(SEALED), password)
    assert caught.value.code == "smesh.wallet.password"
    assert "damaged" in caught.value.hint


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"nonsense", "not JSON", id="no JSON"),
        pytest.param(b"\xff\xfe", "not JSON", id="no text"),
        pytest.param(b"[" * 100_000, "not JSON", id="endless nesting"),
        pytest.param(b"[]", "wallet file: want an object", id="no object"),
        pytest.param(b"{}", "crypto: want an object", id="empty"),
        pytest.param(SEALED[:-10], "not JSON", id="cut off"),
        pytest.param(changed(cipherText="00" * 15), "cipherText: 15 bytes", id="no tag"),
        pytest.param(changed(cipherText="xy"), "cipherText: want hex", id="no hex"),
        pytest.param(changed(kdfparams=None), "kdfparams: want an object", id="no derivation"),
        pytest.param(
            changed(kdfparams={"salt": "00", "iterations": 1}), "salt: 1 bytes", id="short salt"
        ),
        pytest.param(
            changed(kdfparams={"salt": "00" * 16, "iterations": 10**9}),
            "iterations: 1000000000, want 1 to 10000000",
            id="too many rounds",
        ),
        pytest.param(
            changed(kdfparams={"salt": "00" * 16, "iterations": "1"}),
            "iterations: want int",
            id="rounds are no number",
        ),
        pytest.param(changed(cipherParams={"iv": "00"}), "iv: 1 bytes, want 12", id="short nonce"),
    ],
)
def test_damaged_files_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(WalletFormatError, match=message) as caught:
        parse_file(data)
    assert caught.value.code == "smesh.wallet.format"


def test_secrets_that_are_no_json_are_damage() -> None:
    sealed = parse_file(SEALED)
    key = _derive_key("password", sealed.salt, sealed.iterations)
    cipher_text = AESGCM(key).encrypt(sealed.iv, b"nonsense", None)
    with pytest.raises(WalletFormatError, match="secrets are not JSON"):
        open_wallet(replace(sealed, cipher_text=cipher_text), "password")


def test_a_salt_has_16_bytes() -> None:
    with pytest.raises(ValueError, match="salt of 15 bytes"):
        seal_wallet(WALLET, "", salt=bytes(15))


def test_a_new_file_is_private_and_so_is_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "wallets" / "w.json"
    create_wallet_file(path, SEALED)
    assert path.read_bytes() == SEALED
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]
    assert open_wallet(read_wallet_file(path), "password") == WALLET


def test_an_existing_file_is_not_overwritten_by_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_bytes(b"precious")
    with pytest.raises(WalletError, match="left as it is") as caught:
        create_wallet_file(path, SEALED)
    assert caught.value.code == "smesh.wallet.exists"
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_makes_a_file_private(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_bytes(b"old")
    path.chmod(0o644)
    replace_wallet_file(path, SEALED)
    assert path.read_bytes() == SEALED
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def refuse(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    path = tmp_path / "w.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, function, refuse)
    with pytest.raises(WalletError, match="No space left") as caught:
        replace_wallet_file(path, SEALED)
    assert caught.value.code == "smesh.wallet.write"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_crash_while_writing_leaves_the_old_file(
    tmp_path: Path, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w.json"
    path.write_bytes(b"old")
    child = os.fork()
    if not child:
        monkeypatch.setattr(os, function, lambda *_: os._exit(9))
        replace_wallet_file(path, SEALED)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("write", [create_wallet_file, replace_wallet_file])
def test_a_folder_that_is_none_is_an_error(
    tmp_path: Path, write: Callable[[Path, bytes], None]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WalletError, match="cannot write"):
        write(tmp_path / "file" / "w.json", SEALED)


def test_a_new_file_that_cannot_be_written_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(WalletError, match="No space left"):
        create_wallet_file(tmp_path / "w.json", SEALED)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_and_an_unreadable_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(WalletError, match="no such wallet file") as missing:
        read_wallet_file(tmp_path / "w.json")
    assert missing.value.code == "smesh.wallet.missing"
    with pytest.raises(WalletError, match="directory") as unreadable:
        read_wallet_file(tmp_path)
    assert unreadable.value.code == "smesh.wallet.unreadable"


def test_a_refused_file_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_bytes(SEALED)
    before = path.stat()
    with pytest.raises(WrongPasswordError):
        open_wallet(read_wallet_file(path), "wrong")
    assert path.read_bytes() == SEALED
    assert path.stat().st_mtime_ns == before.st_mtime_ns
