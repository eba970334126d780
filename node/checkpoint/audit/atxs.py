"""ATXs: their bytes, the rules of their version, and the columns that follow from them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, assert_never

from node.base import scale
from node.base.errors import DecodeError, RejectError
from node.checkpoint.audit.atxs_v2 import derive_v2, proofs_v2
from node.checkpoint.audit.context import AuditContext
from node.checkpoint.audit.derived import (
    DerivedAtx,
    are_known,
    find_poet,
    leaves_of,
    nonce_work,
    post_work,
)
from node.checkpoint.audit.findings import NOTHING, ObjectKind
from node.checkpoint.audit.work import HOLDS, SignatureWork, Work
from node.consensus.activation.rules import (
    FIRST_VERSION,
    SECOND_VERSION,
    ActivationTx,
    publish_epoch_of,
    version_at,
)
from node.consensus.activation.rules_v1 import (
    AtxFactsV1,
    check_facts,
    check_poet,
    check_shape,
    initial_claims,
    is_initial,
    make_atx,
    nonce_to_check,
    post_claim,
    proven_space,
)
from node.crypto.domains import Domain
from node.store.atxs import AtxPost
from node.store.statesql import state_rows
from node.types.atx import Atx
from node.types.atx_v1 import ActivationTxV1
from node.types.atx_v2 import ActivationTxV2
from node.types.ids import NO_ATX, AtxID, SmesherID
from node.types.layer import EpochID

FORMS: Final[Mapping[int, type[ActivationTxV1] | type[ActivationTxV2]]] = {
    FIRST_VERSION: ActivationTxV1,
    SECOND_VERSION: ActivationTxV2,
}
"""What the bytes of each version are."""

SOUND: Final = (0, 1)
"""Validity of an ATX that is not known to be wrong: not verified yet, and verified."""


@dataclass(frozen=True, slots=True)
class _Decoded:
    """The bytes of an ATX, read."""

    wire: ActivationTx
    version: int


def check_atxs(context: AuditContext) -> None:
    """Check every ATX, and the space units it declares."""
    stray = _check_all_bytes(context)
    published: dict[SmesherID, tuple[EpochID, AtxID]] = {}
    for row in context.scan(
        ObjectKind.ATX,
        state_rows.ATXS,
        "1 ORDER BY epoch, id",
        foresee=partial(_foresee_proofs, context),
    ):
        _check_validity(context, row)
        decoded = _find_bytes(context, row, stray)
        derived = None if decoded is None else _derive(context, decoded, row)
        if derived is None:
            atx = context.stored_atx(row)
            context.keep_atx(atx, differs=False)
            if context.find(state_rows.POSTS, "atxid = ?", row.id) is None:
                context.ledger.fail(ObjectKind.POST, row.id, "row of the PoST", "one", NOTHING)
        else:
            atx = derived.atx
            _compare(context, derived, row)
        _check_single(context, atx, published)
    for decoded in stray.values():
        context.ledger.miss(ObjectKind.ATX, decoded.wire.id, "its bytes")
    _check_posts(context)


def epoch_of(wire: ActivationTx) -> EpochID:
    """Return the epoch an ATX of any version is published in."""
    match wire:
        case ActivationTxV1():
            return wire.inner.challenge.publish_epoch
        case ActivationTxV2():
            return wire.publish_epoch
        case _:
            assert_never(wire)


def _check_single(
    context: AuditContext, atx: Atx, published: dict[SmesherID, tuple[EpochID, AtxID]]
) -> None:
    """Check that whoever published two ATXs in an epoch is known to have misbehaved."""
    epoch, before = published.get(atx.smesher, (None, NO_ATX))
    published[atx.smesher] = atx.publish_epoch, atx.id
    if epoch != atx.publish_epoch:
        context.ledger.hold(ObjectKind.ATX, atx.id, "one ATX in an epoch", HOLDS)
    elif context.is_damaged(atx.id, before):
        context.ledger.skip(ObjectKind.ATX, "one ATX in an epoch: one of two is damaged")
    elif atx.smesher not in context.facts.malicious:
        context.ledger.miss(
            ObjectKind.MALFEASANCE, atx.smesher, f"ATXs {before.hex()} and {atx.id.hex()}"
        )


def _check_validity(context: AuditContext, row: state_rows.AtxRow) -> None:
    """Check what a node says of the chain of PoSTs that an ATX ends.

    Whether it has verified them or not is its own affair; they all hold, as we know.
    """
    ledger, kind = context.ledger, ObjectKind.ATX
    if row.smesher not in context.facts.malicious:
        told = "sound" if row.validity in SOUND else row.validity
        ledger.compare(kind, row.id, "validity", "sound", told)
    ledger.skip(kind, "when it was received")


# --- bytes ---


def _check_all_bytes(context: AuditContext) -> dict[tuple[EpochID, SmesherID], _Decoded]:
    """Check the bytes of all ATXs by themselves; return those that no row of an ATX names."""
    stray = {}
    kind, ledger = ObjectKind.ATX_BLOB, context.ledger
    for row in context.scan(
        kind, state_rows.ATX_BLOBS, foresee=partial(_foresee_signature, context)
    ):
        named = context.find(state_rows.ATXS, "id = ?", row.id)
        if row.blob is None:
            ledger.count(kind, "out of a checkpoint")
            if named is not None:
                received = "before there were bytes" if not named.received_ns else "with bytes"
                ledger.compare(kind, row.id, "bytes", received, "before there were bytes")
            ledger.compare(
                kind, row.id, "row of the ATX", "one", NOTHING if named is None else "one"
            )
            continue
        decoded = _decode(context, row)
        if isinstance(decoded, DecodeError):
            context.facts.damage(row.id)
            ledger.fail(kind, row.id, "encoding", str(decoded), row.blob)
            continue
        wire, version = decoded.wire, decoded.version
        ledger.count(kind, f"version {version}")
        equal = ledger.compare_all(
            kind,
            row.id,
            {
                "identifier": (wire.id, row.id),
                "version": (version, row.version or FIRST_VERSION),
                "encoding": (scale.encode(wire), row.blob),
            },
        )
        context.judge_work(kind, row.id, "signature", _signature_of(context, wire))
        if not equal and wire.id != row.id:
            context.facts.damage(row.id)
        if named is None:
            stray[epoch_of(wire), wire.smesher] = decoded
    return stray


def _decode(context: AuditContext, row: state_rows.AtxBlobRow) -> _Decoded | DecodeError:
    """Read the bytes in the version in force, else in the one that the file names."""
    blob = row.blob or b""
    try:
        version = version_at(context.parameters.atx.versions, publish_epoch_of(blob))
        return _Decoded(scale.decode(FORMS[version], blob), version)
    except DecodeError as error:
        problem = error
    try:
        version = row.version or FIRST_VERSION
        wire = scale.decode(FORMS.get(version, ActivationTxV1), blob)
    except DecodeError:
        return problem
    return _Decoded(wire, version) if wire.id == row.id else problem


def decode_bytes(context: AuditContext, row: state_rows.AtxBlobRow) -> ActivationTx | None:
    """Read the bytes of an ATX; None: they cannot be read."""
    decoded = _decode(context, row)
    return None if isinstance(decoded, DecodeError) else decoded.wire


def is_signature_good(context: AuditContext, wire: ActivationTx) -> bool:
    """Tell whether an ATX is signed by its smesher, on this network."""
    return context.is_good(_signature_of(context, wire))


def _signature_of(context: AuditContext, wire: ActivationTx) -> SignatureWork:
    return context.signature(Domain.ATX, wire.smesher, wire.signed_bytes(), wire.signature)


def _foresee_signature(context: AuditContext, row: state_rows.AtxBlobRow) -> Iterable[Work]:
    wire = None if row.blob is None else decode_bytes(context, row)
    return () if wire is None else (_signature_of(context, wire),)


def _foresee_proofs(context: AuditContext, row: state_rows.AtxRow) -> Iterable[Work]:
    """Return the work that an ATX will need, if all it rests on is as the file says."""
    blob = context.find(state_rows.ATX_BLOBS, "id = ?", row.id)
    wire = None if blob is None or blob.blob is None else decode_bytes(context, blob)
    try:
        match wire:
            case None:
                return ()
            case ActivationTxV1():
                proofs = proofs_v1(context, wire, _facts_v1(context, wire))
            case ActivationTxV2():
                proofs = proofs_v2(context, wire)
            case _:
                assert_never(wire)
    except RejectError:
        return ()
    return [work for _, work in proofs]


def _find_bytes(
    context: AuditContext,
    row: state_rows.AtxRow,
    stray: dict[tuple[EpochID, SmesherID], _Decoded],
) -> _Decoded | None:
    """Return what the columns of a row are to be compared with; None: nothing can be."""
    ledger, kind = context.ledger, ObjectKind.ATX
    blob = context.find(state_rows.ATX_BLOBS, "id = ?", row.id)
    if blob is not None:
        if blob.blob is None:
            ledger.skip(kind, "out of a checkpoint")
            return None
        decoded = _decode(context, blob)
        if isinstance(decoded, DecodeError) or decoded.wire.id != row.id:
            ledger.skip(kind, "its bytes are damaged")
            return None
        return decoded
    if context.is_damaged(row.id):
        ledger.skip(kind, "its bytes are damaged")
        return None
    found = stray.pop((row.publish_epoch, row.smesher), None)
    if found is None:
        ledger.miss(ObjectKind.ATX_BLOB, row.id, "the row of the ATX")
    elif not ledger.compare(kind, row.id, "identifier", found.wire.id, row.id):
        context.facts.damage(row.id)
    return found


# --- what follows from the bytes ---


def _derive(context: AuditContext, decoded: _Decoded, row: state_rows.AtxRow) -> DerivedAtx | None:
    """Apply the rules of a version; return the columns, or None if they cannot be computed."""
    match decoded.wire:
        case ActivationTxV1():
            return _derive_v1(context, decoded.wire, row)
        case ActivationTxV2():
            return derive_v2(context, decoded.wire, row)
        case _:
            assert_never(decoded.wire)


def _derive_v1(
    context: AuditContext, wire: ActivationTxV1, row: state_rows.AtxRow
) -> DerivedAtx | None:
    ledger, kind, parameters = context.ledger, ObjectKind.ATX, context.parameters.atx
    epoch, named = wire.inner.challenge.publish_epoch, _named_by(wire)
    if not ledger.judge(kind, wire.id, "shape", partial(check_shape, wire, epoch)):
        return None
    facts = _facts_v1(context, wire)
    if not are_known(context, wire.id, named) or not ledger.judge(
        kind, wire.id, "references", partial(check_facts, wire, facts, parameters)
    ):
        return None
    poet = find_poet(context, wire.id, proven_space(wire).poet_ref)
    if poet is not None:
        ledger.judge(kind, wire.id, "PoET membership", partial(check_poet, wire, poet.statement))
    for rule, work in proofs_v1(context, wire, facts):
        context.judge_work(kind, wire.id, rule, work)
    try:
        atx = make_atx(
            wire,
            facts,
            leaf_count=leaves_of(context, poet, row),
            tick_size=parameters.tick_size,
            received_ns=row.received_ns,
        )
    except RejectError as error:
        ledger.fail(kind, wire.id, "weight", str(error), row.weight)
        return None
    part = AtxPost(
        atx=wire.id,
        smesher=wire.smesher,
        previous_atx=None if is_initial(wire) else wire.inner.challenge.previous_atx,
        previous_index=0,
        num_units=wire.inner.num_units,
        publish_epoch=epoch,
    )
    return DerivedAtx(atx=atx, marriage_atx=None, posts=(part,))


def _named_by(wire: ActivationTxV1) -> tuple[AtxID | None, ...]:
    challenge = wire.inner.challenge
    return challenge.previous_atx, challenge.positioning_atx, challenge.commitment_atx


def _facts_v1(context: AuditContext, wire: ActivationTxV1) -> AtxFactsV1:
    previous, positioning, commitment = (
        None if one is None or one == NO_ATX else context.find_atx(one) for one in _named_by(wire)
    )
    return AtxFactsV1(
        stored_commitment=context.find_commitment(wire.smesher),
        commitment=commitment,
        previous=previous,
        previous_units=context.find_units(wire.inner.challenge.previous_atx, wire.smesher),
        positioning=positioning,
    )


def proofs_v1(
    context: AuditContext, wire: ActivationTxV1, facts: AtxFactsV1
) -> list[tuple[str, Work]]:
    """Return the proofs of an ATX that take work, each with its rule.

    Raises:
        RejectError: one of them is not there.
    """
    proofs: list[tuple[str, Work]] = []
    initial = initial_claims(wire)
    if initial is None:
        nonce = nonce_to_check(wire, facts)
    else:
        nonce, post, claim = initial
        proofs.append(("initial PoST", post_work(context, post, claim)))
    if nonce is not None:
        proofs.append(("VRF nonce", nonce_work(context, wire.smesher, nonce)))
    space = proven_space(wire)
    proofs.append(("PoST", post_work(context, space.post, post_claim(wire, facts))))
    return proofs


def _compare(context: AuditContext, derived: DerivedAtx, row: state_rows.AtxRow) -> None:
    atx, ledger = derived.atx, context.ledger
    equal = ledger.compare_all(
        ObjectKind.ATX,
        row.id,
        {
            "publish epoch": (atx.publish_epoch, row.publish_epoch),
            "space units": (atx.num_units, row.num_units),
            "commitment ATX": (atx.commitment_atx, row.commitment_atx),
            "VRF nonce of the smesher": (atx.vrf_nonce, row.vrf_nonce),
            "base tick height": (atx.base_tick_height, row.base_tick_height),
            "ticks": (atx.tick_count, row.tick_count),
            "sequence": (atx.sequence, row.sequence),
            "smesher": (atx.smesher, row.smesher),
            "coinbase": (atx.coinbase, row.coinbase),
            "marriage ATX": (derived.marriage_atx, row.marriage_atx),
            "weight": (atx.weight, row.weight),
        },
    )
    context.keep_atx(atx, differs=not equal or atx.id != row.id)
    if not equal and atx.commitment_atx is not None:
        context.facts.commitments[atx.smesher] = atx.commitment_atx
    for post in derived.posts:
        _compare_post(context, post)


def _compare_post(context: AuditContext, post: AtxPost) -> None:
    recorded = context.find(state_rows.POSTS, "atxid = ? AND pubkey = ?", post.atx, post.smesher)
    if recorded is None:
        context.ledger.fail(ObjectKind.POST, post.atx, "row of the PoST", "one", NOTHING)
        context.facts.posts[post.atx, post.smesher] = post.num_units
        return
    equal = context.ledger.compare_all(
        ObjectKind.POST,
        post.atx,
        {
            "previous ATX": (post.previous_atx, recorded.previous_atx),
            "previous ATX index": (post.previous_index, recorded.previous_index),
            "space units": (post.num_units, recorded.num_units),
            "publish epoch": (post.publish_epoch, recorded.publish_epoch),
        },
    )
    if not equal:
        context.facts.posts[post.atx, post.smesher] = post.num_units


def _check_posts(context: AuditContext) -> None:
    """Look for declared space that no ATX declares."""
    ledger, kind = context.ledger, ObjectKind.POST
    for row in context.scan(kind, state_rows.POSTS):
        atx = context.find_atx(row.atx)
        if atx is None:
            ledger.compare(kind, row.atx, "ATX", "recorded", NOTHING)
            continue
        ledger.compare(kind, row.atx, "epoch of the ATX", atx.publish_epoch, row.publish_epoch)
        if row.smesher != atx.smesher and not _is_merged(context, row):
            ledger.fail(kind, row.atx, "smesher", atx.smesher, row.smesher)


def _is_merged(context: AuditContext, post: AtxPost) -> bool:
    """Tell whether an ATX may prove space of others than its smesher."""
    atx = context.find(state_rows.ATXS, "id = ?", post.atx)
    married = context.find(state_rows.MARRIAGES, "pubkey = ?", post.smesher)
    return atx is not None and atx.marriage_atx is not None and married is not None
