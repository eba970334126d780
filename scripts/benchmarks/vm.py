"""Layers full of spends: parsed, verified, executed, hashed."""

from collections.abc import Iterator

from node.crypto import clear
from node.crypto.ed25519 import private_key_of, public_key_of, verify_signature
from node.types.address import Address
from node.types.ids import GenesisID
from node.types.layer import LayerID
from node.types.transaction import RawTransaction, Transaction
from node.vm import sdk
from node.vm.apply import VmParameters, apply
from node.vm.genesis import genesis_accounts
from node.vm.registry import make_instance
from node.vm.signatures import Verdicts, collect_checks
from node.vm.state import MemoryAccounts, StagedAccount
from node.vm.templates import wallet
from node.vm.templates.base import Verify
from node.vm.wire import WalletSpawnArguments
from scripts.benchmarks.measurement import Measurement, throughput

SECONDS = 2.0
"""Time for each figure."""

ACCOUNTS = 10
SPENDS = 20
"""In a layer: few, so that a round of them fits between two turns of the scheduler."""
LAYER = LayerID(20)
BALANCE = 10**17
SPENDS_BAR = 12_000
PARAMETERS = VmParameters(
    genesis_id=GenesisID(bytes(20)),
    block_gas_limit=1 << 60,
    first_effective_genesis=LayerID(19),
    address_prefix="sm",
)


def _prepare() -> tuple[MemoryAccounts, tuple[Transaction, ...]]:
    """Return spawned wallets, and spends among them."""
    keys = [private_key_of(bytes([number + 1]) * 32) for number in range(ACCOUNTS)]
    addresses: list[Address] = []
    state = MemoryAccounts()
    for key in keys:
        arguments = WalletSpawnArguments(public_key=public_key_of(key))
        addresses.append(sdk.wallet_address(arguments.public_key))
        (genesis,) = genesis_accounts([(addresses[-1], BALANCE)])
        account = StagedAccount(genesis.address, genesis)
        account.spawn(make_instance(wallet.ADDRESS, arguments))
        state.put_accounts([account.freeze(genesis.layer)])
    transactions = []
    for number in range(SPENDS):
        sender = number % ACCOUNTS
        body = sdk.spend(
            addresses[sender],
            addresses[(sender + 1) % ACCOUNTS],
            1000 + number,
            nonce=number // ACCOUNTS,
            gas_price=1,
        )
        raw = sdk.sign(body, PARAMETERS.genesis_id, keys[sender])
        transactions.append(Transaction(raw=RawTransaction.of(raw), header=None))
    return state, tuple(transactions)


def measure() -> Iterator[Measurement]:
    """Yield spends a second on one core, with their signatures and without."""
    state, transactions = _prepare()

    def execute(verify: Verify) -> None:
        applied = apply(LAYER, transactions, (), state, PARAMETERS, verify=verify)
        if any(done.result.status for done in applied.results) or applied.ineffective:
            raise RuntimeError("a spend of the benchmark failed")

    yield throughput(
        "vm apply, single signature",
        lambda: execute(verify_signature),
        "spends/s",
        2 * SECONDS,
        amount=SPENDS,
        clear=lambda: execute(clear.verify_signature),
        bar=SPENDS_BAR,
    )
    checks = collect_checks(transactions, state, PARAMETERS.genesis_id)
    verdicts = Verdicts(checks, [True] * len(checks))
    yield throughput(
        "vm apply, verified before", lambda: execute(verdicts), "spends/s", SECONDS, amount=SPENDS
    )
    yield throughput(
        "vm collect checks",
        lambda: collect_checks(transactions, state, PARAMETERS.genesis_id),
        "spends/s",
        SECONDS,
        amount=SPENDS,
    )
