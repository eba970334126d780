"""What only this node knows of its own smeshers: the database ``local``.

Progress towards the next ATX, kept so that a restart continues where it was, and claims:
before anything is signed that may be signed only once (an ATX of an epoch, a ballot of a
layer, a hare message of a round), its digest is claimed on the disk.  A second, different
thing is then refused, before it can be published and condemn the identity.

Source: go-spacemesh, sql/localsql; post digest section 12.4, activation digest section 8.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Annotated, Final, Self

from node.base import scale
from node.base.errors import NotFoundError, PreconditionError
from node.base.scale import U32, U64, Limit
from node.store import schema
from node.store.db import Batch, Database, Reader
from node.store.schema import key_u8, key_u32, key_u64, number_of, read_record
from node.types.challenge import PendingChallenge
from node.types.ids import AtxID, BallotID, BlockID, Hash32, PoetRef, SmesherID
from node.types.layer import EpochID, LayerID
from node.types.post import MembershipProof, Post

MAX_ADDRESS: Final = 2048
"""Most bytes of a PoET's address."""
MAX_ACTIVE_SET: Final = 8_000_000
ROUND_BITS: Final = 32
MAX_ROUND: Final = (1 << ROUND_BITS) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialPost:
    """The first PoST over the labels, or one made to obtain PoET certificates."""

    post: Post
    num_units: U32
    commitment_atx: AtxID
    vrf_nonce: U64

    challenge: Hash32
    """Zero for the initial PoST."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedNIPost:
    """A NIPoST that has not been published yet."""

    post: Post
    num_units: U32
    vrf_nonce: U64
    membership: MembershipProof
    poet_ref: PoetRef
    labels_per_unit: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetRegistration:
    """That a PoET took the challenge into a round."""

    address: Annotated[str, Limit(MAX_ADDRESS)]
    challenge_hash: Hash32
    round_id: Annotated[str, Limit(32)]

    round_end_ns: U64
    """When the PoET said the round would end, nanoseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetCertificate:
    """A certifier's permission to register without work."""

    certificate: Annotated[bytes, Limit(65_536)]
    signature: Annotated[bytes, Limit(256)]


class ActiveSetKind(IntEnum):
    """What an active set was prepared for."""

    TORTOISE = 0
    HARE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedActiveSet:
    """An active set made ready before its epoch."""

    digest: Hash32

    weight: U64
    """Sum over its ATXs."""

    atx_ids: Annotated[tuple[AtxID, ...], Limit(MAX_ACTIVE_SET)]
    """Ascending."""


class Duty(IntEnum):
    """What an identity may say only once in its slot."""

    ATX = 1
    BALLOT = 2
    HARE = 3
    CERTIFY = 4
    FIRST_VOTES = 5
    FOLLOWING_VOTES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Something that an identity signs, and the slot in which it may sign nothing else."""

    duty: Duty
    smesher: SmesherID

    slot: int
    """Epoch or layer; times 2^32 plus the round, where there are rounds."""

    digest: bytes
    """Identifier or hash of what is signed."""

    @classmethod
    def of_atx(cls, smesher: SmesherID, publish_epoch: EpochID, atx: AtxID) -> Self:
        """Return the statement that the ATX of an epoch makes."""
        return cls(duty=Duty.ATX, smesher=smesher, slot=publish_epoch, digest=atx)

    @classmethod
    def of_ballot(cls, smesher: SmesherID, layer: LayerID, ballot: BallotID) -> Self:
        """Return the statement that the ballot of a layer makes."""
        return cls(duty=Duty.BALLOT, smesher=smesher, slot=layer, digest=ballot)

    @classmethod
    def of_hare(
        cls, smesher: SmesherID, layer: LayerID, absolute_round: int, message: Hash32
    ) -> Self:
        """Return the statement that a hare message makes; by its hash in full form."""
        slot = layer << ROUND_BITS | absolute_round
        return cls(duty=Duty.HARE, smesher=smesher, slot=slot, digest=message)

    @classmethod
    def of_certify(cls, smesher: SmesherID, layer: LayerID, block: BlockID) -> Self:
        """Return the statement that a certify message makes."""
        return cls(duty=Duty.CERTIFY, smesher=smesher, slot=layer, digest=block)

    @classmethod
    def of_first_votes(cls, smesher: SmesherID, epoch: EpochID, votes: Hash32) -> Self:
        """Return the statement that the first votes on a beacon make; by the hash of the body."""
        return cls(duty=Duty.FIRST_VOTES, smesher=smesher, slot=epoch, digest=votes)

    @classmethod
    def of_following_votes(
        cls, smesher: SmesherID, epoch: EpochID, round_: int, votes: Hash32
    ) -> Self:
        """Return the statement that later votes on a beacon make; by the hash of the body."""
        slot = epoch << ROUND_BITS | round_
        return cls(duty=Duty.FOLLOWING_VOTES, smesher=smesher, slot=slot, digest=votes)

    @property
    def place(self) -> str:
        """The slot in words."""
        unit = "layer" if self.duty in LAYER_DUTIES else "epoch"
        if self.duty not in ROUND_DUTIES:
            return f"{unit} {self.slot}"
        return f"{unit} {self.slot >> ROUND_BITS}, round {self.slot & MAX_ROUND}"

    def __str__(self) -> str:
        """Return the statement in words."""
        return (
            f"{self.duty.name.lower().replace('_', ' ')} {self.digest.hex()[:10]} of {self.place}"
        )


LAYER_DUTIES: Final = frozenset({Duty.BALLOT, Duty.HARE, Duty.CERTIFY})
"""Those with slots in layers; the others have theirs in epochs."""
ROUND_DUTIES: Final = frozenset({Duty.HARE, Duty.FOLLOWING_VOTES})
"""Those with a slot in every round."""


def put_initial_post(batch: Batch, smesher: SmesherID, post: InitialPost) -> None:
    """Store the PoST over the labels."""
    batch.put(schema.INITIAL_POST + smesher, scale.encode(post))


def find_initial_post(reader: Reader, smesher: SmesherID) -> InitialPost | None:
    """Return the PoST over the labels, or None."""
    value = reader.get(schema.INITIAL_POST + smesher)
    return None if value is None else read_record(InitialPost, value)


def delete_initial_post(batch: Batch, smesher: SmesherID) -> None:
    """Forget a PoST that turned out to be invalid."""
    batch.delete(schema.INITIAL_POST + smesher)


def put_challenge(batch: Batch, smesher: SmesherID, challenge: PendingChallenge) -> None:
    """Store what is being proven, or what was learned of it since."""
    batch.put(schema.CHALLENGE + smesher, scale.encode(challenge))


def find_challenge(reader: Reader, smesher: SmesherID) -> PendingChallenge | None:
    """Return what is being proven, or None."""
    value = reader.get(schema.CHALLENGE + smesher)
    return None if value is None else read_record(PendingChallenge, value)


def get_challenge(reader: Reader, smesher: SmesherID) -> PendingChallenge:
    """Return what is being proven.

    Raises:
        NotFoundError: nothing is.
    """
    found = find_challenge(reader, smesher)
    if found is None:
        raise NotFoundError("challenge of smesher", smesher)
    return found


def delete_challenge(batch: Batch, smesher: SmesherID) -> None:
    """Forget what was being proven: it is published, or too late."""
    batch.delete(schema.CHALLENGE + smesher)


def put_registration(batch: Batch, smesher: SmesherID, registration: PoetRegistration) -> None:
    """Record that a PoET took the challenge; one registration for each address."""
    key = smesher + registration.address.encode()
    batch.put(schema.POET_REGISTRATION + key, scale.encode(registration))


def registrations(reader: Reader, smesher: SmesherID) -> tuple[PoetRegistration, ...]:
    """Return where the challenge is registered, by address."""
    rows = reader.scan(schema.POET_REGISTRATION + smesher)
    return tuple(read_record(PoetRegistration, value) for _, value in rows)


def delete_registrations(batch: Batch, reader: Reader, smesher: SmesherID) -> None:
    """Forget all registrations of a smesher."""
    for key in reader.keys(schema.POET_REGISTRATION + smesher):
        batch.delete(schema.POET_REGISTRATION + smesher + key)


def put_poet_certificate(
    batch: Batch, smesher: SmesherID, certifier: bytes, certificate: PoetCertificate
) -> None:
    """Store a certifier's permission; ``certifier`` is its public key."""
    batch.put(schema.POET_CERTIFICATE + smesher + certifier, scale.encode(certificate))


def find_poet_certificate(
    reader: Reader, smesher: SmesherID, certifier: bytes
) -> PoetCertificate | None:
    """Return a certifier's permission, or None."""
    value = reader.get(schema.POET_CERTIFICATE + smesher + certifier)
    return None if value is None else read_record(PoetCertificate, value)


def delete_poet_certificate(batch: Batch, smesher: SmesherID, certifier: bytes) -> None:
    """Forget a permission that a PoET refused."""
    batch.delete(schema.POET_CERTIFICATE + smesher + certifier)


def put_nipost(batch: Batch, smesher: SmesherID, nipost: FinishedNIPost) -> None:
    """Store a NIPoST that is ready to be published."""
    batch.put(schema.FINISHED_NIPOST + smesher, scale.encode(nipost))


def find_nipost(reader: Reader, smesher: SmesherID) -> FinishedNIPost | None:
    """Return the NIPoST that is ready to be published, or None."""
    value = reader.get(schema.FINISHED_NIPOST + smesher)
    return None if value is None else read_record(FinishedNIPost, value)


def delete_nipost(batch: Batch, smesher: SmesherID) -> None:
    """Forget a NIPoST: it is published, or too late."""
    batch.delete(schema.FINISHED_NIPOST + smesher)


def reset_progress(batch: Batch, reader: Reader, smesher: SmesherID) -> None:
    """Forget challenge, registrations and NIPoST; the initial PoST and claims stay."""
    delete_challenge(batch, smesher)
    delete_registrations(batch, reader, smesher)
    delete_nipost(batch, smesher)


def put_built_atx(batch: Batch, smesher: SmesherID, publish_epoch: EpochID, blob: bytes) -> None:
    """Store a signed ATX, so that a restart publishes the same bytes again."""
    batch.put(schema.BUILT_ATX + smesher + key_u32(publish_epoch), blob)


def find_built_atx(reader: Reader, smesher: SmesherID, publish_epoch: EpochID) -> bytes | None:
    """Return the signed ATX of an epoch, or None."""
    return reader.get(schema.BUILT_ATX + smesher + key_u32(publish_epoch))


def delete_built_atxs(batch: Batch, reader: Reader, smesher: SmesherID, before: EpochID) -> None:
    """Forget the signed ATXs of lower epochs."""
    prefix = schema.BUILT_ATX + smesher
    for key in reader.keys(prefix, stop=key_u32(before)):
        batch.delete(prefix + key)


def put_prepared_active_set(
    batch: Batch, kind: ActiveSetKind, epoch: EpochID, prepared: PreparedActiveSet
) -> None:
    """Store the active set to be used in an epoch."""
    key = key_u8(kind) + key_u32(epoch)
    batch.put(schema.PREPARED_ACTIVE_SET + key, scale.encode(prepared))


def find_prepared_active_set(
    reader: Reader, kind: ActiveSetKind, epoch: EpochID
) -> PreparedActiveSet | None:
    """Return the active set to be used in an epoch, or None."""
    value = reader.get(schema.PREPARED_ACTIVE_SET + key_u8(kind) + key_u32(epoch))
    return None if value is None else read_record(PreparedActiveSet, value)


def prune_prepared_active_sets(batch: Batch, reader: Reader, before: EpochID) -> None:
    """Forget the prepared active sets of lower epochs."""
    for kind in ActiveSetKind:
        prefix = schema.PREPARED_ACTIVE_SET + key_u8(kind)
        for key in reader.keys(prefix, stop=key_u32(before)):
            batch.delete(prefix + key)


def smeshers_in_progress(reader: Reader) -> Iterator[SmesherID]:
    """Yield the identities with a pending challenge, ascending."""
    return map(SmesherID, reader.keys(schema.CHALLENGE))


def claim(db: Database, statement: Statement) -> None:
    """Claim a slot for a statement, on the disk; call before publishing.

    Raises:
        PreconditionError: another statement was claimed there.
    """
    claimed = find_claim(db, statement)
    if claimed is None:
        with db.batch(sync=True) as batch:
            batch.put(_claim_key(statement), statement.digest)
    elif claimed != statement.digest:
        signed = replace(statement, digest=claimed)
        raise PreconditionError(
            f"smesher {statement.smesher} has signed {signed} and must not sign "
            f"{statement.digest.hex()[:10]}",
            code="smesh.precondition.claimed",
            hint="the first one may be published again; a second one would be misbehaviour",
        )


def find_claim(reader: Reader, statement: Statement) -> bytes | None:
    """Return the identifier that was claimed in the slot of a statement, or None."""
    return reader.get(_claim_key(statement))


def prune_claims(
    batch: Batch, reader: Reader, smesher: SmesherID, epoch: EpochID, layer: LayerID
) -> None:
    """Forget claims of epochs below ``epoch`` and layers below ``layer``, long past."""
    for duty in Duty:
        end = layer if duty in LAYER_DUTIES else epoch
        first_kept = end << ROUND_BITS if duty in ROUND_DUTIES else end
        prefix = schema.CLAIM + key_u8(duty) + smesher
        for key in reader.keys(prefix, stop=key_u64(first_kept)):
            batch.delete(prefix + key)


def _claim_key(statement: Statement) -> bytes:
    prefix = schema.CLAIM + key_u8(statement.duty) + statement.smesher
    return prefix + key_u64(statement.slot)


def claims_of(reader: Reader, duty: Duty, smesher: SmesherID) -> Iterator[tuple[int, bytes]]:
    """Yield an identity's claims of one kind as (slot, identifier)."""
    rows = reader.scan(schema.CLAIM + key_u8(duty) + smesher)
    return ((number_of(key), value) for key, value in rows)
