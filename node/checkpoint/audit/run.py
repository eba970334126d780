"""An audit from beginning to end: opens the file, runs the checkers, makes the report."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from node.base.errors import ConfigError, PreconditionError, StoreError
from node.checkpoint.audit.active_sets import check_active_sets
from node.checkpoint.audit.atxs import check_atxs, decode_bytes, is_signature_good
from node.checkpoint.audit.ballots import (
    BallotChecker,
    ForeseenBallots,
    check_beacons,
    is_ballot_signed,
)
from node.checkpoint.audit.blocks import BlockChecker, check_block_transactions
from node.checkpoint.audit.certificates import CertificateChecker
from node.checkpoint.audit.context import AuditContext, Cursor, ReportProgress
from node.checkpoint.audit.crews import Crew
from node.checkpoint.audit.findings import AuditReport, Ledger, ObjectKind, Summary
from node.checkpoint.audit.identities import check_identities, check_marriages, check_succession
from node.checkpoint.audit.layers import LayerChecker
from node.checkpoint.audit.parameters import AuditParameters
from node.checkpoint.audit.poets import check_poets
from node.checkpoint.audit.rows import KnownRows
from node.checkpoint.audit.transactions import (
    check_proposal_transactions,
    check_touched,
    check_transactions,
    check_unapplied,
)
from node.checkpoint.audit.verdicts import NoNotes, Notes, Verdicts
from node.checkpoint.audit.votes import VoteChecker
from node.store.statesql import state_rows
from node.store.statesql.files import SqlFile, check_tables, open_state_sql
from node.types.layer import EpochID, LayerID

TABLES: Final[Mapping[ObjectKind, str]] = {
    ObjectKind.FILE: "",
    ObjectKind.POET: state_rows.POETS.name,
    ObjectKind.ATX: state_rows.ATXS.name,
    ObjectKind.ATX_BLOB: state_rows.ATX_BLOBS.name,
    ObjectKind.POST: state_rows.POSTS.name,
    ObjectKind.MARRIAGE: state_rows.MARRIAGES.name,
    ObjectKind.MALFEASANCE: state_rows.IDENTITIES.name,
    ObjectKind.SECOND_MALFEASANCE: state_rows.MALFEASANCE.name,
    ObjectKind.ACTIVE_SET: state_rows.ACTIVE_SETS.name,
    ObjectKind.BALLOT: state_rows.BALLOTS.name,
    ObjectKind.BEACON: state_rows.BEACONS.name,
    ObjectKind.BLOCK: state_rows.BLOCKS.name,
    ObjectKind.CERTIFICATE: state_rows.CERTIFICATES.name,
    ObjectKind.LAYER: state_rows.LAYERS.name,
    ObjectKind.ACCOUNT: state_rows.ACCOUNTS.name,
    ObjectKind.REWARD: state_rows.REWARDS.name,
    ObjectKind.TRANSACTION: state_rows.TRANSACTIONS.name,
    ObjectKind.BLOCK_TRANSACTION: state_rows.BLOCK_TRANSACTIONS.name,
    ObjectKind.PROPOSAL_TRANSACTION: state_rows.PROPOSAL_TRANSACTIONS.name,
    ObjectKind.TOUCHED_ACCOUNT: state_rows.TRANSACTION_ADDRESSES.name,
    ObjectKind.RECOVERY: state_rows.RECOVERY.name,
}
"""Which table of the file holds the objects of a kind."""

SAMPLE: Final = 16
"""ATXs and ballots whose signatures tell whether file and configuration are of one network."""
FEWEST: Final = 2
"""Signatures without which that cannot be told: a single one may be a difference."""
FAULTS: Final = 20
"""Faults of the file itself that are looked for."""


@contextmanager
def open_audited(path: Path) -> Iterator[SqlFile]:
    """Open a state database in a way that changes nothing, in the file or beside it.

    Raises:
        StoreError: it is not there, it is something else, of another version, or damaged.
        PreconditionError: changes are waiting beside it that only a node can merge.
    """
    if not path.is_file():
        raise StoreError(
            f"there is no file {path}",
            code="smesh.store.missing",
            hint="name the state.sql in the data folder of a node",
        )
    for suffix in ("-wal", "-journal"):
        log = path.with_name(path.name + suffix)
        if log.exists() and log.stat().st_size:
            raise PreconditionError(
                f"{log} holds changes that are not in the database yet",
                code="smesh.precondition.store_log",
                hint="stop the node, which merges them, or audit a backup",
            )
    with open_state_sql(path) as file:
        check_tables(file, state_rows.STATE_TABLES)
        yield file


def subject_of(path: Path, parameters: AuditParameters) -> str:
    """Return what tells an audit from others: the network, and which file in which state."""
    stat = path.stat()
    return f"{parameters.genesis_id.hex()} {path.name} {stat.st_size} {stat.st_mtime_ns}"


def audit(
    file: SqlFile,
    parameters: AuditParameters,
    *,
    crew: Crew,
    report: ReportProgress,
    notes: Notes | None = None,
    known_rows: KnownRows | None = None,
) -> AuditReport:
    """Compute everything in a state database again and compare.

    Args:
        file: as ``open_audited`` opens it.
        parameters: of the network it is said to be of.
        crew: does what takes long.
        report: takes the progress.
        notes: remembers what the crew did; nothing unless given.
        known_rows: rows that were read before, perhaps of another file.

    Raises:
        ConfigError: the file is of another network.
        UnavailableError: the crew cannot work.
    """
    recovery = _read_recovery(file)
    if recovery is not None:
        parameters = parameters.restored_at(recovery)
    context = AuditContext(
        file=file,
        parameters=parameters,
        ledger=Ledger(),
        verdicts=Verdicts(crew, notes or NoNotes()),
        report=report,
    )
    if known_rows is not None:
        context.known_rows = known_rows
    _check_network(context)
    _check_file(context, recovery)
    layers = LayerChecker(context=context, restored=recovery)
    _run_checkers(context, layers)
    ledger = context.ledger
    return AuditReport(
        genesis_id=parameters.genesis_id,
        first_layer=layers.first,
        last_layer=layers.last,
        state_root=layers.state_root,
        kinds=tuple(_summary(ledger, kind) for kind in ObjectKind),
        findings=tuple(ledger.findings),
        differences=ledger.differences,
    )


def _run_checkers(context: AuditContext, layers: LayerChecker) -> None:
    """Run the checkers; each relies on facts of those before."""
    check_identities(context)
    check_poets(context)
    check_atxs(context)
    check_marriages(context)
    check_succession(context)
    check_active_sets(context)
    check_transactions(context)
    _check_by_epoch(context)
    CertificateChecker(context).check()
    check_block_transactions(context)
    VoteChecker(context).check()
    layers.check()
    check_unapplied(context, layers.state)
    check_touched(context)
    check_proposal_transactions(context)
    context.finish()


def _check_by_epoch(context: AuditContext) -> None:
    """Check ballots and blocks, an epoch of each at a time."""
    time = context.parameters.time
    ballots = Cursor(
        context.scan(
            ObjectKind.BALLOT,
            state_rows.BALLOTS,
            "1 ORDER BY layer, id",
            foresee=ForeseenBallots(context).works,
        ),
        lambda row: time.epoch_of(row.layer),
    )
    blocks = Cursor(
        context.scan(ObjectKind.BLOCK, state_rows.BLOCKS, "1 ORDER BY layer, id"),
        lambda row: time.epoch_of(row.layer),
    )
    ballot_checker = BallotChecker(context)
    block_checker = BlockChecker(context, ballot_checker)
    while places := [cursor.place for cursor in (ballots, blocks) if cursor.place is not None]:
        epoch = EpochID(min(places))
        ballot_checker.check_epoch(epoch, ballots.take(epoch))
        block_checker.check(blocks.take(epoch))
    check_beacons(context, ballot_checker.beacons)


def _read_recovery(file: SqlFile) -> LayerID | None:
    row = next(iter(file.rows(state_rows.RECOVERY)), None)
    return None if row is None else row.restore_layer


def _check_network(context: AuditContext) -> None:
    """Refuse a configuration of another network, before everything differs.

    Raises:
        ConfigError: there are signatures, and none of the first ones is good.
    """
    rows = context.look(state_rows.ATX_BLOBS, "atx IS NOT NULL")
    decoded = (decode_bytes(context, row) for row in islice(rows, SAMPLE))
    verdicts = [is_signature_good(context, wire) for wire in decoded if wire is not None]
    cast = islice(context.look(state_rows.BALLOTS, "1"), SAMPLE)
    verdicts += [is_ballot_signed(context, row.ballot) for row in cast]
    if len(verdicts) >= FEWEST and not any(verdicts):
        raise ConfigError(
            f"{context.file.name} is of another network: none of its first {len(verdicts)} "
            f"signatures is made for genesis id {context.parameters.genesis_id.hex()}",
            path="genesis",
            code="smesh.config.genesis",
            hint="give --config the configuration file of the node whose database this is",
        )


def _check_file(context: AuditContext, recovery: LayerID | None) -> None:
    kind, ledger = ObjectKind.FILE, context.ledger
    ledger.tallies[kind].objects = 1
    try:
        faults = context.file.faults(FAULTS)
    except StoreError as error:
        faults = (str(error),)
    if not faults:
        ledger.tallies[kind].checks["structure"] += 1
    for fault in faults:
        ledger.fail(kind, context.file.name, "structure", fault, "pages and indexes")
    for row in context.scan(ObjectKind.RECOVERY, state_rows.RECOVERY):
        first = context.find(state_rows.LAYERS, "1 ORDER BY id LIMIT 1")
        ledger.compare(
            ObjectKind.RECOVERY,
            row.id,
            "restore layer",
            None if first is None else first.layer + 1,
            recovery,
        )


def _summary(ledger: Ledger, kind: ObjectKind) -> Summary:
    tally = ledger.tallies[kind]
    return Summary(
        kind=kind,
        table=TABLES[kind],
        objects=tally.objects,
        parts=dict(sorted(tally.parts.items())),
        checks=dict(sorted(tally.checks.items())),
        unchecked=dict(sorted(tally.unchecked.items())),
        findings=dict(sorted(tally.findings.items())),
    )
