"""What a wallet holds, and its JSON in the two families of wallet files.

Secrets of smcli         mnemonic, MasterKeypair, accounts
Secrets of the desktop   mnemonic, accounts, contacts

What a file holds besides is kept and written back: another version of those programs may
need it.  Secrets never appear in the text form of an object.

Source: smcli, wallet; smapp, wallet; keys digest section 8.1.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any, Final, TypeVar

from node.base.errors import WalletFormatError
from node.types.ids import PublicKey

SECRET_KEY_SIZE: Final = 64
NANOSECONDS_PER_MILLISECOND: Final = 1_000_000

METADATA_KEYS: Final = frozenset({"displayName", "created", "genesisID", "type", "remoteApi"})
KEY_PAIR_KEYS: Final = frozenset(
    {"displayName", "created", "path", "publicKey", "secretKey", "keyType"}
)
CONTACT_KEYS: Final = frozenset({"address", "nickname"})
SECRET_KEYS: Final = frozenset({"mnemonic", "MasterKeypair", "accounts", "contacts"})

T = TypeVar("T")


class FileFamily(StrEnum):
    """The programs that a wallet file is made for."""

    SMCLI = "smcli"
    SMAPP = "smapp"


class KeyType(IntEnum):
    """Where a secret key is."""

    SOFTWARE = 0
    """In the wallet file."""

    LEDGER = 1
    """On a device; the file has the public key alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """One key of a wallet."""

    display_name: str
    created: str
    """Time in the form of ``format_timestamp``."""

    path: str
    """Derivation path as the file has it; old files use other forms."""

    public_key: PublicKey
    secret_key: bytes = field(repr=False)
    """64 bytes, or none if a device has it."""

    key_type: KeyType = KeyType.SOFTWARE
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A named address."""

    address: str
    nickname: str
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a wallet file tells without its password."""

    display_name: str
    created: str
    genesis_id: str = ""
    """Empty with smcli, hex behind 0x with the desktop wallet."""

    type: str = ""
    """``local-node`` or ``remote-api``, of the desktop wallet."""

    remote_api: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """An open wallet."""

    family: FileFamily
    metadata: Metadata
    mnemonic: str = field(repr=False)
    """The words; ``(none)`` where a device has them."""

    master: KeyPair | None = None
    """The key above the accounts; only smcli keeps it."""

    accounts: tuple[KeyPair, ...] = ()
    contacts: tuple[Contact, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


def format_timestamp(now_ns: int) -> str:
    """Return an instant (unix, ns) as wallet files write it: 2023-07-14T08-00-00.000Z."""
    seconds, milliseconds = divmod(now_ns // NANOSECONDS_PER_MILLISECOND, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H-%M-%S}.{milliseconds:03}Z"


def file_name(wallet: Wallet) -> str:
    """Return the name that the wallet's own program would give its file."""
    created = wallet.metadata.created
    if wallet.family is FileFamily.SMCLI:
        return f"wallet_{created}.json"
    name = wallet.metadata.display_name.lower().replace(" ", "_").replace("/", "_")
    return f"wallet_{name}_{created}.json"


def metadata_to_json(metadata: Metadata, family: FileFamily) -> dict[str, Any]:
    """Return the ``meta`` object of a file."""
    values: dict[str, Any] = {
        "displayName": metadata.display_name,
        "created": metadata.created,
    }
    if family is FileFamily.SMAPP:
        values["type"] = metadata.type or "remote-api"
    values["genesisID"] = metadata.genesis_id
    if family is FileFamily.SMAPP:
        values["remoteApi"] = metadata.remote_api
    return values | dict(metadata.extra)


def metadata_from_json(value: object) -> Metadata:
    """Return what the ``meta`` object of a file says; everything in it may be missing.

    Raises:
        WalletFormatError: it is not an object, or a field has the wrong type.
    """
    fields = as_object(value, "meta")
    return Metadata(
        display_name=get_field(fields, "meta", "displayName", str, ""),
        created=get_field(fields, "meta", "created", str, ""),
        genesis_id=get_field(fields, "meta", "genesisID", str, ""),
        type=get_field(fields, "meta", "type", str, ""),
        remote_api=get_field(fields, "meta", "remoteApi", str, ""),
        extra=_other(fields, METADATA_KEYS),
    )


def secrets_to_json(wallet: Wallet) -> dict[str, Any]:
    """Return what is encrypted in a file, keys in the order of the wallet's family."""
    values: dict[str, Any] = {"mnemonic": wallet.mnemonic}
    is_smcli = wallet.family is FileFamily.SMCLI
    if is_smcli:
        values["MasterKeypair"] = wallet.master and _key_pair_to_json(wallet.master, wallet.family)
    values["accounts"] = [_key_pair_to_json(account, wallet.family) for account in wallet.accounts]
    if wallet.contacts or not is_smcli:
        values["contacts"] = [
            {"address": contact.address, "nickname": contact.nickname, **contact.extra}
            for contact in wallet.contacts
        ]
    return values | dict(wallet.extra)


def wallet_from_json(metadata: Metadata, value: object) -> Wallet:
    """Return the wallet that a file's metadata and decrypted secrets make.

    Raises:
        WalletFormatError: a field is missing or malformed, or a key does not fit its pair.
    """
    secrets = as_object(value, "secrets")
    is_smapp = "MasterKeypair" not in secrets and "contacts" in secrets
    master = secrets.get("MasterKeypair")
    accounts = get_field(secrets, "secrets", "accounts", list, None) or []
    contacts = get_field(secrets, "secrets", "contacts", list, None) or []
    return Wallet(
        family=FileFamily.SMAPP if is_smapp else FileFamily.SMCLI,
        metadata=metadata,
        mnemonic=get_field(secrets, "secrets", "mnemonic", str, ""),
        master=None if master is None else _key_pair_from_json(master, "MasterKeypair"),
        accounts=tuple(
            _key_pair_from_json(account, f"accounts[{index}]")
            for index, account in enumerate(accounts)
        ),
        contacts=tuple(
            _contact_from_json(contact, f"contacts[{index}]")
            for index, contact in enumerate(contacts)
        ),
        extra=_other(secrets, SECRET_KEYS),
    )


def as_object(value: object, name: str) -> dict[str, Any]:
    """Return a JSON value that must be an object.

    Raises:
        WalletFormatError: it is not.
    """
    if not isinstance(value, dict):
        raise WalletFormatError(f"{name}: want an object", hint="this is not a wallet file")
    return value


def get_field(
    fields: Mapping[str, Any], owner: str, name: str, kind: type[T], default: T | None
) -> T:
    """Return a field of a JSON object; null counts as missing.

    Raises:
        WalletFormatError: it has another type than ``kind``.
    """
    value = fields.get(name)
    if value is None:
        value = kind() if default is None else default
    if not isinstance(value, kind) or isinstance(value, bool):
        raise WalletFormatError(f"{owner}.{name}: want {kind.__name__}")
    return value


def get_bytes(fields: Mapping[str, Any], owner: str, name: str, sizes: Collection[int]) -> bytes:
    """Return a field of hex digits; no ``sizes`` means any.

    Raises:
        WalletFormatError: it is not hex, or not of one of the sizes.
    """
    text = get_field(fields, owner, name, str, "")
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise WalletFormatError(f"{owner}.{name}: want hex digits") from None
    if sizes and len(data) not in sizes:
        wanted = " or ".join(str(size) for size in sizes)
        raise WalletFormatError(f"{owner}.{name}: {len(data)} bytes, want {wanted}")
    return data


def _key_pair_to_json(pair: KeyPair, family: FileFamily) -> dict[str, Any]:
    values: dict[str, Any] = {
        "displayName": pair.display_name,
        "created": pair.created,
        "path": pair.path,
        "publicKey": pair.public_key.hex(),
        "secretKey": pair.secret_key.hex(),
    }
    if family is FileFamily.SMCLI:
        values["keyType"] = int(pair.key_type)
    return values | dict(pair.extra)


def _key_pair_from_json(value: object, name: str) -> KeyPair:
    fields = as_object(value, name)
    public_key = PublicKey(get_bytes(fields, name, "publicKey", (PublicKey.SIZE,)))
    secret_key = get_bytes(fields, name, "secretKey", (SECRET_KEY_SIZE, 0))
    if secret_key and secret_key[-PublicKey.SIZE :] != public_key:
        raise WalletFormatError(f"{name}: its secret key does not belong to its public key")
    key_type = get_field(fields, name, "keyType", int, KeyType.SOFTWARE)
    if key_type not in (KeyType.SOFTWARE, KeyType.LEDGER):
        raise WalletFormatError(f"{name}.keyType: {key_type}, want 0 or 1")
    return KeyPair(
        display_name=get_field(fields, name, "displayName", str, ""),
        created=get_field(fields, name, "created", str, ""),
        path=get_field(fields, name, "path", str, ""),
        public_key=public_key,
        secret_key=secret_key,
        key_type=KeyType(key_type) if secret_key else KeyType.LEDGER,
        extra=_other(fields, KEY_PAIR_KEYS),
    )


def _contact_from_json(value: object, name: str) -> Contact:
    fields = as_object(value, name)
    return Contact(
        address=get_field(fields, name, "address", str, ""),
        nickname=get_field(fields, name, "nickname", str, ""),
        extra=_other(fields, CONTACT_KEYS),
    )


def _other(fields: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in known}
