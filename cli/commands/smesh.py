"""``smcli smesh``: what a node does as a smesher, and where its rewards go."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias

import typer

from cli.command import command, make_group
from cli.context import Context
from cli.node_api import NodeConnection, connect
from cli.options import WalletFile, parse_bytes
from cli.records import Identifier, Result, Smidge, Table
from cli.transactions import find_destination
from cli.wallets import unlock
from node.base.bech32 import decode_address
from node.base.errors import NotFoundError, PreconditionError
from node.client.records import Activation, PostWorker, SmeshingStatus
from node.config.durations import format_instant
from node.types.ids import SmesherID
from node.types.layer import EpochID
from node.vm.templates import vault

app = make_group("What a node does as a smesher, and where its rewards go.")
coinbase = make_group("Where rewards go.")
app.add_typer(coinbase, name="coinbase")

Identity: TypeAlias = Annotated[
    str, typer.Option("--identity", metavar="ID", help="Only this identity.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRecord:
    """An identity of the node."""

    id: Identifier
    name: str
    """Of its key file; empty where no PoST worker is connected for it."""

    worker: str
    """What its PoST worker does; empty where it has none."""

    eligible: bool
    """It has an ATX for the present epoch."""

    units: int | None
    """Space units of its newest ATX."""

    publish_epoch: int | None
    """Epoch in which that ATX was published."""

    next_event: str
    next_time: str
    last_reward: Smidge | None
    last_reward_layer: int | None
    convicted: str | None
    """What is proven against it; None if nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmeshingRecord:
    """What a node does as a smesher."""

    smeshing: bool
    """The node's own supervised identity builds ATXs."""

    supervised: bool
    coinbase: str | None
    space: str
    """State of the supervised identity's space."""

    labels_written: int
    labels: int | None
    """Labels of the whole space; None before it is set up."""

    epoch: int
    epoch_ends: str
    identities: tuple[IdentityRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coinbase:
    """Where rewards of future ATXs go."""

    coinbase: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinbaseChange:
    """Another address for rewards."""

    coinbase: str
    previous: str | None
    from_epoch: int
    """Epoch from which it counts: ATXs that are published already keep the old one."""

    from_time: str


@command(app, lists=True)
def status(context: Context, *, identity: Identity = "") -> Result:
    """Show what the node's identities do, and what comes next."""
    with connect(context) as connection:
        smeshing = connection.api.smeshing()
        smeshers = list(smeshing.smeshers)
        if identity:
            wanted = SmesherID(parse_bytes(identity, SmesherID.SIZE, "identity"))
            if wanted not in smeshers:
                raise NotFoundError("identity", wanted, hint="the node has others, or none")
            smeshers = [wanted]
        workers = {worker.smesher: worker for worker in _workers(connection)}
        newest = _newest_activations(connection, smeshers)
        rows = tuple(
            _identity(connection, one, newest.get(one, []), workers.get(one)) for one in smeshers
        )
        record = _record(connection, smeshing, rows)
    columns = {
        "id": "identity",
        "name": "name",
        "worker": "worker",
        "eligible": "eligible",
        "units": "units",
        "next_event": "next",
        "next_time": "at",
        "last_reward": "last reward",
        "last_reward_layer": "layer",
    }
    table = Table(rows=rows, columns=columns, key="identities", notes=_notes(record))
    return Result(data=record, human=table)


@command(coinbase)
def get(context: Context) -> Coinbase:
    """Show the address that rewards of future ATXs go to."""
    with connect(context) as connection:
        return Coinbase(coinbase=connection.api.smeshing().coinbase)


@command(coinbase, changes=True, unlocks=True)
def set_(
    context: Context,
    *,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Address, or @name of an account.")
    ],
    wallet: WalletFile = None,
) -> CoinbaseChange:
    """Let rewards of future ATXs go to another address."""
    with connect(context) as connection:
        prefix = connection.network.prefix
        opened = unlock(context, wallet)[0] if address.startswith("@") else None
        chosen = connection.network.address_text(find_destination(address, prefix, opened))
        smeshing = connection.api.smeshing()
        _warn_of_vault(context, connection, chosen)
        epoch = _first_epoch(connection, smeshing)
        previous = smeshing.coinbase
        if not context.options.dry_run and chosen != previous:
            context.prompts.confirm(
                f"Let rewards go to {chosen} instead of {previous or 'nobody'}, "
                f"from epoch {epoch} on?"
            )
            connection.api.set_coinbase(chosen)
        return CoinbaseChange(
            coinbase=chosen,
            previous=previous,
            from_epoch=epoch,
            from_time=format_instant(connection.info.time.epoch_start(epoch)),
        )


def _current_epoch(connection: NodeConnection) -> EpochID:
    return connection.info.time.epoch_of(connection.status.current_layer)


def _workers(connection: NodeConnection) -> tuple[PostWorker, ...]:
    """Return the PoST workers; none where that part of the API is not reached."""
    try:
        return connection.api.post_workers()
    except PreconditionError:
        return ()


def _newest_activations(
    connection: NodeConnection, smeshers: list[SmesherID]
) -> dict[SmesherID, list[Activation]]:
    """Return the ATXs of identities that matter now, oldest first."""
    found: dict[SmesherID, list[Activation]] = {}
    if not smeshers:
        return found
    first = EpochID(max(0, _current_epoch(connection) - 1))
    for atx in connection.api.activations(first_epoch=first, smeshers=smeshers):
        found.setdefault(atx.smesher, []).append(atx)
    return found


def _identity(
    connection: NodeConnection,
    smesher: SmesherID,
    activations: list[Activation],
    worker: PostWorker | None,
) -> IdentityRecord:
    epoch = _current_epoch(connection)
    following = EpochID(epoch + 1)
    targets = [atx.target_epoch for atx in activations]
    newest = activations[-1] if activations else None
    convicted = connection.api.conviction(smesher)
    if convicted is not None:
        event = "nothing: it is convicted of misbehaviour"
    elif following in targets:
        event = f"eligible in epoch {following}"
    else:
        event = f"ATX is due before epoch {following}"
    reward = next(connection.api.rewards(smesher=smesher, newest_first=True), None)
    return IdentityRecord(
        id=Identifier(smesher.hex()),
        name=worker.name if worker is not None else "",
        worker=worker.state.value if worker is not None else "",
        eligible=epoch in targets,
        units=newest.num_units if newest is not None else None,
        publish_epoch=newest.publish_epoch if newest is not None else None,
        next_event=event,
        next_time=format_instant(connection.info.time.epoch_start(following)),
        last_reward=Smidge(reward.total) if reward is not None else None,
        last_reward_layer=reward.layer if reward is not None else None,
        convicted=convicted,
    )


def _record(
    connection: NodeConnection, smeshing: SmeshingStatus, rows: tuple[IdentityRecord, ...]
) -> SmeshingRecord:
    epoch = _current_epoch(connection)
    options = smeshing.setup.options
    return SmeshingRecord(
        smeshing=smeshing.is_smeshing,
        supervised=smeshing.is_supervised,
        coinbase=smeshing.coinbase,
        space=smeshing.setup.state.value,
        labels_written=smeshing.setup.labels_written,
        labels=options.num_units * connection.info.labels_per_unit if options else None,
        epoch=epoch,
        epoch_ends=format_instant(connection.info.time.epoch_start(EpochID(epoch + 1))),
        identities=rows,
    )


def _notes(record: SmeshingRecord) -> tuple[str, ...]:
    notes = [f"Epoch {record.epoch} ends at {record.epoch_ends}."]
    notes.append(f"Rewards go to {record.coinbase or 'nobody: set a coinbase'}.")
    if record.supervised:
        whole = f" of {record.labels}" if record.labels is not None else ""
        state = record.space.replace("_", " ")
        does = "smeshes" if record.smeshing else "does not smesh"
        notes.append(
            f"The supervised identity {does}; its space is {state}: "
            f"{record.labels_written}{whole} labels."
        )
    notes += [
        f"Identity {one.id} is cancelled for good. {one.convicted}".rstrip()
        for one in record.identities
        if one.convicted is not None
    ]
    return tuple(notes)


def _first_epoch(connection: NodeConnection, smeshing: SmeshingStatus) -> EpochID:
    """Return the first epoch for which the node's identities have not published yet."""
    epoch = _current_epoch(connection)
    smeshers = list(smeshing.smeshers)
    published = smeshers and any(
        connection.api.activations(first_epoch=epoch, last_epoch=epoch, smeshers=smeshers)
    )
    return EpochID(epoch + 2 if published else epoch + 1)


def _warn_of_vault(context: Context, connection: NodeConnection, address: str) -> None:
    template = connection.api.account(address).template
    if template is None:
        return
    if decode_address(template, connection.network.prefix) == vault.ADDRESS:
        context.output.warn(
            f"{address} is a vault: only its owner gets coins out of it, layer by layer",
            code="smesh.smesh.vault",
        )
