"""The encrypted wallet file.

    {"meta": {...}, "crypto": {"cipher": "AES-GCM", "cipherText": hex,
                               "cipherParams": {"iv": hex},
                               "kdf": "PBKDF2",
                               "kdfparams": {"dklen": 256, "hash": "SHA-512",
                                             "salt": hex, "iterations": 210000}}}

The key is PBKDF2-HMAC-SHA-512 of the password, whatever the label ``hash`` says (smcli
writes SHA-256 there and means SHA-512).  Files of smcli and of the desktop wallet open
here, the desktop wallet's old AES-CTR files too; what we write opens there.

Files are written beside the old one, forced to disk and then renamed over it, so that a
crash at any point leaves a whole file.  A file that does not open is never touched.

Source: smcli, wallet; smapp, wallet; keys digest sections 8.1 and 8.2.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.base.errors import WalletError, WalletFormatError, WrongPasswordError
from node.runtime.files import make_folder, write_atomic, write_new
from node.wallet.contents import (
    Metadata,
    Wallet,
    as_object,
    get_bytes,
    get_field,
    metadata_from_json,
    metadata_to_json,
    secrets_to_json,
    wallet_from_json,
)

ITERATIONS: Final = 210_000
"""Rounds of the key derivation that we write; fewer are weak."""

MAX_ITERATIONS: Final = 10_000_000
"""More would keep the reader busy for many seconds: the file is damaged or hostile."""

SALT_SIZE: Final = 16
IV_SIZE: Final = 12
TAG_SIZE: Final = 16
KEY_SIZE: Final = 32

CIPHER: Final = "AES-GCM"

LEGACY_CIPHER: Final = "AES-128-CTR"
"""Label of the desktop wallet's old files; the key has 256 bits all the same."""

LEGACY_SALT: Final = b"Spacemesh blockmesh"
LEGACY_ITERATIONS: Final = 1_000_000
LEGACY_COUNTER: Final = (5).to_bytes(16, "big")

DAMAGED_HINT: Final = "the file is damaged or no wallet file; restore a backup or the mnemonic"
RETRY_HINT: Final = (
    "try the password again; if it is surely right, the file is damaged: "
    "restore a backup or the mnemonic"
)


class Scheme(Enum):
    """How a file is encrypted."""

    GCM = auto()
    """The current form, which detects a wrong password and any damage."""

    LEGACY = auto()
    """The desktop wallet's old form: not authenticated, with a fixed salt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedWallet:
    """A wallet file that has been read but not decrypted."""

    metadata: Metadata
    scheme: Scheme
    cipher_text: bytes
    """With the tag at its end, in the current form."""

    iv: bytes
    salt: bytes
    iterations: int

    @property
    def is_weak(self) -> bool:
        """Whether guessing the password is cheaper than it should be; saving mends it."""
        return self.scheme is Scheme.LEGACY or self.iterations < ITERATIONS


def parse_file(data: bytes) -> SealedWallet:
    """Return what a wallet file says without its password.

    Raises:
        WalletFormatError: the bytes are not a wallet file.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WalletFormatError(f"not JSON: {error}", hint=DAMAGED_HINT) from None
    fields = as_object(document, "wallet file")
    crypto = as_object(fields.get("crypto"), "crypto")
    metadata = metadata_from_json(fields.get("meta") or {})
    cipher_text = get_bytes(crypto, "crypto", "cipherText", ())
    if crypto.get("cipher") == LEGACY_CIPHER:
        return SealedWallet(
            metadata=metadata,
            scheme=Scheme.LEGACY,
            cipher_text=cipher_text,
            iv=LEGACY_COUNTER,
            salt=LEGACY_SALT,
            iterations=LEGACY_ITERATIONS,
        )
    derivation = as_object(crypto.get("kdfparams"), "crypto.kdfparams")
    iterations = get_field(derivation, "crypto.kdfparams", "iterations", int, 0)
    if not 1 <= iterations <= MAX_ITERATIONS:
        raise WalletFormatError(
            f"crypto.kdfparams.iterations: {iterations}, want 1 to {MAX_ITERATIONS}",
            hint=DAMAGED_HINT,
        )
    if len(cipher_text) < TAG_SIZE:
        raise WalletFormatError(
            f"crypto.cipherText: {len(cipher_text)} bytes, want at least {TAG_SIZE}",
            hint=DAMAGED_HINT,
        )
    parameters = as_object(crypto.get("cipherParams"), "crypto.cipherParams")
    return SealedWallet(
        metadata=metadata,
        scheme=Scheme.GCM,
        cipher_text=cipher_text,
        iv=get_bytes(parameters, "crypto.cipherParams", "iv", (IV_SIZE,)),
        salt=get_bytes(derivation, "crypto.kdfparams", "salt", (SALT_SIZE,)),
        iterations=iterations,
    )


def decrypt(sealed: SealedWallet, password: str) -> bytes:
    """Return the JSON text of a wallet's secrets.

    Raises:
        WrongPasswordError: the password does not open the file.
    """
    key = _derive_key(password, sealed.salt, sealed.iterations)
    if sealed.scheme is Scheme.LEGACY:
        decryptor = Cipher(algorithms.AES(key), modes.CTR(sealed.iv)).decryptor()
        return decryptor.update(sealed.cipher_text) + decryptor.finalize()
    try:
        return AESGCM(key).decrypt(sealed.iv, sealed.cipher_text, None)
    except InvalidTag:
        raise _wrong_password() from None


def open_wallet(sealed: SealedWallet, password: str) -> Wallet:
    """Return the wallet in a file.

    Raises:
        WrongPasswordError: the password does not open the file.
        WalletFormatError: it does, but what is inside is no wallet.
    """
    plain_text = decrypt(sealed, password)
    try:
        secrets = json.loads(plain_text)
    except (ValueError, RecursionError):
        if sealed.scheme is Scheme.LEGACY:  # nothing else tells a wrong password there
            raise _wrong_password() from None
        raise WalletFormatError("the secrets are not JSON", hint=DAMAGED_HINT) from None
    return wallet_from_json(sealed.metadata, secrets)


def seal_wallet(
    wallet: Wallet, password: str, *, salt: bytes, iterations: int = ITERATIONS
) -> bytes:
    """Return the bytes of a wallet's file.

    Args:
        wallet: its family decides the form.
        password: may be empty, as in smcli.
        salt: 16 fresh random bytes.
        iterations: rounds of the key derivation.

    Raises:
        ValueError: the salt does not have 16 bytes.
    """
    if len(salt) != SALT_SIZE:
        raise ValueError(f"salt of {len(salt)} bytes, want {SALT_SIZE}")
    plain_text = _to_json(secrets_to_json(wallet))
    key = _derive_key(password, salt, iterations)
    # A keyed digest of what is encrypted: a nonce repeats only with key and text.
    iv = hmac.digest(key, plain_text, "sha512")[:IV_SIZE]
    document = {
        "meta": metadata_to_json(wallet.metadata, wallet.family),
        "crypto": {
            "cipher": CIPHER,
            "cipherText": AESGCM(key).encrypt(iv, plain_text, None).hex(),
            "cipherParams": {"iv": iv.hex()},
            "kdf": "PBKDF2",
            "kdfparams": {
                "dklen": KEY_SIZE * 8,
                "hash": "SHA-512",
                "salt": salt.hex(),
                "iterations": iterations,
            },
        },
    }
    return _to_json(document) + b"\n"


def read_wallet_file(path: Path) -> SealedWallet:
    """Return what a wallet file on disk says without its password.

    Raises:
        WalletError: the file cannot be read; code ``smesh.wallet.missing`` or ``.unreadable``.
        WalletFormatError: it is not a wallet file.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise WalletError(
            f"{path}: no such wallet file",
            code="smesh.wallet.missing",
            hint="name another file, or make a wallet first",
        ) from None
    except OSError as error:
        raise WalletError(f"{path}: {error.strerror}", code="smesh.wallet.unreadable") from error
    return parse_file(data)


def create_wallet_file(path: Path, data: bytes) -> None:
    """Write a sealed wallet to a new file, mode 0600; its folder is made with 0700.

    Raises:
        WalletError: there is a file of this name (code ``smesh.wallet.exists``), or writing
            failed (``smesh.wallet.write``).
    """
    try:
        make_folder(path.parent)
    except OSError as error:
        raise _write_error(path, error) from error
    try:
        write_new(path, data)
    except FileExistsError:
        raise WalletError(
            f"{path} exists and is left as it is",
            code="smesh.wallet.exists",
            hint="choose another file name",
        ) from None
    except OSError as error:
        raise _write_error(path, error) from error


def replace_wallet_file(path: Path, data: bytes) -> None:
    """Write a sealed wallet in the place of an existing file, all or nothing, mode 0600.

    Raises:
        WalletError: writing failed, and the file is whole; code ``smesh.wallet.write``.
    """
    try:
        write_atomic(path, data)
    except OSError as error:
        raise _write_error(path, error) from error


def _write_error(path: Path, error: OSError) -> WalletError:
    return WalletError(
        f"{path}: cannot write: {error.strerror}",
        code="smesh.wallet.write",
        hint="a file that was there is whole; check the disk's space and the permissions",
    )


def _derive_key(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac(
        "sha512", password.encode("utf-8", "surrogateescape"), salt, iterations, KEY_SIZE
    )


def _wrong_password() -> WrongPasswordError:
    return WrongPasswordError("the password does not open the wallet", hint=RETRY_HINT)


def _to_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
