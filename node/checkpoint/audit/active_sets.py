"""Active sets: digests, order, and that their members are active."""

from collections.abc import Iterable
from dataclasses import dataclass

from node.checkpoint.audit.context import AuditContext
from node.checkpoint.audit.findings import ObjectKind
from node.store.statesql import state_rows
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.amounts import MAX_U64
from node.types.ids import AtxID, SmesherID
from node.types.layer import EpochID


def check_active_sets(context: AuditContext) -> None:
    """Check every active set."""
    ledger, kind = context.ledger, ObjectKind.ACTIVE_SET
    for row in context.scan(kind, state_rows.ACTIVE_SETS, "1 ORDER BY epoch"):
        members = row.active_set.atx_ids
        digest = active_set_hash(members)
        if not ledger.compare(kind, row.digest, "digest", digest, row.digest):
            context.facts.damage(row.digest)
            continue
        ledger.compare_all(
            kind,
            row.digest,
            {
                "epoch": (row.active_set.epoch, row.epoch),
                "order": (tuple(sorted(members)), members),
                "members": (bool(members), True),
            },
        )
        active = context.weights(row.active_set.epoch)
        for identifier in members:
            if identifier in active:
                continue
            if context.is_damaged(identifier):
                ledger.skip(kind, "a member is damaged")
            else:
                ledger.miss(ObjectKind.ATX, identifier, f"active set {row.digest.hex()}")
                context.facts.damage(identifier, row.digest)


@dataclass(frozen=True, slots=True)
class Weighed:
    """The weights of the ATXs of a set."""

    by_smesher: dict[SmesherID, int]
    total: int


def weigh(context: AuditContext, epoch: EpochID, members: Iterable[AtxID]) -> Weighed | None:
    """Return the weights of ATXs in an epoch, or None if one is not known."""
    active = context.weights(epoch)
    by_smesher: dict[SmesherID, int] = {}
    total = 0
    for identifier in members:
        if identifier not in active:
            return None
        smesher, weight = active[identifier]
        by_smesher[smesher] = weight
        total += weight
    return Weighed(by_smesher, total & MAX_U64)


def weigh_set(context: AuditContext, active_set: EpochActiveSet) -> int | None:
    """Return the weight of an active set, or None if a member is not known."""
    weighed = weigh(context, active_set.epoch, active_set.atx_ids)
    return None if weighed is None else weighed.total
