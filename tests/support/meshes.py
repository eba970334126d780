"""A mesh over a real store, tortoise and VM, fed by hand."""

from collections.abc import Iterable
from pathlib import Path

from node.consensus.mesh.executor import Executor, StoredAccounts
from node.consensus.mesh.service import Mesh
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.parameters import TortoiseParameters
from node.events import Bus
from node.net.fetch.client import Fetcher
from node.net.fetch.planner import FetchPlanner
from node.net.memory import MemoryNetwork
from node.store.transactions import put_transaction
from node.types.account import Account
from node.types.address import Address
from node.types.amounts import MAX_U64
from node.types.ids import BlockID, PublicKey, TransactionID
from node.types.layer import LayerID
from node.types.transaction import RawTransaction, Transaction
from node.vm.apply import Applied, VmParameters
from node.vm.genesis import genesis_accounts
from node.vm.parsing import parse_transaction
from node.vm.sdk import self_spawn, sign, wallet_address
from node.vm.templates import wallet
from node.vm.wire import WalletSpawnArguments
from tests.support.chain import GENESIS, TIME, Chain, signer

KEY = signer(77)
"""The owner of the one genesis account."""
RICH = wallet_address(KEY.smesher_id)


class Recorded:
    """What the transactions' pool is told."""

    def __init__(self) -> None:
        self.blocks: list[BlockID] = []
        self.applied: list[Applied] = []
        self.reverted: list[LayerID] = []

    def on_block(
        self, layer: LayerID, block: BlockID, transactions: Iterable[TransactionID]
    ) -> None:
        self.blocks.append(block)

    def on_applied(self, applied: Applied) -> None:
        self.applied.append(applied)

    def on_reverted(self, layer: LayerID) -> None:
        self.reverted.append(layer)


class MeshWorld(Chain):
    """Everything a mesh needs; ``mesh`` is made anew by ``restart``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.network = MemoryNetwork()
        self.end = self.network.join("self")
        self.recorded = Recorded()
        self.bus = Bus()
        self.fetcher = Fetcher(
            network=self.end,
            planner=FetchPlanner(entropy=bytes),
            has=lambda hint, key: False,
            batch_timeout_s=0.0,
        )
        self.restart()

    def restart(self) -> None:
        """Make tortoise and mesh anew on the same store."""
        self.tortoise = Tortoise(
            TortoiseParameters(
                hdist=3,
                zdist=2,
                window_layers=100,
                max_exceptions=100,
                bad_beacon_delay_layers=4,
                layers_per_epoch=TIME.layers_per_epoch,
                effective_genesis=TIME.effective_genesis,
            ),
            self.atxdata,
        )
        executor = Executor(
            db=self.db,
            atxdata=self.atxdata,
            time=TIME,
            parameters=VmParameters(
                genesis_id=GENESIS,
                block_gas_limit=MAX_U64,
                first_effective_genesis=TIME.first_effective_genesis,
                address_prefix="test",
            ),
        )
        self.mesh = Mesh(
            db=self.db,
            time=TIME,
            bus=self.bus,
            tortoise=self.tortoise,
            executor=executor,
            transactions=self.recorded,
            fetcher=self.fetcher,
        )
        self.mesh.initialise(self.genesis())

    def genesis(self) -> tuple[Account, ...]:
        """Return one account with coins."""
        return genesis_accounts([(Address(RICH), 10**15)])

    def add_spawn(self) -> TransactionID:
        """Store a transaction that spawns the genesis account; return its id."""
        arguments = WalletSpawnArguments(public_key=PublicKey(KEY.smesher_id))
        body = self_spawn(wallet.TEMPLATE.address, arguments, nonce=0, gas_price=1)
        raw = sign(body, GENESIS, bytes([77]) * 32 + KEY.smesher_id)
        parsed = parse_transaction(raw, StoredAccounts(self.db))
        transaction = Transaction(raw=RawTransaction.of(raw), header=parsed.header)
        with self.db.batch() as batch:
            put_transaction(batch, transaction, 1)
        return transaction.raw.id
