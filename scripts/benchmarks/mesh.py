"""A full block on its way into the state: read, executed, written; nothing else runs meanwhile."""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from node.consensus.atxdata import AtxData
from node.consensus.blocks.make_block import Candidate, order_transactions
from node.consensus.mesh.executor import Executor, put_applied
from node.crypto.ed25519 import private_key_of, public_key_of
from node.store.accounts import put_account
from node.store.blocks import put_block
from node.store.db import LevelDB
from node.store.transactions import find_transaction, put_transaction
from node.types.block import Block, InnerBlock
from node.types.ids import TransactionID
from node.types.layer import LayerID
from node.types.layer_time import LayerTime
from node.types.transaction import RawTransaction, Transaction
from node.vm import sdk
from node.vm.genesis import genesis_accounts
from node.vm.parsing import parse
from node.vm.registry import make_instance
from node.vm.state import StagedAccount
from node.vm.templates import wallet
from node.vm.templates.base import Instance
from node.vm.wire import WalletSpawnArguments
from scripts.benchmarks.measurement import Measurement, duration
from tests.support.vm_network import LAYER, PARAMETERS

SECONDS: Final = 3.0
"""Time for each figure."""

SPENDS: Final = 2750
"""As many as the gas of a block allows."""

ACCOUNTS: Final = 275
BALANCE: Final = 10**17
LOOP_BAR_MS: Final = 50.0
"""How long the event loop may stand still."""

TIME: Final = LayerTime(genesis_ns=10**18, layer_duration_ns=10**10, layers_per_epoch=10)


class _Chain:
    """A store with spawned wallets and a block of spends among them."""

    def __init__(self, folder: Path) -> None:
        self.db = LevelDB(folder)
        self.executor = Executor(db=self.db, atxdata=AtxData(), time=TIME, parameters=PARAMETERS)
        self.headers = self._store(self._spawn())
        self.block = Block(
            inner=InnerBlock(
                layer=LayerID(LAYER), tick_height=1, rewards=(), tx_ids=tuple(self.headers)
            )
        )
        with self.db.batch(sync=False) as batch:
            put_block(batch, self.block)

    def _spawn(self) -> list[tuple[bytes, Instance]]:
        """Store wallets that are spawned; return their keys, and what they are."""
        wallets = []
        with self.db.batch(sync=False) as batch:
            for number in range(ACCOUNTS):
                key = private_key_of(number.to_bytes(32, "big"))
                arguments = WalletSpawnArguments(public_key=public_key_of(key))
                (plain,) = genesis_accounts([(sdk.wallet_address(arguments.public_key), BALANCE)])
                account = StagedAccount(plain.address, plain)
                instance = make_instance(wallet.ADDRESS, arguments)
                account.spawn(instance)
                put_account(batch, account.freeze(LayerID(LAYER - 1)))
                wallets.append((key, instance))
        return wallets

    def _store(self, wallets: list[tuple[bytes, Instance]]) -> dict[TransactionID, Candidate]:
        addresses = [sdk.wallet_address(public_key_of(key)) for key, _ in wallets]
        found: dict[TransactionID, Candidate] = {}
        with self.db.batch(sync=False) as batch:
            for number in range(SPENDS):
                sender = number % ACCOUNTS
                key, instance = wallets[sender]
                body = sdk.spend(
                    addresses[sender],
                    addresses[(sender + 1) % ACCOUNTS],
                    1000 + number,
                    nonce=number // ACCOUNTS,
                    gas_price=1,
                )
                raw = RawTransaction.of(sdk.sign(body, PARAMETERS.genesis_id, key))
                header = parse(raw.raw, {addresses[sender]: instance}.get).header
                put_transaction(batch, Transaction(raw=raw, header=header), number)
                found[raw.id] = Candidate(id=raw.id, header=header, is_applied=False)
        return found

    def read(self) -> None:
        """Read what executing reads first."""
        for tx_id in self.block.tx_ids:
            find_transaction(self.db, tx_id)

    def execute(self) -> None:
        """Execute the block."""
        applied = self.executor.execute(self.block.layer, self.block)
        if len(applied.results) != SPENDS:
            raise RuntimeError(f"{len(applied.results)} of {SPENDS} spends were executed")

    def writer(self) -> Callable[[], object]:
        """Return what writes the executed block, without waiting for the disk."""
        applied = self.executor.execute(self.block.layer, self.block)
        return partial(self._write, partial(put_applied, applied=applied, block=self.block.id))

    def _write(self, put: Callable[..., None]) -> None:
        with self.db.batch(sync=False) as batch:
            put(batch)


def measure() -> Iterator[Measurement]:
    """Yield the times of a full block."""
    with tempfile.TemporaryDirectory() as folder:
        chain = _Chain(Path(folder) / "state")
        yield duration(
            f"mesh: order {SPENDS} transactions",
            lambda: order_transactions(chain.headers.values(), bytes(32), gas_limit=0),
            "ms",
            SECONDS,
            bar=LOOP_BAR_MS,
        )
        yield duration(f"mesh: read a block of {SPENDS} spends", chain.read, "ms", SECONDS)
        yield duration(f"mesh: read and execute {SPENDS} spends", chain.execute, "ms", SECONDS)
        # Last: transactions that are applied are not executed again.
        yield duration(f"mesh: write {SPENDS} results", chain.writer(), "ms", SECONDS)
        chain.db.close()
