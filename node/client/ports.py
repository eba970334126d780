"""NodeApi: what front ends may ask a node.

``node.client.grpc.open_node_api`` returns one; tests have a ``FakeApi``.  Calls block for at
most the time limit of the API; iterators read from the node as they are consumed.  One
``NodeApi`` may be used by several threads: a thread can follow the events while another asks.
``close`` ends iterators that wait in other threads.

Every call raises:

    UnavailableError    the node does not answer, or not in time
    PreconditionError   the node cannot do that now: not synced, not configured for it
    UsageError          the node says that an argument cannot be meant
    NotFoundError       there is no such object, where a method says so
    SpacemeshError      the node failed
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from node.client.events import NodeEvent
from node.client.records import (
    AccountState,
    Activation,
    KnownTransaction,
    LayerRecord,
    NetworkInfo,
    NodeStatus,
    NodeVersion,
    ParsedTransaction,
    PostConfig,
    PostWorker,
    Reward,
    SetupOptions,
    SetupProvider,
    SmeshingStatus,
    StateHash,
)
from node.types.ids import AtxID, SmesherID, TransactionID
from node.types.layer import EpochID, LayerID


class NodeApi(Protocol):
    """A connection to a node."""

    @property
    def endpoint(self) -> str:
        """Address of the public API that answers."""

    def close(self) -> None:
        """End the connection; iterators end, later calls fail."""

    # --- node and network ---

    def status(self) -> NodeStatus:
        """Return how far the node is."""

    def version(self) -> NodeVersion:
        """Return what the node runs."""

    def network(self) -> NetworkInfo:
        """Return which network it is."""

    def events(self) -> Iterator[NodeEvent]:
        """Yield the last hundred events, oldest first, then each as it happens.

        Needs the private API.  Ends when the connection is closed.
        """

    # --- state ---

    def account(self, address: str) -> AccountState:
        """Return an account; one that is not known is all zeros."""

    def accounts(self, addresses: Sequence[str]) -> tuple[AccountState, ...]:
        """Return accounts in the order of their addresses."""

    def state_hash(self) -> StateHash:
        """Return the root of the present state; ``layers`` has those of others."""

    def rewards(
        self,
        *,
        coinbase: str | None = None,
        smesher: SmesherID | None = None,
        first: LayerID | None = None,
        last: LayerID | None = None,
        newest_first: bool = False,
    ) -> Iterator[Reward]:
        """Yield rewards by layer, of an address or of a smesher, or of everyone.

        Args:
            coinbase: who was paid; not together with ``smesher``.
            smesher: who made the proposals.
            first: lowest layer.
            last: highest layer, inclusive.
            newest_first: turn the order round.
        """

    # --- transactions ---

    def submit(self, raw: bytes) -> TransactionID:
        """Publish a signed transaction.

        Raises:
            UsageError: it is malformed, or not signed for this network.
            PreconditionError: the node is not synced, knows it already, or the account has
                another nonce, too little, or no template (codes end in ``.nonce``,
                ``.balance``, ``.known``, ``.spawn``).
        """

    def parse(self, raw: bytes, *, verify: bool = False) -> ParsedTransaction:
        """Return what a transaction says; the principal has to be spawned, or spawned by it.

        Args:
            raw: the transaction; it may lack its signatures unless ``verify``.
            verify: check the signature too.

        Raises:
            UsageError: it is malformed, or the signature is wrong.
            NotFoundError: the principal is not spawned.
        """

    def estimate_gas(self, raw: bytes) -> int:
        """Return the gas that a transaction may use at most.

        Bytes cost gas, signatures too: without them, append as many zeros.

        Raises:
            UsageError: it is malformed.
            NotFoundError: the principal is not spawned.
        """

    def transaction(self, tx_id: TransactionID) -> KnownTransaction | None:
        """Return a transaction with its state and outcome, None if the node has none such."""

    def transactions(
        self,
        *,
        address: str | None = None,
        ids: Sequence[TransactionID] = (),
        first: LayerID | None = None,
        last: LayerID | None = None,
        newest_first: bool = False,
    ) -> Iterator[KnownTransaction]:
        """Yield applied transactions by layer; of ``ids`` also those that are pending.

        Args:
            address: only those that touched it.
            ids: only these.
            first: lowest layer.
            last: highest layer, inclusive.
            newest_first: turn the order round.
        """

    def follow_transaction(
        self, tx_id: TransactionID, *, interval_s: float = 1.0
    ) -> Iterator[KnownTransaction]:
        """Yield a transaction now and whenever its state changes, until it is applied.

        Waits without limit; ``--timeout`` of a command ends it.

        Raises:
            NotFoundError: the node does not know it, or not any more.
        """

    # --- mesh ---

    def layers(
        self,
        *,
        first: LayerID | None = None,
        last: LayerID | None = None,
        newest_first: bool = False,
    ) -> Iterator[LayerRecord]:
        """Yield layers in order; the newest may be unfinished."""

    def layer(self, number: LayerID) -> LayerRecord | None:
        """Return a layer, None if the node has nothing of it."""

    def activations(
        self,
        *,
        first_epoch: EpochID | None = None,
        last_epoch: EpochID | None = None,
        smeshers: Sequence[SmesherID] = (),
        ids: Sequence[AtxID] = (),
        coinbase: str | None = None,
    ) -> Iterator[Activation]:
        """Yield ATXs by publish epoch and identifier; both epochs are inclusive."""

    def activations_count(self, publish_epoch: EpochID | None = None) -> int:
        """Return how many ATXs there are, in an epoch or at all."""

    def highest_activation(self) -> Activation | None:
        """Return the ATX with the most ticks; None while there is none."""

    def conviction(self, smesher: SmesherID) -> str | None:
        """Return what is proven against an identity, in lines; None if nothing is."""

    # --- smeshing; all of it needs the private API ---

    def smeshing(self) -> SmeshingStatus:
        """Return what the node does as a smesher."""

    def start_smeshing(self, coinbase: str, options: SetupOptions) -> None:
        """Let the supervised identity make its space and smesh.

        Raises:
            PreconditionError: the node has no supervised identity, or smeshes already.
        """

    def stop_smeshing(self, *, delete_files: bool = False) -> None:
        """Let the supervised identity stop; ``delete_files`` removes its space as well."""

    def set_coinbase(self, coinbase: str) -> None:
        """Let rewards of future ATXs go to an address."""

    def post_config(self) -> PostConfig:
        """Return what space has to look like."""

    def setup_providers(self, *, benchmark: bool = False) -> tuple[SetupProvider, ...]:
        """Return the devices that can make space; ``benchmark`` measures them, for seconds each."""

    def post_workers(self) -> tuple[PostWorker, ...]:
        """Return the identities with a PoST worker; needs the address of the PoST API."""
