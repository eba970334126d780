"""Records for the store: identifiers by number, and objects with one keyword changed."""

from dataclasses import replace
from typing import Any

from node.types.account import Account
from node.types.address import Address
from node.types.atx import Atx
from node.types.ballot import Ballot, EpochData, InnerBallot, Votes
from node.types.block import AnyReward, Block, InnerBlock, RationalWeight
from node.types.certificate import Certificate, CertifyContent, CertifyMessage
from node.types.ids import (
    NO_ATX,
    NO_BALLOT,
    AtxID,
    BallotID,
    Beacon,
    BlockID,
    EdSignature,
    Hash32,
    ProposalID,
    SmesherID,
    TransactionID,
    VrfSignature,
)
from node.types.layer import EpochID, LayerID
from node.types.poet import PoetMerkleProof, PoetProof, PoetProofMessage
from node.types.reward import Reward
from node.types.transaction import (
    LayerLimits,
    RawTransaction,
    Transaction,
    TransactionHeader,
    TransactionResult,
)


def atx_id(number: int) -> AtxID:
    return AtxID(number.to_bytes(32, "big"))


def smesher(number: int) -> SmesherID:
    return SmesherID(bytes([0xA0]) + number.to_bytes(31, "big"))


def address(number: int) -> Address:
    return Address(bytes(4) + number.to_bytes(20, "big"))


def block_id(number: int) -> BlockID:
    return BlockID(number.to_bytes(20, "big"))


def proposal_id(number: int) -> ProposalID:
    return ProposalID(number.to_bytes(20, "big"))


def digest(number: int) -> Hash32:
    return Hash32(number.to_bytes(32, "big"))


def atx(number: int, **changed: Any) -> Atx:
    plain = Atx(
        id=atx_id(number),
        smesher=smesher(1),
        publish_epoch=EpochID(1),
        sequence=0,
        commitment_atx=None,
        previous_atx=NO_ATX,
        coinbase=address(1),
        num_units=4,
        vrf_nonce=number,
        base_tick_height=0,
        tick_count=number,
        weight=4 * number,
        received_ns=1000 + number,
        version=1,
    )
    return replace(plain, **changed)


def ballot(layer: int, of: int = 1, number: int = 0, *, reference: bool = True) -> Ballot:
    """Return a ballot of smesher ``of``; ``number`` makes several in one layer."""
    data = EpochData(active_set_hash=digest(9), beacon=Beacon(b"beac"), eligibility_count=3)
    return Ballot(
        inner=InnerBallot(
            layer=LayerID(layer),
            atx_id=atx_id(of),
            opinion_hash=digest(number),
            ref_ballot=NO_BALLOT if reference else BallotID(b"r" * 20),
            epoch_data=data if reference else None,
        ),
        signature=EdSignature.zero(),
        smesher=smesher(of),
        votes=Votes(base=NO_BALLOT, support=(), against=(), abstain=()),
        eligibilities=(),
        active_set=(),
    )


def block(layer: int, number: int = 0) -> Block:
    weight = RationalWeight(numerator=1, denominator=2)
    return Block(
        inner=InnerBlock(
            layer=LayerID(layer),
            tick_height=number,
            rewards=(AnyReward(atx_id=atx_id(1), weight=weight),),
            tx_ids=(),
        )
    )


def certificate(layer: int, block_of: BlockID) -> Certificate:
    content = CertifyContent(
        layer=LayerID(layer),
        block_id=block_of,
        eligibility_count=1,
        proof=VrfSignature.zero(),
    )
    message = CertifyMessage(content=content, signature=EdSignature.zero(), smesher=smesher(1))
    return Certificate(block_id=block_of, signatures=(message,))


def poet(number: int, service: bytes = b"s" * 32, round_id: str = "1") -> PoetProofMessage:
    merkle = PoetMerkleProof(root=digest(number), proven_leaves=(), proof_nodes=())
    return PoetProofMessage(
        proof=PoetProof(merkle_proof=merkle, leaf_count=number),
        poet_service_id=service,
        round_id=round_id,
        statement=digest(7),
        signature=EdSignature.zero(),
    )


def header(principal: int = 1, nonce: int = 0) -> TransactionHeader:
    return TransactionHeader(
        principal=address(principal),
        template=address(100),
        method=16,
        nonce=nonce,
        layer_limits=LayerLimits(min=0, max=0),
        max_gas=100,
        gas_price=1,
        max_spend=5,
    )


def transaction(
    number: int, *, principal: int = 1, nonce: int = 0, parsed: bool = True
) -> Transaction:
    raw = RawTransaction.of(f"transaction {number}".encode())
    return Transaction(raw=raw, header=header(principal, nonce) if parsed else None)


def result(layer: int, *touched: int) -> TransactionResult:
    return TransactionResult(
        status=0,
        message="",
        gas=10,
        fee=10,
        block=block_id(layer),
        layer=LayerID(layer),
        addresses=tuple(address(number) for number in touched),
    )


def account(number: int, layer: int, balance: int = 0) -> Account:
    return Account(
        layer=LayerID(layer),
        address=address(number),
        next_nonce=0,
        balance=balance,
        template=None,
        state=b"",
    )


def reward(layer: int, of: int = 1, coinbase: int = 1, total: int = 100) -> Reward:
    return Reward(
        layer=LayerID(layer),
        total_reward=total,
        layer_reward=total // 2,
        coinbase=address(coinbase),
        smesher=smesher(of),
    )


def transaction_id(number: int) -> TransactionID:
    return transaction(number).raw.id
