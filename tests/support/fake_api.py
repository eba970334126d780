"""FakeApi: a NodeApi without a node.

A test fills its fields, hands it to the front end, and looks at what was asked of it::

    api = FakeApi()
    api.spawn(make_instance(wallet.ADDRESS, arguments), balance=5_000_000)
    ...
    assert api.submitted == [raw]
    api.apply(tx_id)

Transactions are parsed for real, against the accounts that ``spawn`` and ``fund`` made;
balances move when ``apply`` says so.  ``failing`` makes every call raise.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from node.base.bech32 import decode_address, encode_address
from node.base.errors import NotFoundError, PreconditionError, SpacemeshError, UsageError
from node.client.events import EventDetails, NodeEvent
from node.client.records import (
    AccountState,
    Activation,
    DrainVaultContents,
    KnownTransaction,
    LayerRecord,
    LayerStatus,
    MultisigSpawnContents,
    NetworkInfo,
    NodeStatus,
    NodeVersion,
    OutcomeStatus,
    ParsedTransaction,
    PostConfig,
    PostWorker,
    Reward,
    SendContents,
    SetupOptions,
    SetupProvider,
    SetupState,
    SetupStatus,
    SmeshingStatus,
    StateHash,
    TransactionContents,
    TransactionOutcome,
    TransactionState,
    VaultSpawnContents,
    WalletSpawnContents,
)
from node.types.address import Address
from node.types.ids import AtxID, BlockID, GenesisID, Hash32, SmesherID, TransactionID
from node.types.layer import MAX_LAYER, EpochID, LayerID
from node.types.transaction import RawTransaction
from node.vm.errors import NotSpawnedError, TransactionError
from node.vm.genesis import principal_address
from node.vm.parsing import is_signed, parse
from node.vm.sdk import read_contents
from node.vm.templates.base import Instance, Spawn, call_arguments
from node.vm.wire import (
    DrainVaultArguments,
    MultisigSpawnArguments,
    SpendArguments,
    VaultSpawnArguments,
    WalletSpawnArguments,
)

NS = 1_000_000_000


def make_network(**changes: Any) -> NetworkInfo:
    """Return a network with layers of ten seconds and epochs of ten layers."""
    network = NetworkInfo(
        genesis_id=GenesisID(bytes(range(20))),
        genesis_ns=1_700_000_000 * NS,
        layer_duration_ns=10 * NS,
        layers_per_epoch=10,
        effective_genesis=LayerID(19),
        labels_per_unit=1 << 10,
        address_prefix="standalone",
    )
    return replace(network, **changes)


def make_status(**changes: Any) -> NodeStatus:
    """Return the status of a synced node in layer 25."""
    status = NodeStatus(
        synced=True,
        peers=3,
        current_layer=LayerID(25),
        latest_layer=LayerID(25),
        applied_layer=LayerID(24),
        processed_layer=LayerID(24),
    )
    return replace(status, **changes)


def make_smeshing(**changes: Any) -> SmeshingStatus:
    """Return what a supervised smesher with complete space does."""
    options = SetupOptions(data_folder="/post", num_units=4, max_file_size=1 << 20)
    status = SmeshingStatus(
        is_supervised=True,
        is_smeshing=True,
        smeshers=(SmesherID(b"\x07" * 32),),
        coinbase=None,
        setup=SetupStatus(state=SetupState.COMPLETE, labels_written=4096, options=options),
    )
    return replace(status, **changes)


def make_version() -> NodeVersion:
    """Return what a node runs."""
    return NodeVersion(version="v1.7.0", build="fake")


def make_post_config() -> PostConfig:
    """Return small space."""
    return PostConfig(
        bits_per_label=128, labels_per_unit=1 << 10, min_units=2, max_units=4, k1=26, k2=37
    )


@dataclass(slots=True, kw_only=True)
class FakeApi:
    """A NodeApi over what a test put in."""

    endpoint: str = "127.0.0.1:9092"
    network_info: NetworkInfo = field(default_factory=make_network)
    node_status: NodeStatus = field(default_factory=make_status)
    node_version: NodeVersion = field(default_factory=make_version)
    smeshing_status: SmeshingStatus = field(default_factory=make_smeshing)
    post: PostConfig = field(default_factory=make_post_config)
    convictions: dict[SmesherID, str] = field(default_factory=dict)
    providers: tuple[SetupProvider, ...] = ()
    workers: tuple[PostWorker, ...] = ()
    node_events: list[NodeEvent] = field(default_factory=list)
    """What ``events`` yields before it ends."""

    known_accounts: dict[str, AccountState] = field(default_factory=dict)
    owners: dict[str, Instance] = field(default_factory=dict)
    """What accounts were spawned as."""

    known_transactions: dict[TransactionID, KnownTransaction] = field(default_factory=dict)
    known_rewards: list[Reward] = field(default_factory=list)
    known_layers: list[LayerRecord] = field(default_factory=list)
    known_activations: list[Activation] = field(default_factory=list)
    root: Hash32 = field(default_factory=lambda: Hash32(b"\x05" * 32))

    submitted: list[bytes] = field(default_factory=list)
    """Raw transactions, in order."""

    on_wait: Callable[["FakeApi"], object] | None = None
    """Called by ``follow_transaction`` where a real one would wait; lets a test ``apply``."""

    failing: SpacemeshError | None = None
    """What every call raises."""

    closed: bool = False
    calls: list[str] = field(default_factory=list)
    """Names of the methods that were called, in order."""

    # --- what tests do ---

    def address(self, address: Address) -> str:
        """Return the text of an address on this network."""
        return encode_address(self.network_info.address_prefix, address)

    def fund(self, address: str, balance: int, **changes: Any) -> AccountState:
        """Give an account a balance; ``changes`` set other fields."""
        account = self.account_or_empty(address)
        account = replace(account, balance=balance, projected_balance=balance)
        account = replace(account, **changes)
        self.known_accounts[address] = account
        return account

    def spawn(self, owner: Instance, *, balance: int = 0, next_nonce: int = 1) -> str:
        """Let an account be spawned; return its address."""
        address = self.address(principal_address(owner.template, owner.arguments))
        self.owners[address] = owner
        self.fund(
            address,
            balance,
            next_nonce=next_nonce,
            projected_nonce=next_nonce,
            template=self.address(owner.template),
        )
        return address

    def happen(self, details: EventDetails, text: str = "", *, is_failure: bool = False) -> None:
        """Add an event."""
        time_ns = self.network_info.genesis_ns + len(self.node_events) * NS
        event = NodeEvent(time_ns=time_ns, is_failure=is_failure, text=text, details=details)
        self.node_events.append(event)

    def apply(
        self,
        tx_id: TransactionID,
        *,
        status: OutcomeStatus = OutcomeStatus.SUCCESS,
        message: str = "",
        layer: int = 24,
    ) -> KnownTransaction:
        """Let a submitted transaction be applied: fees and coins move, accounts get spawned."""
        when = LayerID(layer)
        parsed = self.known_transactions[tx_id].transaction
        touched = [parsed.principal]
        payer = self.account_or_empty(parsed.principal)
        left = payer.balance - parsed.max_fee
        if status is OutcomeStatus.SUCCESS:
            match parsed.contents:
                case SendContents(destination=destination, amount=amount):
                    left -= amount
                    touched.append(destination)
                    receiver = self.account_or_empty(destination)
                    if destination != parsed.principal:
                        self.fund(destination, receiver.balance + amount, layer=when)
                case WalletSpawnContents() | MultisigSpawnContents() | VaultSpawnContents():
                    call = read_contents(parsed.raw).call
                    assert isinstance(call, Spawn)
                    opened = self.account_or_empty(self.address(call.address))
                    self.spawn(call.target, balance=opened.balance, next_nonce=opened.next_nonce)
                case _:
                    pass
        nonce = max(payer.next_nonce, parsed.nonce + 1)
        template = self.account_or_empty(parsed.principal).template
        self.fund(
            parsed.principal,
            left,
            next_nonce=nonce,
            projected_nonce=nonce,
            template=template,
            layer=when,
        )
        outcome = TransactionOutcome(
            status=status,
            message=message,
            gas=parsed.max_gas,
            fee=parsed.max_fee,
            block=BlockID(b"\x0b" * 20),
            layer=when,
            touched=tuple(touched),
        )
        known = KnownTransaction(
            transaction=parsed, state=TransactionState.PROCESSED, outcome=outcome
        )
        self.known_transactions[tx_id] = known
        return known

    def account_or_empty(self, address: str) -> AccountState:
        """Return an account without counting the call."""
        decode_address(address, self.network_info.address_prefix)
        empty = AccountState(
            address=address,
            next_nonce=0,
            balance=0,
            projected_nonce=0,
            projected_balance=0,
            template=None,
            layer=LayerID(0),
        )
        return self.known_accounts.get(address, empty)

    # --- NodeApi ---

    def close(self) -> None:
        self.closed = True

    def status(self) -> NodeStatus:
        self._called("status")
        return self.node_status

    def version(self) -> NodeVersion:
        self._called("version")
        return self.node_version

    def network(self) -> NetworkInfo:
        self._called("network")
        return self.network_info

    def events(self) -> Iterator[NodeEvent]:
        self._called("events")
        return iter(tuple(self.node_events))

    def account(self, address: str) -> AccountState:
        self._called("account")
        return self.account_or_empty(address)

    def accounts(self, addresses: Sequence[str]) -> tuple[AccountState, ...]:
        self._called("accounts")
        return tuple(self.account_or_empty(address) for address in addresses)

    def state_hash(self) -> StateHash:
        self._called("state_hash")
        return StateHash(layer=self.node_status.applied_layer, root=self.root)

    def rewards(
        self,
        *,
        coinbase: str | None = None,
        smesher: SmesherID | None = None,
        first: LayerID | None = None,
        last: LayerID | None = None,
        newest_first: bool = False,
    ) -> Iterator[Reward]:
        self._called("rewards")
        found = [
            reward
            for reward in self.known_rewards
            if coinbase in {None, reward.coinbase}
            and smesher in {None, reward.smesher}
            and _within(reward.layer, first, last)
        ]
        return iter(sorted(found, key=lambda one: one.layer, reverse=newest_first))

    def submit(self, raw: bytes) -> TransactionID:
        self._called("submit")
        if not self.node_status.synced:
            raise PreconditionError(
                "Cannot submit transaction, node is not in sync yet, try again later"
            )
        try:
            parsed = self._parse(raw, verify=True)
        except NotFoundError as error:
            raise PreconditionError(
                "Failed to verify transaction: (err: account is not spawned)",
                code="smesh.precondition.spawn",
            ) from error
        account = self.account_or_empty(parsed.principal)
        if parsed.nonce < account.next_nonce:
            raise PreconditionError(
                "Failed to verify transaction: bad nonce", code="smesh.precondition.nonce"
            )
        spending = parsed.max_fee + parsed.max_spend
        if spending > account.projected_balance:
            raise PreconditionError(
                "Failed to verify transaction: insufficient balance",
                code="smesh.precondition.balance",
            )
        if parsed.id in self.known_transactions:
            raise PreconditionError(
                "Failed to verify transaction: tx already exists", code="smesh.precondition.known"
            )
        self.submitted.append(raw)
        self.known_transactions[parsed.id] = KnownTransaction(
            transaction=parsed, state=TransactionState.MEMPOOL, outcome=None
        )
        self.known_accounts[parsed.principal] = replace(
            account,
            projected_nonce=parsed.nonce + 1,
            projected_balance=account.projected_balance - spending,
        )
        return parsed.id

    def parse(self, raw: bytes, *, verify: bool = False) -> ParsedTransaction:
        self._called("parse")
        return self._parse(raw, verify=verify)

    def estimate_gas(self, raw: bytes) -> int:
        self._called("estimate_gas")
        return self._parse(raw, verify=False).max_gas

    def transaction(self, tx_id: TransactionID) -> KnownTransaction | None:
        self._called("transaction")
        return self.known_transactions.get(tx_id)

    def transactions(
        self,
        *,
        address: str | None = None,
        ids: Sequence[TransactionID] = (),
        first: LayerID | None = None,
        last: LayerID | None = None,
        newest_first: bool = False,
    ) -> Iterator[KnownTransaction]:
        self._called("transactions")
        found = [
            (-1 if known.outcome is None else known.outcome.layer, tx_id, known)
            for tx_id, known in self.known_transactions.items()
            if (tx_id in ids or (not ids and known.outcome is not None))
            and (known.outcome is None or _within(known.outcome.layer, first, last))
            and (address is None or (known.outcome and address in known.outcome.touched))
        ]
        found.sort(key=lambda one: (-one[0] if newest_first else one[0], one[1]))
        return iter([known for _, _, known in found])

    def follow_transaction(
        self, tx_id: TransactionID, *, interval_s: float = 1.0
    ) -> Iterator[KnownTransaction]:
        self._called("follow_transaction")
        shown: TransactionState | None = None
        while shown is not TransactionState.PROCESSED:
            known = self.known_transactions.get(tx_id)
            if known is None:
                raise NotFoundError("transaction", tx_id)
            if known.state is not shown:
                yield known
            elif self.on_wait is None:
                raise AssertionError("the test would wait for ever: set on_wait")
            else:
                self.on_wait(self)
            shown = known.state

    def layers(
        self,
        *,
        first: LayerID | None = None,
        last: LayerID | None = None,
        newest_first: bool = False,
    ) -> Iterator[LayerRecord]:
        self._called("layers")
        found = [layer for layer in self.known_layers if _within(layer.number, first, last)]
        return iter(sorted(found, key=lambda one: one.number, reverse=newest_first))

    def layer(self, number: LayerID) -> LayerRecord | None:
        self._called("layer")
        return next((one for one in self.known_layers if one.number == number), None)

    def activations(
        self,
        *,
        first_epoch: EpochID | None = None,
        last_epoch: EpochID | None = None,
        smeshers: Sequence[SmesherID] = (),
        ids: Sequence[AtxID] = (),
        coinbase: str | None = None,
    ) -> Iterator[Activation]:
        self._called("activations")
        found = [
            atx
            for atx in self.known_activations
            if _within(atx.publish_epoch, first_epoch, last_epoch)
            and (not smeshers or atx.smesher in smeshers)
            and (not ids or atx.id in ids)
            and coinbase in {None, atx.coinbase}
        ]
        return iter(sorted(found, key=lambda one: (one.publish_epoch, one.id)))

    def activations_count(self, publish_epoch: EpochID | None = None) -> int:
        self._called("activations_count")
        return sum(publish_epoch in {None, atx.publish_epoch} for atx in self.known_activations)

    def highest_activation(self) -> Activation | None:
        self._called("highest_activation")
        return max(self.known_activations, key=lambda one: one.height, default=None)

    def conviction(self, smesher: SmesherID) -> str | None:
        self._called("conviction")
        return self.convictions.get(smesher)

    def smeshing(self) -> SmeshingStatus:
        self._called("smeshing")
        return self.smeshing_status

    def start_smeshing(self, coinbase: str, options: SetupOptions) -> None:
        self._called("start_smeshing")
        if not self.smeshing_status.is_supervised:
            raise PreconditionError("node is not configured for supervised smeshing")
        if self.smeshing_status.is_smeshing:
            raise PreconditionError("failed to start post supervisor: post service already started")
        setup = SetupStatus(state=SetupState.IN_PROGRESS, labels_written=0, options=options)
        self.smeshing_status = replace(
            self.smeshing_status, is_smeshing=True, coinbase=coinbase, setup=setup
        )

    def stop_smeshing(self, *, delete_files: bool = False) -> None:
        self._called("stop_smeshing")
        setup = self.smeshing_status.setup
        if delete_files:
            setup = SetupStatus(state=SetupState.NOT_STARTED, labels_written=0, options=None)
        self.smeshing_status = replace(self.smeshing_status, is_smeshing=False, setup=setup)

    def set_coinbase(self, coinbase: str) -> None:
        self._called("set_coinbase")
        decode_address(coinbase, self.network_info.address_prefix)
        self.smeshing_status = replace(self.smeshing_status, coinbase=coinbase)

    def post_config(self) -> PostConfig:
        self._called("post_config")
        return self.post

    def setup_providers(self, *, benchmark: bool = False) -> tuple[SetupProvider, ...]:
        self._called("setup_providers")
        speed = 1_000_000 if benchmark else 0
        return tuple(replace(one, labels_per_second=speed) for one in self.providers)

    def post_workers(self) -> tuple[PostWorker, ...]:
        self._called("post_workers")
        return self.workers

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.failing is not None:
            raise self.failing

    def _parse(self, raw: bytes, *, verify: bool) -> ParsedTransaction:
        try:
            parsed = parse(raw, lambda address: self.owners.get(self.address(address)))
        except NotSpawnedError as error:
            raise NotFoundError("account", self.address(read_contents(raw).principal)) from error
        except TransactionError as error:
            raise UsageError(str(error)) from error
        if verify and not is_signed(parsed, self.network_info.genesis_id):
            raise UsageError("signature is invalid")
        header = parsed.header
        return ParsedTransaction(
            id=RawTransaction.of(raw).id,
            raw=raw,
            principal=self.address(header.principal),
            template=self.address(header.template),
            method=header.method,
            nonce=header.nonce,
            max_gas=header.max_gas,
            gas_price=header.gas_price,
            max_spend=header.max_spend,
            kind=read_contents(raw).kind,
            contents=self._contents(raw),
        )

    def _contents(self, raw: bytes) -> TransactionContents:
        match call_arguments(read_contents(raw).call):
            case WalletSpawnArguments(public_key=key):
                return WalletSpawnContents(public_key=key.hex())
            case MultisigSpawnArguments(required=required, public_keys=keys):
                texts = tuple(key.hex() for key in keys)
                return MultisigSpawnContents(required=required, public_keys=texts)
            case VaultSpawnArguments() as terms:
                return VaultSpawnContents(
                    owner=self.address(terms.owner),
                    total_amount=terms.total_amount,
                    initial_unlock_amount=terms.initial_unlock_amount,
                    vesting_start=LayerID(terms.vesting_start),
                    vesting_end=LayerID(terms.vesting_end),
                )
            case SpendArguments(destination=destination, amount=amount):
                return SendContents(destination=self.address(destination), amount=amount)
            case DrainVaultArguments(vault=source, spend=spend):
                return DrainVaultContents(
                    vault=self.address(source),
                    destination=self.address(spend.destination),
                    amount=spend.amount,
                )


def make_layer(number: int, **changes: Any) -> LayerRecord:
    """Return a verified layer with a block."""
    layer = LayerRecord(
        number=LayerID(number),
        status=LayerStatus.VERIFIED,
        state_hash=Hash32(number.to_bytes(32, "big")),
        mesh_hash=Hash32((number + (1 << 32)).to_bytes(32, "big")),
        block=BlockID(number.to_bytes(20, "big")),
    )
    return replace(layer, **changes)


def _within(value: int, first: int | None, last: int | None) -> bool:
    return (first or 0) <= value <= (MAX_LAYER if last is None else last)
