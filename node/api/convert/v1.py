"""Records as messages of spacemesh.v1.

Source: go-spacemesh, api/grpcserver; api digest sections 3 and 5.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from node.api.queries import AccountFacts, KnownState
from node.base.bech32 import encode_address
from node.pb.spacemesh.v1 import (
    global_state_types_pb2,
    post_types_pb2,
    smesher_types_pb2,
    tx_types_pb2,
    types_pb2,
)
from node.smesher.identities import Identity, PostState
from node.smesher.post_process import SetupState
from node.smesher.smeshing import SetupOptions, SetupProvider, SetupStatus
from node.types.address import Address
from node.types.atx import Atx
from node.types.block import Block
from node.types.ids import AtxID, Hash32
from node.types.layer import LayerID
from node.types.reward import Reward
from node.types.transaction import RawTransaction, Transaction, TransactionHeader, TransactionResult

POST_STATES: Final = {
    PostState.IDLE: post_types_pb2.PostState.IDLE,
    PostState.PROVING: post_types_pb2.PostState.PROVING,
}

SETUP_STATES: Final = {
    SetupState.NOT_STARTED: smesher_types_pb2.PostSetupStatus.STATE_NOT_STARTED,
    SetupState.PREPARED: smesher_types_pb2.PostSetupStatus.STATE_PREPARED,
    SetupState.IN_PROGRESS: smesher_types_pb2.PostSetupStatus.STATE_IN_PROGRESS,
    SetupState.STOPPED: smesher_types_pb2.PostSetupStatus.STATE_PAUSED,
    SetupState.COMPLETE: smesher_types_pb2.PostSetupStatus.STATE_COMPLETE,
    SetupState.ERROR: smesher_types_pb2.PostSetupStatus.STATE_ERROR,
}

TRANSACTION_STATES: Final = {
    KnownState.UNSPECIFIED: tx_types_pb2.TransactionState.TRANSACTION_STATE_UNSPECIFIED,
    KnownState.MEMPOOL: tx_types_pb2.TransactionState.TRANSACTION_STATE_MEMPOOL,
    KnownState.MESH: tx_types_pb2.TransactionState.TRANSACTION_STATE_MESH,
    KnownState.PROCESSED: tx_types_pb2.TransactionState.TRANSACTION_STATE_PROCESSED,
}

RESULT_STATUSES: Final = (
    tx_types_pb2.TransactionResult.SUCCESS,
    tx_types_pb2.TransactionResult.FAILURE,
)
"""By the status of a result."""


def layer_number(layer: int) -> types_pb2.LayerNumber:
    """Return a layer."""
    return types_pb2.LayerNumber(number=layer)


def amount(smidge: int) -> types_pb2.Amount:
    """Return an amount in smidge."""
    return types_pb2.Amount(value=smidge)


def transaction_state(
    tx_id: bytes, state: "tx_types_pb2.TransactionState.TransactionState"
) -> tx_types_pb2.TransactionState:
    """Return how far a transaction is."""
    return tx_types_pb2.TransactionState(id=types_pb2.TransactionId(id=tx_id), state=state)


def known_state(tx_id: bytes, state: KnownState) -> tx_types_pb2.TransactionState:
    """Return how far a transaction is, as the store has it."""
    return transaction_state(tx_id, TRANSACTION_STATES[state])


def state_hash(root: bytes, layer: LayerID) -> global_state_types_pb2.GlobalStateHash:
    """Return the root of the state after a layer."""
    return global_state_types_pb2.GlobalStateHash(root_hash=root, layer=layer_number(layer))


def golden_activation(golden_atx: AtxID) -> types_pb2.Activation:
    """Return what stands for the highest ATX while there is none."""
    return types_pb2.Activation(id=types_pb2.ActivationId(id=golden_atx))


def post_state(identity: Identity, state: PostState) -> post_types_pb2.PostState:
    """Return what an identity's PoST worker does."""
    return post_types_pb2.PostState(
        id=identity.signer.smesher_id, state=POST_STATES[state], name=identity.name
    )


def setup_options(options: SetupOptions) -> smesher_types_pb2.PostSetupOpts:
    """Return how the space is made."""
    return smesher_types_pb2.PostSetupOpts(
        data_dir=options.data_folder,
        num_units=options.num_units,
        max_file_size=options.max_file_size,
        provider_id=options.provider,
        throttle=options.throttle,
    )


def setup_status(status: SetupStatus) -> smesher_types_pb2.PostSetupStatus:
    """Return how far the space is."""
    return smesher_types_pb2.PostSetupStatus(
        state=SETUP_STATES[status.state],
        num_labels_written=status.labels_written,
        opts=None if status.options is None else setup_options(status.options),
    )


def setup_provider(provider: SetupProvider) -> smesher_types_pb2.PostSetupProvider:
    """Return a device that can make space."""
    kinds = smesher_types_pb2.PostSetupProvider
    return smesher_types_pb2.PostSetupProvider(
        id=provider.number,
        model=provider.model,
        device_type=kinds.DEVICE_CLASS_GPU if provider.is_gpu else kinds.DEVICE_CLASS_CPU,
        performance=provider.labels_per_second,
    )


@dataclass(frozen=True, slots=True)
class ToV1:
    """Conversions that name accounts."""

    prefix: str
    """What addresses of the network begin with."""

    def account_id(self, address: Address) -> types_pb2.AccountId:
        """Return an address."""
        return types_pb2.AccountId(address=encode_address(self.prefix, address))

    def transaction(self, transaction: Transaction) -> types_pb2.Transaction:
        """Return a transaction; without a header, only its bytes are known."""
        converted = types_pb2.Transaction(id=transaction.raw.id, raw=transaction.raw.raw)
        if transaction.header is not None:
            self._add_header(converted, transaction.header)
        return converted

    def mesh_transaction(
        self, transaction: Transaction, layer: LayerID
    ) -> types_pb2.MeshTransaction:
        """Return a transaction with its layer, 0 for none."""
        return types_pb2.MeshTransaction(
            transaction=self.transaction(transaction), layer_id=layer_number(layer)
        )

    def parsed(self, raw: bytes, header: TransactionHeader) -> types_pb2.Transaction:
        """Return a transaction that was only parsed."""
        return self.transaction(Transaction(raw=RawTransaction.of(raw), header=header))

    def _add_header(self, converted: types_pb2.Transaction, header: TransactionHeader) -> None:
        converted.principal.CopyFrom(self.account_id(header.principal))
        converted.template.CopyFrom(self.account_id(header.template))
        converted.method = header.method
        converted.nonce.CopyFrom(types_pb2.Nonce(counter=header.nonce))
        limits = types_pb2.LayerLimits(min=header.layer_limits.min, max=header.layer_limits.max)
        converted.limits.CopyFrom(limits)
        converted.max_gas = header.max_gas
        converted.gas_price = header.gas_price
        converted.max_spend = header.max_spend

    def result(
        self, transaction: Transaction, result: TransactionResult
    ) -> tx_types_pb2.TransactionResult:
        """Return what applying a transaction did."""
        return tx_types_pb2.TransactionResult(
            tx=self.transaction(transaction),
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

    def reward(self, reward: Reward) -> types_pb2.Reward:
        """Return a reward that was paid."""
        return types_pb2.Reward(
            layer=layer_number(reward.layer),
            total=amount(reward.total_reward),
            layer_reward=amount(reward.layer_reward),
            coinbase=self.account_id(reward.coinbase),
            smesher=types_pb2.SmesherId(id=reward.smesher),
        )

    def account(self, facts: AccountFacts) -> global_state_types_pb2.Account:
        """Return an account now and as projected."""
        return global_state_types_pb2.Account(
            account_id=self.account_id(facts.address),
            state_current=global_state_types_pb2.AccountState(
                counter=facts.next_nonce, balance=amount(facts.balance)
            ),
            state_projected=global_state_types_pb2.AccountState(
                counter=facts.projected_nonce, balance=amount(facts.projected_balance)
            ),
        )

    def activation(self, atx: Atx) -> types_pb2.Activation:
        """Return an ATX; its "layer" is the publish epoch."""
        previous = types_pb2.ActivationId(id=atx.previous_atx)
        return types_pb2.Activation(
            id=types_pb2.ActivationId(id=atx.id),
            layer=layer_number(atx.publish_epoch),
            smesher_id=types_pb2.SmesherId(id=atx.smesher),
            coinbase=self.account_id(atx.coinbase),
            prev_atx=previous,
            num_units=atx.num_units,
            sequence=atx.sequence,
            previous_atxs=[previous],
        )

    def layer(
        self,
        layer: LayerID,
        status: "types_pb2.Layer.LayerStatus",
        *,
        block: Block | None = None,
        transactions: Iterable[Transaction] = (),
        mesh_hash: Hash32 | None = None,
        root: Hash32 | None = None,
    ) -> types_pb2.Layer:
        """Return a layer with its block, if it has one."""
        blocks = []
        if block is not None:
            held = [self.transaction(transaction) for transaction in transactions]
            blocks = [types_pb2.Block(id=block.id, transactions=held)]
        return types_pb2.Layer(
            number=layer_number(layer),
            status=status,
            hash=mesh_hash or b"",
            blocks=blocks,
            root_state_hash=root or b"",
        )
