"""Families ``chain/replay``, ``chain/txs``, ``chain/checkpoint-*``: the VM on a real chain.

``replay`` applies every block of the chain from genesis.  ``txs`` puts every submission to
the state of its time and compares what parsing, estimating, verifying and submitting said.
Of the checkpoints, the accounts are compared.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from node.base import scale
from node.base.bech32 import encode_address
from node.types.account import Account
from node.types.address import Address
from node.types.amounts import MAX_U64
from node.types.block import Block, InnerBlock
from node.types.ids import GenesisID, SmesherID
from node.types.layer import LayerID
from node.types.reward import CoinbaseReward
from node.types.transaction import RawTransaction, Transaction
from node.vm.apply import Applied, VmParameters, apply
from node.vm.errors import MalformedTransactionError, NotSpawnedError, TransactionError
from node.vm.genesis import genesis_accounts
from node.vm.parsing import ParsedTransaction, is_signed, parse_transaction
from node.vm.rewards import sort_rewards
from node.vm.sdk import TransactionKind, read_contents
from node.vm.state import MemoryAccounts
from node.vm.templates.base import Spawn
from node.vm.wire import DrainVaultArguments, MultisigSpawnArguments, WalletSpawnArguments
from scripts.vectors.family import Case, Family, compare, read_json, read_json_lines

PREFIX = "standalone"
EMPTY_BLOCK = "00" * 20
SEND_KINDS = (TransactionKind.SINGLE_SIG_SEND, TransactionKind.MULTI_SIG_SEND)


@dataclass(frozen=True, slots=True)
class _Step:
    """One layer of the chain: what was recorded, what we made of it, the state behind it."""

    recorded: dict[str, Any]
    applied: Applied | None
    accounts: tuple[Account, ...]


def _replay(folder: Path) -> Iterator[_Step]:
    data = read_json(next(folder.glob("chain/replay.json*")))
    parameters = VmParameters(
        genesis_id=GenesisID.fromhex(data["genesis_id"]),
        block_gas_limit=data["block_gas_limit"],
        first_effective_genesis=LayerID(data["first_effective_layer"]),
        address_prefix=PREFIX,
    )
    balances = [(Address.fromhex(address), sum_) for address, sum_ in data["genesis_accounts"]]
    state = MemoryAccounts(genesis_accounts(balances))
    earlier: set[str] = set()
    for layer in data["layers"]:
        applied = None
        if layer["layer"] > parameters.first_effective_genesis:
            transactions = [
                _raw_transaction(data["transactions"][identifier])
                for identifier in layer.get("tx_ids", ())
                if identifier not in earlier
            ]
            rewards = sort_rewards(_rewards(layer))
            applied = apply(LayerID(layer["layer"]), transactions, rewards, state, parameters)
            earlier.update(done.transaction.raw.id.hex() for done in applied.results)
            state.put_accounts(applied.accounts)
        yield _Step(layer, applied, state.all_accounts())


def _raw_transaction(raw: str) -> Transaction:
    return Transaction(raw=RawTransaction.of(bytes.fromhex(raw)), header=None)


def _rewards(layer: dict[str, Any]) -> Iterator[CoinbaseReward]:
    """Return the block's shares; the recorded chain has one smesher."""
    if "block" not in layer:
        return
    inner = scale.decode(InnerBlock, bytes.fromhex(layer["block"]))
    for share, (_, coinbase, _, _), paid in zip(
        inner.rewards, layer["block_rewards"], layer["rewards"], strict=True
    ):
        yield CoinbaseReward(
            smesher=SmesherID.fromhex(paid[1]),
            coinbase=Address.fromhex(coinbase),
            weight=share.weight,
        )


def check_replay(folder: Path) -> Iterator[Case]:
    """Compare blocks, state roots, rewards and changed accounts of every layer."""
    for step in _replay(folder):
        recorded, name = step.recorded, f"layer {step.recorded['layer']}"
        yield compare(f"{name}, block", _block_id(recorded), recorded["applied_block"])
        root = step.applied.state_root.hex() if step.applied else None
        yield compare(f"{name}, state root", root, recorded["state_hash"])
        if step.applied and "rewards" in recorded:
            rewards = [
                [
                    reward.coinbase.hex(),
                    reward.smesher.hex(),
                    reward.total_reward,
                    reward.layer_reward,
                ]
                for reward in step.applied.rewards
            ]
            yield compare(f"{name}, rewards", rewards, recorded["rewards"])
            changed = [
                [
                    account.address.hex(),
                    account.balance,
                    account.next_nonce,
                    account.template and account.template.hex(),
                ]
                for account in step.applied.accounts
            ]
            yield compare(f"{name}, accounts", sorted(changed), sorted(recorded["accounts"]))


def _block_id(layer: dict[str, Any]) -> str:
    if "block" not in layer:
        return EMPTY_BLOCK
    block = Block(inner=scale.decode(InnerBlock, bytes.fromhex(layer["block"])))
    if [identifier.hex() for identifier in block.tx_ids] != layer["tx_ids"]:
        return f"transactions {block.tx_ids}"
    return block.id.hex()


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What parsing said, as the API and the mempool tell it."""

    code: str
    api_text: str
    full_text: str


def _parse(raw: bytes, accounts: MemoryAccounts) -> ParsedTransaction | _Refusal:
    try:
        return parse_transaction(raw, accounts)
    except NotSpawnedError as error:
        return _Refusal("NotFound", "account is not spawned", str(error))
    except MalformedTransactionError as error:
        return _Refusal("InvalidArgument", str(error), str(error))
    except TransactionError as error:
        return _Refusal("Internal", str(error), str(error))


def check_transactions(folder: Path) -> Iterator[Case]:
    """Compare what was said of each submission, with the state of the layer before."""
    steps = {step.recorded["layer"]: step for step in _replay(folder)}
    meta = read_json(next(folder.glob("chain/replay.json*")))
    genesis_id = GenesisID.fromhex(meta["genesis_id"])
    for number, line in enumerate(read_json_lines(next(folder.glob("chain/txs.jsonl*"))), 1):
        problem = ""
        if line["raw"]:
            accounts = MemoryAccounts(steps[line["layer"] - 1].accounts)
            problem = _transaction_problem(line, accounts, genesis_id)
        elif not all(line[f"{what}_error"] for what in ("parse_v1", "estimate_gas", "submit")):
            problem = "an empty transaction was accepted"
        yield Case(f"line {number}, {line['desc']}", problem)


def _transaction_problem(line: Any, accounts: MemoryAccounts, genesis_id: GenesisID) -> str:
    raw = bytes.fromhex(line["raw"])
    parsed = _parse(raw, accounts)
    signed = isinstance(parsed, ParsedTransaction) and is_signed(parsed, genesis_id)
    expected = {
        "id": RawTransaction.of(raw).id.hex(),
        "estimate": _estimate(parsed),
        "parse": _parse_answer(parsed, raw, signed=signed or not line["parse_v2_verify"]),
        "submit": _submit_problem(parsed, line["id"], signed=signed),
    }
    recorded = {
        "id": line["id"],
        "estimate": _error(line["estimate_gas_error"])
        or int(line["estimate_gas"]["recommendedMaxGas"]),
        "parse": _error(line["parse_v2_error"]) or line["parse_v2"]["tx"],
        "submit": _vm_error(line["submit_error"]),
    }
    differing = {key for key, value in expected.items() if value != recorded[key]}
    found = [f"{key} {expected[key]!r}, recorded {recorded[key]!r}" for key in sorted(differing)]
    if _error(line["parse_v1_error"]) != _error(line["parse_v2_error"]):
        found.append("the two versions of the API disagree")
    return "; ".join(found)


def _error(recorded: Any) -> tuple[str, str] | None:
    return (recorded["name"], recorded["message"]) if recorded else None


def _vm_error(recorded: Any) -> str:
    """Return the error of a submission, unless it is the mempool's and not the VM's."""
    text = recorded["message"] if recorded else ""
    judged = "failed to parse tx" in text or "failed to verify tx" in text
    return text if judged else ""


def _estimate(parsed: ParsedTransaction | _Refusal) -> Any:
    if isinstance(parsed, _Refusal):
        return parsed.code, parsed.api_text
    return parsed.header.max_gas


def _submit_problem(parsed: ParsedTransaction | _Refusal, identifier: str, *, signed: bool) -> str:
    start = "Failed to verify transaction: failed to"
    if isinstance(parsed, _Refusal):
        return f"{start} parse tx: {identifier} (err: {parsed.full_text})"
    if parsed.header.gas_price * parsed.header.max_gas & MAX_U64 == 0:
        return f"{start} parse tx: zero gas price {identifier}"
    return "" if signed else f"{start} verify tx: {identifier}"


def _parse_answer(parsed: ParsedTransaction | _Refusal, raw: bytes, *, signed: bool) -> Any:
    if isinstance(parsed, _Refusal):
        return parsed.code, parsed.api_text
    if not signed:
        return "InvalidArgument", "signature is invalid"
    header, contents = parsed.header, read_contents(raw)
    kind = "SINGLE_SIG_SEND" if contents.kind in SEND_KINDS[:1] else contents.kind.upper()
    return {
        "id": "",
        "principal": encode_address(PREFIX, header.principal),
        "template": encode_address(PREFIX, header.template),
        "method": header.method,
        "nonce": {"counter": str(header.nonce)},
        "maxGas": str(header.max_gas),
        "gasPrice": str(header.gas_price),
        "maxSpend": str(header.max_spend),
        "raw": b64encode(raw).decode(),
        "type": f"TRANSACTION_TYPE_{kind}",
        "contents": _contents(contents.kind, contents.call),
    }


def _contents(kind: TransactionKind, call: Any) -> dict[str, Any]:
    """Return the contents as the JSON of the API has them."""
    text = partial(encode_address, PREFIX)
    if isinstance(call, DrainVaultArguments):
        send = _contents(TransactionKind.SINGLE_SIG_SEND, call.spend)["send"]
        return {"drainVault": {"vault": text(call.vault)} | send}
    if not isinstance(call, Spawn):
        return {"send": {"destination": text(call.destination), "amount": str(call.amount)}}
    match call.target.arguments:
        case WalletSpawnArguments(public_key=key):
            return {"singleSigSpawn": {"pubkey": key.hex()}}
        case MultisigSpawnArguments(required=required, public_keys=keys):
            several = kind == TransactionKind.MULTI_SIG_SPAWN
            name = "multiSigSpawn" if several else "vestingSpawn"
            return {name: {"required": required, "pubkey": [key.hex() for key in keys]}}
        case terms:
            return {
                "vaultSpawn": {
                    "owner": text(terms.owner),
                    "totalAmount": str(terms.total_amount),
                    "initialUnlockAmount": str(terms.initial_unlock_amount),
                    "vestingStart": terms.vesting_start,
                    "vestingEnd": terms.vesting_end,
                }
            }


def check_checkpoint(layer: int, folder: Path) -> Iterator[Case]:
    """Compare the accounts of a checkpoint with those that applying the chain leaves.

    A checkpoint of a layer that did not exist yet holds the state of the moment, which is
    looked for among all layers.
    """
    data = read_json(next(folder.glob(f"chain/checkpoint-snapshot-{layer}.json*")))["data"]
    recorded = {account["address"]: account for account in data["accounts"]}
    states = {step.recorded["layer"]: _snapshot(step.accounts) for step in _replay(folder)}
    newest = states[max(states)]
    ours = states.get(layer) or next((s for s in states.values() if s == recorded), newest)
    for address in sorted(ours.keys() | recorded.keys()):
        yield compare(f"account {address}", ours.get(address), recorded.get(address))


def _snapshot(accounts: tuple[Account, ...]) -> dict[str, Any]:
    return {
        b64encode(account.address).decode(): {
            "address": b64encode(account.address).decode(),
            "balance": account.balance,
            "nonce": account.next_nonce,
            "template": account.template and b64encode(account.template).decode(),
            "state": b64encode(account.state).decode() or None,
        }
        for account in accounts
    }


REPLAY = "chain/replay.json*"
FAMILIES = (
    Family("chain/replay", (REPLAY,), check_replay),
    Family("chain/txs", ("chain/txs.jsonl*",), check_transactions),
    *(
        Family(
            f"chain/checkpoint-snapshot-{layer}",
            (f"chain/checkpoint-snapshot-{layer}.json*",),
            partial(check_checkpoint, layer),
        )
        for layer in (60, 6000)
    ),
)
