"""A wallet that pays all the time, and remembers what the node has accepted."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from node.base.bech32 import encode_address
from node.base.errors import SpacemeshError, UnavailableError
from node.client.grpc import open_node_api
from node.client.ports import NodeApi
from node.crypto.ed25519 import private_key_of, public_key_of
from node.types.address import Address
from node.types.ids import GenesisID, PublicKey, TransactionID
from node.types.transaction import RawTransaction
from node.vm.sdk import self_spawn, sign, spend, wallet_address
from node.vm.templates import wallet as template
from node.vm.wire import WalletSpawnArguments
from scripts.killing.network import Life

PREFIX: Final = "standalone"
PAUSE_S: Final = 0.3
CALL_LIMIT_S: Final = 5.0
NOT_SYNCED: Final = "node is not in sync yet"
"""What a node says that has just started."""


@dataclass(kw_only=True)
class Wallet:
    """One account; its transactions follow from the seed."""

    seed: bytes
    nonce: int = 0

    accepted: list[TransactionID] = field(default_factory=list)
    """In the order of nonces."""

    refusals: dict[str, None] = field(default_factory=dict)
    """Why something was not accepted, in order, once each."""

    @property
    def key(self) -> bytes:
        """Its private key."""
        return private_key_of(self.seed)

    @property
    def address(self) -> Address:
        """Its account."""
        return wallet_address(PublicKey(public_key_of(self.key)))

    @property
    def address_text(self) -> str:
        """Its account as users write it."""
        return encode_address(PREFIX, self.address)

    def pay_while(self, life: Life, genesis_id: GenesisID) -> None:
        """Pay through a node until it does not answer any more."""
        with open_node_api(life.address, limit_s=CALL_LIMIT_S) as api:
            while life.is_running and self._pay(api, genesis_id):
                time.sleep(PAUSE_S)

    def spawn(self, life: Life, genesis_id: GenesisID, limit_s: float) -> None:
        """Make the account one that can pay, and wait until it is."""
        if self.nonce == 0:
            with open_node_api(life.address, limit_s=CALL_LIMIT_S) as api:
                self._pay(api, genesis_id)
        if not self.wait_applied(life, limit_s):
            self.refusals[f"the account was not spawned in {limit_s:g} s"] = None

    def wait_applied(self, life: Life, limit_s: float) -> bool:
        """Wait until the account's nonce is that of the last payment."""
        deadline = time.monotonic() + limit_s
        with open_node_api(life.address, limit_s=CALL_LIMIT_S) as api:
            while life.is_running and time.monotonic() < deadline:
                # On a busy machine an answer may be late; what counts is the whole time.
                with suppress(UnavailableError):
                    if api.account(self.address_text).next_nonce >= self.nonce:
                        return True
                time.sleep(PAUSE_S)
        return False

    def _pay(self, api: NodeApi, genesis_id: GenesisID) -> bool:
        """Send the next transaction if the node takes any; return whether it is still there."""
        raw = self._next(genesis_id)
        identifier = RawTransaction.of(raw).id
        try:
            if self.nonce == 1 and not api.account(self.address_text).is_spawned:
                # Nobody can read a payment before the spawn is applied.
                return True
            if not self._submit(api, raw, identifier):
                return True
        except UnavailableError:
            # The node is gone; the same transaction is sent to the next one.
            return False
        self.accepted.append(identifier)
        self.nonce += 1
        return True

    def _submit(self, api: NodeApi, raw: bytes, identifier: TransactionID) -> bool:
        """Return whether the node has a transaction now."""
        try:
            api.submit(raw)
        except UnavailableError:
            raise
        except SpacemeshError as error:
            # The process before may have accepted it without living long enough to say so.
            if api.transaction(identifier) is None:
                if NOT_SYNCED not in str(error):
                    self.refusals[f"nonce {self.nonce}: {error}"] = None
                return False
        return True

    def _next(self, genesis_id: GenesisID) -> bytes:
        if self.nonce == 0:
            arguments = WalletSpawnArguments(public_key=PublicKey(public_key_of(self.key)))
            body = self_spawn(template.ADDRESS, arguments, nonce=0, gas_price=1)
        else:
            body = spend(self.address, self.address, self.nonce, nonce=self.nonce, gas_price=1)
        return sign(body, genesis_id, self.key)
