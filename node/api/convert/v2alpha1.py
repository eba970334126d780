"""Records as messages of spacemesh.v2alpha1.

Source: go-spacemesh, api/grpcserver/v2alpha1; api digest sections 3b and 5.
"""

from dataclasses import dataclass
from typing import Final

from node.api.convert.contents import transaction_contents
from node.api.queries import AccountFacts, KnownState
from node.base.bech32 import encode_address
from node.pb.spacemesh.v2alpha1 import (
    account_pb2,
    activation_pb2,
    block_pb2,
    layer_pb2,
    reward_pb2,
    tx_pb2,
)
from node.store.layers import LayerFacts
from node.types.atx import Atx
from node.types.ids import NO_BLOCK
from node.types.reward import Reward
from node.types.transaction import Transaction, TransactionHeader, TransactionResult

CONSENSUS_HASH_BYTES: Final = 5
"""Leading bytes of a mesh hash that a layer shows."""

TRANSACTION_STATES: Final = {
    KnownState.UNSPECIFIED: tx_pb2.TRANSACTION_STATE_UNSPECIFIED,
    KnownState.MEMPOOL: tx_pb2.TRANSACTION_STATE_MEMPOOL,
    KnownState.MESH: tx_pb2.TRANSACTION_STATE_MESH,
    KnownState.PROCESSED: tx_pb2.TRANSACTION_STATE_PROCESSED,
}

RESULT_STATUSES: Final = (
    tx_pb2.TransactionResult.TRANSACTION_STATUS_SUCCESS,
    tx_pb2.TransactionResult.TRANSACTION_STATUS_FAILURE,
)
"""By the status of a result."""


def layer(facts: LayerFacts, *, has_block: bool) -> layer_pb2.Layer:
    """Return a layer; ``has_block`` tells whether any block of it is stored."""
    applied = facts.applied_block
    status = layer_pb2.Layer.LAYER_STATUS_UNSPECIFIED
    if facts.is_processed:
        status = layer_pb2.Layer.LAYER_STATUS_VERIFIED
    elif applied is not None and applied != NO_BLOCK:
        status = layer_pb2.Layer.LAYER_STATUS_APPLIED
    mesh_hash = facts.mesh_hash if facts.mesh_hash is not None and any(facts.mesh_hash) else b""
    return layer_pb2.Layer(
        number=facts.layer,
        status=status,
        consensus_hash=mesh_hash[:CONSENSUS_HASH_BYTES].hex(),
        state_hash=facts.state_hash or b"",
        cumulative_state_hash=mesh_hash,
        block=block_pb2.Block(id=applied) if has_block and applied is not None else None,
    )


@dataclass(frozen=True, slots=True)
class ToV2:
    """Conversions that name accounts."""

    prefix: str
    """What addresses of the network begin with."""

    def account(self, facts: AccountFacts) -> account_pb2.Account:
        """Return an account now and as projected."""
        template = facts.template
        return account_pb2.Account(
            address=encode_address(self.prefix, facts.address),
            current=account_pb2.AccountState(
                counter=facts.next_nonce, balance=facts.balance, layer=facts.layer
            ),
            projected=account_pb2.AccountState(
                counter=facts.projected_nonce, balance=facts.projected_balance
            ),
            template="" if template is None else encode_address(self.prefix, template),
        )

    def activation(self, atx: Atx) -> activation_pb2.Activation:
        """Return an ATX."""
        return activation_pb2.Activation(
            id=atx.id,
            smesher_id=atx.smesher,
            publish_epoch=atx.publish_epoch,
            coinbase=encode_address(self.prefix, atx.coinbase),
            weight=atx.weight,
            height=atx.tick_height,
            num_units=atx.num_units,
        )

    def reward(self, reward: Reward) -> reward_pb2.Reward:
        """Return a reward that was paid."""
        return reward_pb2.Reward(
            layer=reward.layer,
            total=reward.total_reward,
            layer_reward=reward.layer_reward,
            coinbase=encode_address(self.prefix, reward.coinbase),
            smesher=reward.smesher,
        )

    def transaction(self, transaction: Transaction) -> tx_pb2.Transaction:
        """Return a stored transaction."""
        converted = self.parsed(transaction.raw.raw, transaction.header)
        converted.id = transaction.raw.id
        return converted

    def parsed(self, raw: bytes, header: TransactionHeader | None) -> tx_pb2.Transaction:
        """Return a transaction without its identifier."""
        converted = tx_pb2.Transaction(raw=raw)
        if header is not None:
            converted.principal = encode_address(self.prefix, header.principal)
            converted.template = encode_address(self.prefix, header.template)
            converted.method = header.method
            converted.nonce.CopyFrom(tx_pb2.Nonce(counter=header.nonce))
            converted.max_gas = header.max_gas
            converted.gas_price = header.gas_price
            converted.max_spend = header.max_spend
        known = transaction_contents(raw, self.prefix)
        if known is not None:
            converted.type, contents = known
            converted.contents.CopyFrom(contents)
        return converted

    def result(self, result: TransactionResult) -> tx_pb2.TransactionResult:
        """Return what applying a transaction did."""
        return tx_pb2.TransactionResult(
            status=RESULT_STATUSES[result.status],
            message=result.message,
            gas_consumed=result.gas,
            fee=result.fee,
            block=result.block,
            layer=result.layer,
            touched_addresses=[
                encode_address(self.prefix, touched) for touched in result.addresses
            ],
        )
