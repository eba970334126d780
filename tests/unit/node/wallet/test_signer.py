"""Signing with a key of a wallet file."""

from dataclasses import replace

import pytest

from node.base.errors import WalletError
from node.crypto.ed25519 import verify_signature
from node.types.ids import PublicKey
from node.wallet.accounts import make_wallet
from node.wallet.contents import KeyType
from node.wallet.signer import Signer, SoftwareSigner

KEY = make_wallet(" ".join(["abandon"] * 11 + ["about"]), now_ns=0).accounts[0]
GENESIS_ID = bytes(range(20))
BODY = b"transaction without signatures"


def test_a_signature_covers_network_and_transaction() -> None:
    signer: Signer = SoftwareSigner(KEY)
    signature = signer.sign_transaction(GENESIS_ID, BODY)
    assert signer.public_key == KEY.public_key
    assert verify_signature(signer.public_key, GENESIS_ID + BODY, signature)
    assert not verify_signature(signer.public_key, bytes(20) + BODY, signature)


def test_the_secret_does_not_show() -> None:
    assert repr(SoftwareSigner(KEY)) == f"SoftwareSigner({KEY.public_key.hex()})"


def test_a_key_on_a_device_does_not_sign_here() -> None:
    with pytest.raises(WalletError, match="not in the wallet") as caught:
        SoftwareSigner(replace(KEY, secret_key=b"", key_type=KeyType.LEDGER))
    assert caught.value.code == "smesh.wallet.no_secret"


@pytest.mark.parametrize(
    "key",
    [
        replace(KEY, secret_key=bytes(32) + KEY.public_key),
        replace(KEY, public_key=PublicKey(bytes(32))),
    ],
)
def test_halves_that_do_not_fit_are_refused(key: object) -> None:
    assert isinstance(key, type(KEY))
    with pytest.raises(WalletError, match="not its own") as caught:
        SoftwareSigner(key)
    assert caught.value.code == "smesh.wallet.key"
