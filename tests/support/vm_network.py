"""A small network for tests of the VM: keys, accounts of every template, signed transactions."""

from node.crypto.ed25519 import private_key_of, public_key_of
from node.types.address import Address
from node.types.block import RationalWeight
from node.types.ids import GenesisID, SmesherID
from node.types.layer import LayerID
from node.types.reward import CoinbaseReward
from node.types.transaction import RawTransaction, Transaction
from node.vm import sdk
from node.vm.apply import Applied, VmParameters, apply
from node.vm.genesis import genesis_accounts
from node.vm.signatures import collect_checks
from node.vm.state import MemoryAccounts
from node.vm.templates import multisig, vault, vesting, wallet
from node.vm.wire import MultisigSpawnArguments, VaultSpawnArguments, WalletSpawnArguments

GENESIS_ID = GenesisID.fromhex("9eebff023abb17ccb775c602daade8ed708f0a50")
PARAMETERS = VmParameters(
    genesis_id=GENESIS_ID,
    block_gas_limit=100_107_000,
    first_effective_genesis=LayerID(19),
    address_prefix="sm",
)
LAYER = LayerID(20)

KEY = private_key_of(bytes(range(32)))
PUBLIC_KEY = public_key_of(KEY)
KEYS = tuple(private_key_of(bytes([number]) * 32) for number in (1, 2, 3))
PUBLIC_KEYS = tuple(public_key_of(key) for key in KEYS)

WALLET = WalletSpawnArguments(public_key=PUBLIC_KEY)
SEVERAL = MultisigSpawnArguments(required=2, public_keys=PUBLIC_KEYS)
WALLET_ACCOUNT = sdk.wallet_address(PUBLIC_KEY)
MULTISIG_ACCOUNT = sdk.multisig_address(2, PUBLIC_KEYS)
VESTING_ACCOUNT = sdk.vesting_address(2, PUBLIC_KEYS)
TERMS = VaultSpawnArguments(
    owner=VESTING_ACCOUNT,
    total_amount=10**12,
    initial_unlock_amount=25 * 10**10,
    vesting_start=105_120,
    vesting_end=420_480,
)
VAULT_ACCOUNT = sdk.vault_address(TERMS)
DESTINATION = Address(bytes(4) + b"01234567890123456789")

WALLET_SPAWN = sdk.self_spawn(wallet.ADDRESS, WALLET, nonce=0, gas_price=2)
MULTISIG_SPAWN = sdk.self_spawn(multisig.ADDRESS, SEVERAL, nonce=0, gas_price=2)
VESTING_SPAWN = sdk.self_spawn(vesting.ADDRESS, SEVERAL, nonce=0, gas_price=2)
VAULT_SPAWN = sdk.spawn(VESTING_ACCOUNT, vault.ADDRESS, TERMS, nonce=1, gas_price=2)

BALANCES = (
    (WALLET_ACCOUNT, 10**10),
    (MULTISIG_ACCOUNT, 10**9),
    (VESTING_ACCOUNT, 10**6),
    (VAULT_ACCOUNT, 10**12),
)


def single(body: bytes, key: bytes = KEY) -> Transaction:
    """Return a wallet's transaction, signed."""
    return unverified(sdk.sign(body, GENESIS_ID, key))


def joint(body: bytes, signers: tuple[int, ...] = (0, 2)) -> Transaction:
    """Return a transaction of the multisig or the vesting account, signed."""
    parts = [sdk.sign_part(body, GENESIS_ID, KEYS[place], SEVERAL) for place in signers]
    return unverified(sdk.combine(body, GENESIS_ID, SEVERAL, parts))


def unverified(raw: bytes) -> Transaction:
    """Return a transaction as it comes from a peer."""
    return Transaction(raw=RawTransaction.of(raw), header=None)


def share(number: int, coinbase: Address, numerator: int, denominator: int) -> CoinbaseReward:
    """Return a share in the reward of a block."""
    return CoinbaseReward(
        smesher=SmesherID(number.to_bytes(32, "big")),
        coinbase=coinbase,
        weight=RationalWeight(numerator=numerator, denominator=denominator),
    )


def genesis_state() -> MemoryAccounts:
    """Return the state in which the four accounts have coins and nothing is spawned."""
    return MemoryAccounts(genesis_accounts(BALANCES))


def spawned_state() -> MemoryAccounts:
    """Return the state after all four accounts were spawned, in the layer before ``LAYER``."""
    state = genesis_state()
    spawns = (
        single(WALLET_SPAWN),
        joint(MULTISIG_SPAWN),
        joint(VESTING_SPAWN),
        joint(VAULT_SPAWN),
    )
    applied = apply(LayerID(LAYER - 1), spawns, (), state, PARAMETERS)
    assert [done.result.message for done in applied.results] == [""] * len(spawns)
    state.put_accounts(applied.accounts)
    return state


def run(state: MemoryAccounts, *transactions: Transaction, layer: LayerID = LAYER) -> Applied:
    """Apply transactions and keep what they changed."""
    applied = apply(layer, transactions, (), state, PARAMETERS)
    state.put_accounts(applied.accounts)
    return applied


def count_checks(state: MemoryAccounts, *transactions: Transaction) -> int:
    """Return how many signatures applying the transactions may ask for."""
    return len(collect_checks(transactions, state, GENESIS_ID))
