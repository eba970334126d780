"""Family ``vm``: layers, fixed transactions and issuance against the reference's VM."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from node.base.bech32 import encode_address
from node.crypto.ed25519 import private_key_of, public_key_of
from node.types.address import Address
from node.types.block import RationalWeight
from node.types.ids import GenesisID, SmesherID
from node.types.layer import LayerID
from node.types.reward import CoinbaseReward
from node.types.transaction import RawTransaction, Transaction, TransactionWithResult
from node.vm import sdk
from node.vm.apply import Applied, VmParameters, apply
from node.vm.genesis import genesis_accounts
from node.vm.registry import make_instance
from node.vm.rewards import DECAY, HALF_LIFE, compute_issued, compute_subsidy
from node.vm.signatures import Verdicts, collect_checks, verify_checks
from node.vm.state import MemoryAccounts
from node.vm.templates import multisig, vault, vesting, wallet
from node.vm.wire import VaultSpawnArguments, WalletSpawnArguments
from scripts.vectors.crypto_edges import edge_cases
from scripts.vectors.family import Case, Family, compare, read_json

PARAMETERS = VmParameters(
    genesis_id=GenesisID.fromhex("9eebff023abb17ccb775c602daade8ed708f0a50"),
    block_gas_limit=3_000_000,
    first_effective_genesis=LayerID(19),
    address_prefix="sm",
)
DESTINATION = Address(bytes(4) + b"01234567890123456789")
WALLET_SEED = bytes(range(32))
MULTISIG_SEEDS = tuple(bytes([number]) * 32 for number in (1, 2, 3))
SIGNERS = (0, 2)


def _layer_cases(recorded: Any, applied: Applied) -> Iterator[Case]:
    name = f"layer {recorded['lid']}"
    skipped = [identifier.hex() for identifier in applied.skipped_ids]
    yield compare(f"{name}, skipped", skipped, recorded["skipped"])
    yield compare(f"{name}, results", len(applied.results), len(recorded["results"]))
    for ours, theirs in zip(applied.results, recorded["results"], strict=False):
        yield compare(f"{name}, transaction {theirs['id'][:8]}", plain_result(ours), theirs)
    rewards = [
        [reward.coinbase.hex(), reward.total_reward, reward.layer_reward]
        for reward in applied.rewards
    ]
    yield compare(f"{name}, rewards", rewards, recorded["rewout"])
    yield compare(f"{name}, state root", applied.state_root.hex(), recorded["root"])


def plain_result(executed: TransactionWithResult) -> dict[str, Any]:
    """Return a result the way the recorded layers write it."""
    header, result = executed.transaction.header, executed.result
    return {
        "id": executed.transaction.raw.id.hex(),
        "status": result.status,
        "msg": result.message,
        "gas": result.gas,
        "fee": result.fee,
        "addrs": [address.hex() for address in result.addresses],
        "hdr": header
        and [
            header.principal.hex(),
            header.template.hex(),
            header.method,
            header.nonce,
            header.max_gas,
            header.gas_price,
            header.max_spend,
        ],
    }


def replay(data: Any) -> Iterator[Case]:
    """Apply the recorded layers; signatures are verified beforehand in every other one."""
    balances = [(Address.fromhex(address), balance) for address, balance in data["genesis"]]
    accounts = MemoryAccounts(genesis_accounts(balances))
    for recorded in data["layers"]:
        transactions = [
            Transaction(raw=RawTransaction.of(bytes.fromhex(raw)), header=None)
            for raw in recorded["txs"] or []
        ]
        rewards = [
            CoinbaseReward(
                smesher=SmesherID(number.to_bytes(32, "big")),
                coinbase=Address.fromhex(coinbase),
                weight=RationalWeight(numerator=numerator, denominator=denominator),
            )
            for number, (coinbase, numerator, denominator) in enumerate(recorded["rewards"])
        ]
        layer = LayerID(recorded["lid"])
        if layer % 2:
            applied = apply(layer, transactions, rewards, accounts, PARAMETERS)
        else:
            checks = collect_checks(transactions, accounts, PARAMETERS.genesis_id)
            verify = Verdicts(checks, verify_checks(checks))
            applied = apply(layer, transactions, rewards, accounts, PARAMETERS, verify=verify)
        accounts.put_accounts(applied.accounts)
        yield from _layer_cases(recorded, applied)


def _build_fixed() -> dict[str, str]:
    """Build, with our own tools, the transactions and addresses of the vm digest, 2.1."""
    genesis_id = PARAMETERS.genesis_id
    key = private_key_of(WALLET_SEED)
    public_key = public_key_of(key)
    keys = [private_key_of(seed) for seed in MULTISIG_SEEDS]
    several = sdk.multisig_arguments(2, [public_key_of(key) for key in keys])
    owner = make_instance(vesting.ADDRESS, several)
    addresses = {
        "wallet_addr": sdk.wallet_address(public_key),
        "multisig_addr": sdk.multisig_address(several.required, several.public_keys),
        "vesting_addr": sdk.vesting_address(several.required, several.public_keys),
        "to": DESTINATION,
    }
    terms = VaultSpawnArguments(
        owner=addresses["vesting_addr"],
        total_amount=10**12,
        initial_unlock_amount=25 * 10**10,
        vesting_start=105_120,
        vesting_end=420_480,
    )
    addresses["vault_addr"] = sdk.vault_address(terms)

    def single(body: bytes) -> str:
        return sdk.sign(body, genesis_id, key).hex()

    def joint(body: bytes) -> str:
        parts = [sdk.sign_part(body, genesis_id, keys[place], several) for place in SIGNERS]
        return sdk.combine(body, genesis_id, several, reversed(parts)).hex()

    first, second, third = ({"nonce": nonce, "gas_price": 2} for nonce in range(3))
    pub = WalletSpawnArguments(public_key=public_key)
    vesting_account = addresses["vesting_addr"]
    built = {
        "pub": public_key.hex(),
        "selfspawn": single(sdk.self_spawn(wallet.ADDRESS, pub, **first)),
        "spend": single(sdk.spend(addresses["wallet_addr"], DESTINATION, 10**9, **second)),
        "multisig_selfspawn": joint(sdk.self_spawn(multisig.ADDRESS, several, **first)),
        "multisig_spend": joint(
            sdk.spend(addresses["multisig_addr"], DESTINATION, 123_456_789, **second)
        ),
        "vesting_selfspawn": joint(sdk.self_spawn(owner.template, several, **first)),
        "vault_spawn": joint(sdk.spawn(vesting_account, vault.ADDRESS, terms, **second)),
        "drain": joint(
            sdk.drain_vault(vesting_account, addresses["vault_addr"], DESTINATION, 5000, **third)
        ),
    }
    shown = {name: encode_address("sm", address) for name, address in addresses.items()}
    return built | shown


def fixed_cases(data: Any) -> Iterator[Case]:
    """Compare transactions and addresses that we build with the recorded ones."""
    built = _build_fixed()
    for name, recorded in sorted(data["fixed"].items()):
        yield compare(f"fixed {name}", built.get(name), recorded)


def issuance_cases(data: Any) -> Iterator[Case]:
    """Compare the issuance curve and its constants."""
    yield compare("half-life", str(HALF_LIFE), data["halflife"])
    yield compare("lambda", str(DECAY.copy_negate()), data["lambda"])
    for index, subsidy, issued in data["rewards"]:
        ours = [compute_subsidy(index), compute_issued(index)]
        yield compare(f"subsidy {index}", ours, [subsidy, issued])


def check(folder: Path) -> Iterator[Case]:
    """Compare everything in the file."""
    data = read_json(next(folder.glob("vm.json*")))
    yield from replay(data)
    yield from fixed_cases(data)
    yield from issuance_cases(data)
    yield from edge_cases(data)


FAMILIES = (Family("vm", ("vm.json*",), check),)
