"""Family ``codec``: every wire type against encodings of the reference."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from node.base import scale
from node.base.errors import DecodeError
from node.consensus.malfeasance.wire import TYPE_CODES, MalfeasanceProof
from node.types.active_set import active_set_hash
from scripts.vectors.family import Case, Family, compare, read_json_lines

TYPES: dict[str, str] = {
    "wire.ActivationTxV1": "node.types.atx_v1:ActivationTxV1",
    "wire.ActivationTxV2": "node.types.atx_v2:ActivationTxV2",
    "wire.InnerActivationTxV1": "node.types.atx_v1:InnerActivationTxV1",
    "wire.NIPostChallengeV1": "node.types.atx_v1:NIPostChallengeV1",
    "wire.NIPostChallengeV2": "node.types.atx_v2:NIPostChallengeV2",
    "wire.PostV1": "node.types.post:Post",
    "wire.NIPostV1": "node.types.post:NIPost",
    "wire.ATXMetadataV1": "node.types.metadata:AtxMetadata",
    "wire.ATXProof": "node.consensus.malfeasance.wire:AtxProof",
    "wire.ProofDoubleMarry": "node.consensus.malfeasance.wire:DoubleMarry",
    "wire.MarriageCertificate": "node.types.atx_v2:MarriageCertificate",
    "wire.NiPostsV2": "node.types.atx_v2:NIPostV2",
    "wire.SubPostV2": "node.types.atx_v2:SubPostV2",
    "wire.MalfeasanceProof": "node.consensus.malfeasance.wire:MalfeasanceProof",
    "wire.MalfeasanceGossip": "node.consensus.malfeasance.wire:MalfeasanceGossip",
    "types.Ballot": "node.types.ballot:Ballot",
    "types.BallotMetadata": "node.types.metadata:BallotMetadata",
    "types.InnerBallot": "node.types.ballot:InnerBallot",
    "types.Votes": "node.types.ballot:Votes",
    "types.Opinion": "node.types.ballot:Opinion",
    "types.EpochData": "node.types.ballot:EpochData",
    "types.BlockHeader": "node.types.ballot:Vote",
    "types.Proposal": "node.types.proposal:Proposal",
    "types.Block": "node.types.block:Block",
    "types.Certificate": "node.types.certificate:Certificate",
    "types.CertifyMessage": "node.types.certificate:CertifyMessage",
    "types.CertifyContent": "node.types.certificate:CertifyContent",
    "types.Account": "node.types.account:Account",
    "types.Transaction": "node.types.transaction:Transaction",
    "types.Reward": "node.types.reward:Reward",
    "types.RawTx": "node.types.transaction:RawTransaction",
    "types.TxHeader": "node.types.transaction:TransactionHeader",
    "types.TransactionResult": "node.types.transaction:TransactionResult",
    "types.TransactionWithResult": "node.types.transaction:TransactionWithResult",
    "types.PoetProof": "node.types.poet:PoetProof",
    "types.PoetProofMessage": "node.types.poet:PoetProofMessage",
    "types.EpochActiveSet": "node.types.active_set:EpochActiveSet",
    "types.ATXMetadata": "node.types.metadata:AtxMetadata",
    "types.HareEligibilityGossip": "node.consensus.malfeasance.wire:EligibilityGossip",
    "types.HareEligibility": "node.consensus.hare.wire:HareEligibility",
    "types.VotingEligibility": "node.types.ballot:VotingEligibility",
    "types.MerkleProof": "node.types.post:MembershipProof",
    "hare3.Message": "node.consensus.hare.wire:MessageV3",
    "hare4.Message": "node.consensus.hare.wire:MessageV4",
    "hare4.CompactIdRequest": "node.consensus.hare.wire:CompactIDRequest",
    "hare4.CompactIdResponse": "node.consensus.hare.wire:CompactIDResponse",
    "beacon.ProposalVrfMessage": "node.consensus.beacon.wire:BeaconProposalVrf",
    "beacon.ProposalMessage": "node.consensus.beacon.wire:BeaconProposalMessage",
    "beacon.FirstVotingMessage": "node.consensus.beacon.wire:FirstVotesMessage",
    "beacon.FollowingVotingMessage": "node.consensus.beacon.wire:FollowingVotesMessage",
    "beacon.FirstVotingMessageBody": "node.consensus.beacon.wire:FirstVotesBody",
    "beacon.FollowingVotingMessageBody": "node.consensus.beacon.wire:FollowingVotesBody",
    "weakcoin.Message": "node.consensus.beacon.wire:WeakCoinMessage",
    "weakcoin.VrfMessage": "node.consensus.beacon.wire:WeakCoinVrf",
    "proposals.VrfMessage": "node.consensus.eligibility:VotingVrf",
    "fetch.RequestMessage": "node.net.fetch.wire:RequestMessage",
    "fetch.ResponseMessage": "node.net.fetch.wire:ResponseMessage",
    "fetch.RequestBatch": "node.net.fetch.wire:RequestBatch",
    "fetch.ResponseBatch": "node.net.fetch.wire:ResponseBatch",
    "fetch.MeshHashRequest": "node.net.fetch.wire:MeshHashRequest",
    "fetch.MeshHashes": "node.net.fetch.wire:MeshHashes",
    "fetch.MaliciousIDs": "node.net.fetch.wire:MaliciousIDs",
    "fetch.EpochData": "node.net.fetch.wire:EpochAtxs",
    "fetch.LayerData": "node.net.fetch.wire:LayerBallots",
    "fetch.OpinionRequest": "node.net.fetch.wire:OpinionRequest",
    "fetch.LayerOpinion": "node.net.fetch.wire:LayerOpinion",
    "server.Response": "node.net.fetch.wire:ServerResponse",
    "core.Payload": "node.vm.wire:Payload",
    "wallet.SpawnArguments": "node.vm.wire:WalletSpawnArguments",
    "wallet.SpendArguments": "node.vm.wire:SpendArguments",
    "multisig.SpawnArguments": "node.vm.wire:MultisigSpawnArguments",
    "multisig.MultiSig": "node.vm.wire:MultisigState",
    "multisig.Part": "node.vm.wire:SignaturePart",
    "vault.SpawnArguments": "node.vm.wire:VaultSpawnArguments",
    "vault.Vault": "node.vm.wire:VaultState",
    "vesting.DrainVaultArguments": "node.vm.wire:DrainVaultArguments",
}
"""The class behind each type name of the reference."""

PLAIN_FIELDS = {"PoetNode", "NestedSpend"}
"""Our records around a single value that the reference lists bare."""

DERIVED: dict[str, Callable[[Any], Any]] = {
    "id": lambda value: value.id.hex(),
    "ref": lambda value: value.ref.hex(),
    "root": lambda value: value.root().hex(),
    "marr": lambda value: value.marriages_root().hex(),
    "signed": lambda value: value.signed_bytes().hex(),
    "meta": lambda value: value.signed_bytes().hex(),
}


@dataclass(frozen=True, slots=True)
class _Line:
    type: str
    hex: str
    value: Any
    derived: dict[str, str]


@cache
def wire_class(name: str) -> Any:
    """Return the class behind a type name of the reference."""
    module, _, attribute = TYPES[name].partition(":")
    return getattr(import_module(module), attribute)


def plain(value: Any) -> Any:
    """Return ``value`` the way the recorded lines write it."""
    if isinstance(value, MalfeasanceProof):
        code = next(c for c, kind in TYPE_CODES.items() if isinstance(value.data, kind))
        return [value.layer, [code, plain(value.data)]]
    if is_dataclass(value):
        items = [plain(getattr(value, field.name)) for field in fields(value)]
        return items[0] if type(value).__name__ in PLAIN_FIELDS else items
    if isinstance(value, bytes):
        return "x" + value.hex()
    if isinstance(value, str):
        return "s" + value
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def _derive(value: Any, key: str) -> str:
    if key == "hash":
        found = active_set_hash(value.atx_ids) if hasattr(value, "atx_ids") else value.hash
        return found.hex()
    if key == "chal":
        challenge = getattr(value, "inner", None)
        return (challenge.challenge if challenge else value).challenge_hash().hex()  # type: ignore[no-any-return]
    return DERIVED[key](value)  # type: ignore[no-any-return]


def _difference(line: _Line) -> str:
    data = bytes.fromhex(line.hex)
    try:
        value = scale.decode(wire_class(line.type), data)
    except DecodeError as error:
        return str(error)
    if scale.encode(value) != data:
        return f"encodes to {scale.encode(value).hex()}"
    shown = plain(value)
    if shown != line.value:
        return f"decodes to {shown!r}, recorded {line.value!r}"
    for key, recorded in line.derived.items():
        ours = _derive(value, key)
        if ours != recorded:
            return f"{key} is {ours}, recorded {recorded}"
    return ""


def check(folder: Path) -> Iterator[Case]:
    """Compare decoding, encoding and derived values, line by line."""
    for number, entry in enumerate(read_json_lines(next(folder.glob("codec.jsonl*"))), 1):
        line = _Line(entry["t"], entry["hex"], entry["val"], entry.get("meta") or {})
        yield compare(f"line {number}, {line.type}", _difference(line), "")


FAMILIES = (Family("codec", ("codec.jsonl*",), check),)
