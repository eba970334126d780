"""Signing transactions: the protocol, and the signer whose key is in memory.

Source: go-spacemesh, genvm/sdk; keys digest section 2.2, VM digest section 2.
"""

from typing import Protocol

from node.base.errors import WalletError
from node.crypto.ed25519 import private_key_of, sign_bytes
from node.types.ids import EdSignature, PublicKey
from node.wallet.contents import KeyPair
from node.wallet.derivation import KEY_SIZE


class Signer(Protocol):
    """Signs transactions with one key, wherever that is."""

    @property
    def public_key(self) -> PublicKey:
        """The key that the signatures verify with."""

    def sign_transaction(self, genesis_id: bytes, body: bytes) -> EdSignature:
        """Return the signature over a transaction.

        Args:
            genesis_id: identifier of the network, 20 bytes.
            body: the transaction's bytes without signatures.

        Raises:
            DeviceError: a hardware wallet does not answer, or its user declines.
        """


class SoftwareSigner:
    """Signs with a key of a wallet file."""

    def __init__(self, key: KeyPair) -> None:
        """Take a key with its secret.

        Raises:
            WalletError: the secret is on a device (code ``smesh.wallet.no_secret``), or does
                not belong to the public key (``smesh.wallet.key``).
        """
        if not key.secret_key:
            raise WalletError(
                f"the secret of key {key.public_key.hex()} is not in the wallet",
                code="smesh.wallet.no_secret",
                hint="it is on a hardware wallet: sign there",
            )
        expected = private_key_of(key.secret_key[:KEY_SIZE])
        if expected != key.secret_key or expected[KEY_SIZE:] != key.public_key:
            raise WalletError(
                f"the secret of key {key.public_key.hex()} is not its own",
                code="smesh.wallet.key",
                hint="the wallet file is damaged; restore it from its mnemonic",
            )
        self._secret_key = key.secret_key
        self._public_key = key.public_key

    @property
    def public_key(self) -> PublicKey:
        """The key that the signatures verify with."""
        return self._public_key

    def sign_transaction(self, genesis_id: bytes, body: bytes) -> EdSignature:
        """Return the signature over a transaction's bytes without signatures."""
        return sign_bytes(self._secret_key, genesis_id + body)

    def __repr__(self) -> str:
        return f"SoftwareSigner({self._public_key.hex()})"
