"""What a demo reports in the end; the names are those of its JSON."""

from dataclasses import dataclass

from cli.demo.diary import Diary, Milestone
from cli.demo.story import kind_text
from cli.records import Identifier, Smidge
from node.client.ports import NodeApi
from node.client.records import KnownTransaction


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkReport:
    """Which network it was."""

    genesis_id: Identifier
    layer_duration_s: float
    layers_per_epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxReport:
    """An ATX."""

    id: Identifier
    publish_epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionReport:
    """A transaction that was applied."""

    id: Identifier
    kind: str
    layer: int
    status: str
    fee: Smidge


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """An account behind the last applied layer."""

    address: str
    balance: Smidge
    nonce: int
    """What its next transaction carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondsReport:
    """How long things took; None for what this folder's runs have not seen."""

    setup: float | None
    """Making the environment, as measured by ``scripts/run``."""

    post: float | None
    """From the first label to the first proof."""

    poet: float | None
    """From the registration to the proof of the round."""

    first_atx: float | None
    """From the command that made the network, as the next ones."""

    first_reward: float | None
    spent: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """A network of one, from nothing to a spent coin."""

    network: NetworkReport
    layers: int
    """Last applied one."""

    epochs: int
    """Epoch of that layer."""

    atxs: tuple[AtxReport, ...]
    beacons: dict[int, Identifier]
    """By epoch."""

    state_root: Identifier
    """Behind the last applied layer."""

    transactions: tuple[TransactionReport, ...]
    accounts: tuple[AccountReport, ...]
    seconds: SecondsReport


def make_report(
    api: NodeApi, diary: Diary, addresses: tuple[str, str], setup_s: float | None
) -> DemoReport:
    """Ask a node for everything that is reported.

    Raises:
        UnavailableError: it does not answer.
    """
    network = api.network()
    state = api.state_hash()
    return DemoReport(
        network=NetworkReport(
            genesis_id=Identifier(network.genesis_id.hex()),
            layer_duration_s=network.layer_duration_ns / 1e9,
            layers_per_epoch=network.layers_per_epoch,
        ),
        layers=state.layer,
        epochs=network.time.epoch_of(state.layer),
        atxs=tuple(
            AtxReport(id=Identifier(atx.id.hex()), publish_epoch=atx.publish_epoch)
            for atx in api.activations()
        ),
        beacons={epoch: Identifier(diary.beacons[epoch]) for epoch in sorted(diary.beacons)},
        state_root=Identifier(state.root.hex()),
        transactions=tuple(_transaction(known) for known in api.transactions(address=addresses[0])),
        accounts=tuple(
            AccountReport(
                address=account.address, balance=Smidge(account.balance), nonce=account.next_nonce
            )
            for account in api.accounts(addresses)
        ),
        seconds=SecondsReport(
            setup=setup_s,
            post=diary.seconds(Milestone.SPACE_BEGUN, Milestone.PROVED),
            poet=diary.seconds(Milestone.REGISTERED, Milestone.POET_PROVED),
            first_atx=diary.seconds(None, Milestone.ATX_PUBLISHED),
            first_reward=diary.seconds(None, Milestone.REWARDED),
            spent=diary.seconds(None, Milestone.SPENT),
        ),
    )


def _transaction(known: KnownTransaction) -> TransactionReport:
    """Return a transaction that the node lists as applied."""
    outcome = known.outcome
    return TransactionReport(
        id=Identifier(known.transaction.id.hex()),
        kind=kind_text(known),
        layer=outcome.layer if outcome is not None else 0,
        status=outcome.status.value if outcome is not None else known.state.value,
        fee=Smidge(outcome.fee if outcome is not None else 0),
    )
