"""Copies the reference's files into our databases.

Nothing is judged here: what the reference stored is taken over as it stands.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from node.base.errors import PreconditionError
from node.store import (
    accounts,
    activesets,
    atxs,
    ballots,
    beacons,
    blocks,
    certificates,
    identities,
    layers,
    local,
    poets,
    rewards,
    sync_progress,
    transactions,
)
from node.store.db import Batch, Database
from node.store.statesql import local_rows, state_rows
from node.store.statesql.files import SqlFile
from node.types.atx import Atx
from node.types.challenge import PendingChallenge
from node.types.ids import NO_ATX, AtxID
from node.types.transaction import RawTransaction, Transaction

R = TypeVar("R")

BATCH_ROWS: Final = 1000
"""Rows written in one batch: few enough for memory, many enough for speed."""


def import_state(db: Database, source: SqlFile) -> dict[str, int]:
    """Copy a ``state.sql`` into an empty state database; return the rows of each table.

    Raises:
        PreconditionError: the database is not empty.
        StoreError: the file is damaged, or a write failed.
    """
    if accounts.has_accounts(db) or atxs.find_latest_epoch(db) is not None:
        raise PreconditionError(
            "the state database is not empty",
            code="smesh.precondition.store_not_empty",
            hint="import into a new data folder",
        )
    copied = {
        "accounts": _copy(db, source.rows(state_rows.ACCOUNTS), accounts.put_account),
        "activesets": _copy(db, source.rows(state_rows.ACTIVE_SETS), _put_active_set),
        "poets": _copy(db, source.rows(state_rows.POETS), _put_poet),
        "posts": _copy(db, source.rows(state_rows.POSTS), atxs.put_post),
        "atxs": _copy(db, imported_atxs(source), _put_atx),
        "ballots": _copy(db, source.rows(state_rows.BALLOTS), _put_ballot),
        "blocks": _copy(db, source.rows(state_rows.BLOCKS), _put_block),
        "layers": _copy(db, source.rows(state_rows.LAYERS), _put_layer),
        "certificates": _copy(db, source.rows(state_rows.CERTIFICATES), _put_certificate),
        "beacons": _copy(db, source.rows(state_rows.BEACONS), _put_beacon),
        "transactions": _copy(db, source.rows(state_rows.TRANSACTIONS), _put_transaction),
        "block_transactions": _copy(db, source.rows(state_rows.BLOCK_TRANSACTIONS), _put_in_block),
        "proposal_transactions": _copy(
            db, source.rows(state_rows.PROPOSAL_TRANSACTIONS), _put_in_proposal
        ),
        "rewards": _copy(
            db,
            source.rows(state_rows.REWARDS),
            lambda batch, row: rewards.put_rewards(batch, (row,)),
        ),
        "malfeasance": _copy(db, source.rows(state_rows.MALFEASANCE), _put_condemned),
        "identities": _copy(db, source.rows(state_rows.IDENTITIES), _put_identity),
        "marriages": _copy(db, _marriage_records(source), identities.put_marriage),
        "recovery": _copy(
            db,
            source.rows(state_rows.RECOVERY),
            lambda batch, row: layers.put_restore_layer(batch, row.restore_layer),
        ),
    }
    _flush(db)
    return copied


def import_local(db: Database, source: SqlFile) -> dict[str, int]:
    """Copy a ``local.sql`` into a local database; return the rows of each table.

    Rows of other smeshers stay: this is also how two nodes become one.

    Raises:
        StoreError: the file is damaged, or a write failed.
    """
    copied = {
        "challenge": _copy(db, source.rows(local_rows.CHALLENGES), _put_challenge),
        "nipost": _copy(db, source.rows(local_rows.NIPOSTS), _put_nipost),
        "post": _copy(db, source.rows(local_rows.INITIAL_POSTS), _put_initial_post),
        "poet_registration": _copy(
            db, source.rows(local_rows.POET_REGISTRATIONS), _put_registration
        ),
        "poet_certificates": _copy(
            db, source.rows(local_rows.POET_CERTIFICATES), _put_poet_certificate
        ),
        "prepared_activeset": _copy(
            db, source.rows(local_rows.PREPARED_ACTIVE_SETS), _put_prepared_active_set
        ),
        "atx_sync_state": _copy(
            db,
            source.rows(local_rows.ATX_SYNC_STATE),
            lambda batch, row: sync_progress.put_wanted_atx(batch, row.epoch, row.id, row.requests),
        ),
        "atx_sync_requests": _copy(db, source.rows(local_rows.ATX_SYNC_REQUESTS), _put_epoch_sync),
        "malfeasance_sync_state": _copy(
            db,
            source.rows(local_rows.MALFEASANCE_SYNC),
            lambda batch, row: sync_progress.put_malfeasance_sync(batch, row.at_ns),
        ),
    }
    _flush(db)
    return copied


def imported_atxs(
    source: SqlFile,
) -> Iterator[tuple[Atx, bytes | None, AtxID | None, atxs.Validity]]:
    """Yield (ATX, bytes, marriage ATX, validity) of every ATX in a ``state.sql``.

    An ATX out of a checkpoint has weight 0, as the reference shows it.
    """
    for row in source.rows(state_rows.ATXS):
        blob = next(source.rows(state_rows.ATX_BLOBS, "id = ?", row.id), None)
        own = next(
            source.rows(state_rows.POSTS, "atxid = ? AND pubkey = ?", row.id, row.smesher), None
        )
        previous = None if own is None else own.previous_atx
        atx = Atx(
            id=row.id,
            smesher=row.smesher,
            publish_epoch=row.publish_epoch,
            sequence=row.sequence,
            commitment_atx=row.commitment_atx,
            previous_atx=NO_ATX if previous is None else previous,
            coinbase=row.coinbase,
            num_units=row.num_units,
            vrf_nonce=row.vrf_nonce,
            base_tick_height=row.base_tick_height,
            tick_count=row.tick_count,
            weight=row.weight or 0,
            received_ns=row.received_ns,
            version=1 if blob is None or not blob.version else blob.version,
        )
        raw = None if blob is None else blob.blob
        yield atx, raw, row.marriage_atx, atxs.Validity(row.validity)


def _copy(db: Database, rows: Iterable[R], put: Callable[[Batch, R], None]) -> int:
    copied = 0
    remaining = iter(rows)
    while chunk := list(islice(remaining, BATCH_ROWS)):
        with db.batch(sync=False) as batch:
            for row in chunk:
                put(batch, row)
        copied += len(chunk)
    return copied


def _flush(db: Database) -> None:
    """Leave an empty, synced batch: what was written before it is on the disk then."""
    with db.batch(sync=True):
        return


def _marriage_records(source: SqlFile) -> Iterator[identities.MarriageRecord]:
    rows = source.rows(state_rows.MARRIAGES, "1 ORDER BY rowid")
    for sequence, row in enumerate(rows):
        yield identities.MarriageRecord(
            marriage_id=row.marriage_id, sequence=sequence, marriage=row.marriage
        )


def _put_active_set(batch: Batch, row: state_rows.ActiveSetRow) -> None:
    activesets.put_active_set(batch, row.digest, row.active_set)


def _put_poet(batch: Batch, row: state_rows.PoetRow) -> None:
    poets.put_poet(batch, row.message)


def _put_atx(batch: Batch, found: tuple[Atx, bytes | None, AtxID | None, atxs.Validity]) -> None:
    atx, blob, marriage_atx, validity = found
    atxs.put_atx(batch, atx, blob=blob, marriage_atx=marriage_atx)
    atxs.put_validity(batch, atx.id, validity)


def _put_ballot(batch: Batch, row: state_rows.BallotRow) -> None:
    ballots.put_ballot(batch, row.ballot)


def _put_block(batch: Batch, row: state_rows.BlockRow) -> None:
    blocks.put_block(batch, row.block)
    if row.valid is not None:
        blocks.put_block_validity(batch, row.layer, row.id, valid=row.valid)


def _put_layer(batch: Batch, facts: layers.LayerFacts) -> None:
    layers.put_layer(batch, facts.layer)
    if facts.weak_coin is not None:
        layers.put_weak_coin(batch, facts.layer, coin=facts.weak_coin)
    if facts.is_processed:
        layers.put_processed(batch, facts.layer)
    if facts.applied_block is not None:
        layers.put_applied_block(batch, facts.layer, facts.applied_block)
    if facts.state_hash is not None:
        layers.put_state_hash(batch, facts.layer, facts.state_hash)
    if facts.mesh_hash is not None:
        layers.put_mesh_hash(batch, facts.layer, facts.mesh_hash)


def _put_certificate(batch: Batch, row: certificates.CertificateRow) -> None:
    if row.certificate is not None:
        certificates.put_certificate(batch, row.layer, row.certificate)
    certificates.put_hare_output(batch, row.layer, row.block, valid=row.is_valid)


def _put_beacon(batch: Batch, row: state_rows.BeaconRow) -> None:
    beacons.put_beacon(batch, row.epoch, row.beacon)


def _put_transaction(batch: Batch, row: state_rows.TransactionRow) -> None:
    transaction = Transaction(raw=RawTransaction(id=row.id, raw=row.raw), header=row.header)
    transactions.put_transaction(batch, transaction, row.received_ns)
    if row.result is not None:
        transactions.put_transaction_result(batch, transaction, row.result)


def _put_in_block(batch: Batch, row: state_rows.BlockInclusionRow) -> None:
    transactions.put_in_block(batch, (row.transaction,), row.layer, row.block)


def _put_in_proposal(batch: Batch, row: state_rows.ProposalInclusionRow) -> None:
    transactions.put_in_proposal(batch, (row.transaction,), row.layer, row.proposal)


def _put_identity(batch: Batch, row: state_rows.IdentityRow) -> None:
    identities.put_malfeasance(
        batch,
        identities.Malfeasance(smesher=row.smesher, proof=row.proof, received_ns=row.received_ns),
    )


def _put_condemned(batch: Batch, row: state_rows.MalfeasanceRow) -> None:
    """Take over the verdict only: peers of this version do not ask for the other proofs."""
    identities.put_malfeasance(
        batch,
        identities.Malfeasance(smesher=row.smesher, proof=b"", received_ns=row.received_ns),
    )


def _put_challenge(batch: Batch, row: local_rows.ChallengeRow) -> None:
    local.put_challenge(
        batch,
        row.smesher,
        PendingChallenge(
            publish_epoch=row.publish_epoch,
            sequence=row.sequence,
            previous_atx=row.previous_atx,
            positioning_atx=row.positioning_atx,
            commitment_atx=row.commitment_atx,
            initial_post=row.initial_post,
            poet_ref=row.poet_ref,
            membership=row.membership,
        ),
    )


def _put_nipost(batch: Batch, row: local_rows.NIPostRow) -> None:
    local.put_nipost(
        batch,
        row.smesher,
        local.FinishedNIPost(
            post=row.post,
            num_units=row.num_units,
            vrf_nonce=row.vrf_nonce,
            membership=row.membership,
            poet_ref=row.poet_ref,
            labels_per_unit=row.labels_per_unit,
        ),
    )


def _put_initial_post(batch: Batch, row: local_rows.InitialPostRow) -> None:
    local.put_initial_post(
        batch,
        row.smesher,
        local.InitialPost(
            post=row.post,
            num_units=row.num_units,
            commitment_atx=row.commitment_atx,
            vrf_nonce=row.vrf_nonce,
            challenge=row.challenge,
        ),
    )


def _put_registration(batch: Batch, row: local_rows.PoetRegistrationRow) -> None:
    local.put_registration(
        batch,
        row.smesher,
        local.PoetRegistration(
            address=row.address,
            challenge_hash=row.challenge_hash,
            round_id=row.round_id,
            round_end_ns=row.round_end_ns,
        ),
    )


def _put_poet_certificate(batch: Batch, row: local_rows.PoetCertificateRow) -> None:
    local.put_poet_certificate(
        batch,
        row.smesher,
        row.certifier,
        local.PoetCertificate(certificate=row.certificate, signature=row.signature),
    )


def _put_prepared_active_set(batch: Batch, row: local_rows.PreparedActiveSetRow) -> None:
    local.put_prepared_active_set(
        batch,
        local.ActiveSetKind(row.kind),
        row.epoch,
        local.PreparedActiveSet(digest=row.digest, weight=row.weight, atx_ids=row.atx_ids),
    )


def _put_epoch_sync(batch: Batch, row: local_rows.AtxSyncRequestRow) -> None:
    sync_progress.put_epoch_sync(
        batch,
        row.epoch,
        sync_progress.EpochSync(
            listed_ns=row.listed_ns, total=row.total or 0, downloaded=row.downloaded or 0
        ),
    )
