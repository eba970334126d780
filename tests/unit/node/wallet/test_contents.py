"""The JSON of wallets, in both families."""

import json
from typing import Any

import pytest

from node.base.errors import WalletFormatError
from node.crypto.ed25519 import private_key_of
from node.types.ids import PublicKey
from node.wallet.contents import (
    Contact,
    FileFamily,
    KeyPair,
    KeyType,
    Metadata,
    Wallet,
    file_name,
    format_timestamp,
    metadata_from_json,
    metadata_to_json,
    secrets_to_json,
    wallet_from_json,
)

SECRET_KEY = private_key_of(bytes(range(32)))
CREATED = "2023-07-14T08-00-00.007Z"
META = Metadata(display_name="Main Wallet", created=CREATED)


def key_pair(**fields: Any) -> dict[str, Any]:
    return {
        "displayName": "Child Key 0",
        "created": CREATED,
        "path": "m/44'/540'/0'/0'/0'",
        "publicKey": SECRET_KEY[32:].hex(),
        "secretKey": SECRET_KEY.hex(),
        "keyType": 0,
        **fields,
    }


def smcli_secrets(**fields: Any) -> dict[str, Any]:
    return {"mnemonic": "words", "MasterKeypair": None, "accounts": [key_pair()], **fields}


def test_timestamps_have_hyphens_and_milliseconds() -> None:
    assert format_timestamp(1_689_321_600_007_999_999) == CREATED


def test_file_names_are_those_of_the_programs() -> None:
    wallet = Wallet(family=FileFamily.SMCLI, metadata=META, mnemonic="")
    assert file_name(wallet) == f"wallet_{CREATED}.json"
    desktop = Wallet(family=FileFamily.SMAPP, metadata=META, mnemonic="")
    assert file_name(desktop) == f"wallet_main_wallet_{CREATED}.json"


@pytest.mark.parametrize(
    "secrets",
    [
        pytest.param(smcli_secrets(), id="smcli"),
        pytest.param(
            smcli_secrets(MasterKeypair=key_pair(path="m/44'/540'/0'/0'")), id="with master key"
        ),
        pytest.param(smcli_secrets(accounts=[]), id="without accounts"),
        pytest.param(smcli_secrets(accounts=[key_pair(secretKey="", keyType=1)]), id="on a device"),
        pytest.param(smcli_secrets(later={"a": [1]}), id="with something unknown"),
        pytest.param(smcli_secrets(accounts=[key_pair(note="mine")]), id="with a noted account"),
        pytest.param(
            smcli_secrets(contacts=[{"address": "sm1q", "nickname": "bob", "since": 1}]),
            id="with a contact",
        ),
        pytest.param({"mnemonic": "words", "accounts": [], "contacts": []}, id="desktop"),
    ],
)
def test_secrets_are_written_as_they_were_read(secrets: dict[str, Any]) -> None:
    wallet = wallet_from_json(META, secrets)
    written = secrets_to_json(wallet)
    assert written == secrets
    assert list(written) == list(secrets)


def test_the_family_shows_in_the_secrets() -> None:
    assert wallet_from_json(META, smcli_secrets()).family is FileFamily.SMCLI
    assert wallet_from_json(META, {"mnemonic": "", "contacts": []}).family is FileFamily.SMAPP
    assert wallet_from_json(META, {}).family is FileFamily.SMCLI


def test_a_desktop_account_has_no_key_type() -> None:
    secrets = {"mnemonic": "", "accounts": [key_pair()], "contacts": []}
    account = dict(key_pair())
    del account["keyType"]
    wallet = wallet_from_json(META, secrets)
    assert secrets_to_json(wallet)["accounts"] == [account]


def test_a_key_without_its_secret_is_on_a_device() -> None:
    wallet = wallet_from_json(META, smcli_secrets(accounts=[key_pair(secretKey="")]))
    assert wallet.accounts[0].key_type is KeyType.LEDGER


def test_metadata_of_the_desktop_wallet_has_its_connection() -> None:
    fields = {
        "displayName": "Main Wallet",
        "created": CREATED,
        "type": "local-node",
        "genesisID": "0x9eebff02",
        "remoteApi": "",
        "meta2": 1,
    }
    metadata = metadata_from_json(fields)
    assert metadata_to_json(metadata, FileFamily.SMAPP) == fields
    assert list(metadata_to_json(META, FileFamily.SMCLI)) == ["displayName", "created", "genesisID"]
    assert metadata_to_json(META, FileFamily.SMAPP)["type"] == "remote-api"


def test_secrets_do_not_show_in_the_text_of_objects() -> None:
    wallet = wallet_from_json(META, smcli_secrets(mnemonic="twelve secret words"))
    shown = repr(wallet)
    assert "secret words" not in shown
    assert SECRET_KEY.hex() not in shown
    assert repr(SECRET_KEY) not in shown


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        pytest.param([], "secrets: want an object", id="no object"),
        pytest.param(smcli_secrets(mnemonic=5), "secrets.mnemonic: want str", id="number"),
        pytest.param(smcli_secrets(accounts="x"), "secrets.accounts: want list", id="no list"),
        pytest.param(smcli_secrets(accounts=[5]), r"accounts\[0\]: want an object", id="account"),
        pytest.param(
            smcli_secrets(accounts=[key_pair(publicKey="zz")]),
            r"accounts\[0\].publicKey: want hex digits",
            id="no hex",
        ),
        pytest.param(
            smcli_secrets(accounts=[key_pair(publicKey="00")]),
            r"accounts\[0\].publicKey: 1 bytes, want 32",
            id="short key",
        ),
        pytest.param(
            smcli_secrets(accounts=[key_pair(secretKey="00" * 32)]),
            r"accounts\[0\].secretKey: 32 bytes, want 64 or 0",
            id="short secret",
        ),
        pytest.param(
            smcli_secrets(accounts=[key_pair(publicKey="00" * 32)]),
            r"accounts\[0\]: its secret key does not belong to its public key",
            id="another key",
        ),
        pytest.param(
            smcli_secrets(accounts=[key_pair(keyType=2)]),
            r"accounts\[0\].keyType: 2, want 0 or 1",
            id="unknown type",
        ),
        pytest.param(
            smcli_secrets(accounts=[key_pair(keyType=True)]),
            r"accounts\[0\].keyType: want int",
            id="type is no number",
        ),
    ],
)
def test_malformed_secrets_are_refused(secrets: object, message: str) -> None:
    with pytest.raises(WalletFormatError, match=message):
        wallet_from_json(META, json.loads(json.dumps(secrets)))


def test_values_can_be_made_by_hand() -> None:
    pair = KeyPair(
        display_name="a",
        created=CREATED,
        path="",
        public_key=PublicKey(SECRET_KEY[32:]),
        secret_key=SECRET_KEY,
    )
    contact = Contact(address="sm1q", nickname="bob")
    wallet = Wallet(
        family=FileFamily.SMAPP,
        metadata=META,
        mnemonic="",
        accounts=(pair,),
        contacts=(contact,),
    )
    assert wallet_from_json(META, secrets_to_json(wallet)) == wallet
