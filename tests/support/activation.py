"""Valid ATXs at little cost, and a node that judges them.

A space unit has 64 labels of the cheapest scrypt, a PoET round 160 leaves, and any hash
is low enough for the proof of work of one unit: an ATX takes some 80 ms, and what costs
time is kept.  BLAKE3 stands in for RandomX; proofs of one unit hold with RandomX too.

    initial_atx(1)                   smesher 1's first ATX, with its PoET proof
    next_atx(previous)               the one after it
    signed(number, inner)            any other, signed
    World(folder)                    handlers over real stores, on a network of its own
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from pathlib import Path

from node.base import scale
from node.base.hashing import hash32
from node.consensus.activation.handler import ActivationHandler
from node.consensus.activation.nonces import RecomputedNonces
from node.consensus.activation.poet_handler import PoetHandler
from node.consensus.activation.rules import AtxParameters
from node.consensus.atxdata import AtxData
from node.consensus.malfeasance.convictions import Convictions
from node.consensus.malfeasance.handler import MalfeasanceHandler
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer, Verifier
from node.events import Bus
from node.net.fetch.client import Fetcher
from node.net.fetch.planner import FetchPlanner
from node.net.fetch.server import FetchServer
from node.net.fetch.wire import Hint
from node.net.memory import MemoryNetwork
from node.poet.tree import compute_statement, prove_membership
from node.poet.work import SECURITY_PARAM, ClearEngine
from node.post.difficulty import (
    compute_proving_difficulty,
    compute_vrf_difficulty,
    count_index_bits,
)
from node.post.labels import LABEL_SIZE, make_commitment
from node.post.recomputing import RecomputedLabels
from node.post.rules import make_pow_input, pack_indices, scale_pow_difficulty
from node.post.scan import PlainScan, make_scan_keys
from node.post.verifying import Mode, PostClaim, ProofParameters, check_post
from node.runtime.workers import InlineWorkers
from node.store.atxs import has_atx
from node.store.blobs import find_blob, has_blob
from node.store.db import LevelDB
from node.types.address import Address
from node.types.atx import Atx
from node.types.atx_v1 import ActivationTxV1, InnerActivationTxV1, NIPostChallengeV1
from node.types.ids import (
    NO_ATX,
    AtxID,
    EdSignature,
    Hash32,
    PoetRef,
    SmesherID,
)
from node.types.layer import EpochID
from node.types.poet import PoetProofMessage
from node.types.post import NIPost, Post, PostMetadata
from scripts.vectors.poet import prove
from tests.support.chain import GENESIS, TIME, signer

GOLDEN = AtxID(b"golden atx of the test network!!")
LABELS_PER_UNIT = 64
POET_LEAVES = 160
TICK_SIZE = 8
TICKS = POET_LEAVES // TICK_SIZE
PROOF = ProofParameters(
    k1=12,
    k2=4,
    pow_difficulty=b"\xff" * 32,
    min_num_units=1,
    max_num_units=4,
    labels_per_unit=LABELS_PER_UNIT,
    scrypt_n=2,
)
PARAMETERS = AtxParameters(golden_atx=GOLDEN, tick_size=TICK_SIZE, proof=PROOF, k3=1)
ZERO_CHALLENGE = bytes(32)
NONCES = range(16)


@cache
def labels() -> RecomputedLabels:
    """Return the compiled label function."""
    return RecomputedLabels()


def pow_hash(data: bytes) -> bytes:
    """Stand in for RandomX, which takes 256 MiB."""
    return hash32(data)


@cache
def stored_labels(smesher: SmesherID, commitment: AtxID, num_units: int) -> bytes:
    """Return the labels a smesher's disk would hold."""
    indices = range(num_units * LABELS_PER_UNIT)
    found = labels()(make_commitment(smesher, commitment), indices, PROOF.scrypt_n)
    return b"".join(label[:LABEL_SIZE] for label in found)


@cache
def vrf_nonce(number: int, num_units: int, commitment: AtxID = GOLDEN) -> int:
    """Return a VRF nonce of smesher ``number``; it may lie behind its labels."""
    limit = compute_vrf_difficulty(num_units * LABELS_PER_UNIT)
    of = make_commitment(signer(number).smesher_id, commitment)
    found = labels()(of, range(16 * LABELS_PER_UNIT), PROOF.scrypt_n)
    return min(range(len(found)), key=lambda index: (found[index] >= limit, index))


@cache
def prove_space(number: int, challenge: bytes, num_units: int, commitment: AtxID = GOLDEN) -> Post:
    """Return a PoST of smesher ``number``."""
    data = stored_labels(signer(number).smesher_id, commitment, num_units)
    num_labels = num_units * LABELS_PER_UNIT
    pow_nonce = _find_pow(signer(number).smesher_id, challenge, num_units)
    difficulty = compute_proving_difficulty(PROOF.k1, num_labels)
    scan = PlainScan(make_scan_keys(challenge, NONCES, {0: pow_nonce}, difficulty))
    collected: dict[int, list[int]] = {nonce: [] for nonce in NONCES}
    for nonce, index in scan.scan(data, 0):
        collected[nonce].append(index)
    nonce = next(nonce for nonce in NONCES if len(collected[nonce]) >= PROOF.k2)
    indices = pack_indices(collected[nonce][: PROOF.k2], count_index_bits(num_labels))
    return Post(nonce=nonce, indices=indices, pow=pow_nonce)


def _find_pow(smesher: SmesherID, challenge: bytes, num_units: int) -> int:
    limit = scale_pow_difficulty(PROOF.pow_difficulty, num_units)
    tried = (n for n in count() if pow_hash(make_pow_input(n, 0, challenge, smesher)) < limit)
    return next(tried)


@cache
def poet_round(members: tuple[bytes, ...], leaves: int = POET_LEAVES) -> PoetProofMessage:
    """Return the proof of a PoET round with these members."""
    statement = Hash32(compute_statement(members))
    return PoetProofMessage(
        proof=prove(ClearEngine(), statement, leaves, SECURITY_PARAM),
        poet_service_id=b"test poet",
        round_id="1",
        statement=statement,
        signature=EdSignature.zero(),
    )


def coinbase(number: int) -> Address:
    """Return the account that gets the rewards of smesher ``number``."""
    return Address(bytes(4) + bytes([number]) * 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An ATX with what it takes to accept it."""

    atx: ActivationTxV1
    poet: PoetProofMessage
    number: int

    commitment: AtxID
    """What the smesher's labels commit to."""

    @property
    def blob(self) -> bytes:
        """The ATX as published."""
        return scale.encode(self.atx)

    @property
    def epoch(self) -> int:
        """The epoch it is published in."""
        return self.atx.inner.challenge.publish_epoch


def signed(number: int, inner: InnerActivationTxV1) -> ActivationTxV1:
    """Return an ATX signed by smesher ``number``."""
    owner = signer(number)
    unsigned = ActivationTxV1(inner=inner, smesher=owner.smesher_id, signature=EdSignature.zero())
    return replace(unsigned, signature=owner.sign(Domain.ATX, unsigned.signed_bytes()))


def build(
    number: int,
    challenge: NIPostChallengeV1,
    num_units: int,
    *,
    commitment: AtxID,
    nonce: int | None,
    leaves: int = POET_LEAVES,
) -> Built:
    """Prove time and space for a challenge, and sign the ATX."""
    digest = challenge.challenge_hash()
    members = (bytes(32), bytes(digest))
    poet = poet_round(members, leaves)
    reference = poet.proof.ref
    inner = InnerActivationTxV1(
        challenge=challenge,
        coinbase=coinbase(number),
        num_units=num_units,
        nipost=NIPost(
            membership=prove_membership(members, digest),
            post=prove_space(number, reference, num_units, commitment),
            post_metadata=PostMetadata(challenge=reference, labels_per_unit=LABELS_PER_UNIT),
        ),
        initial_smesher=signer(number).smesher_id if challenge.previous_atx == NO_ATX else None,
        vrf_nonce=nonce,
    )
    return Built(atx=signed(number, inner), poet=poet, number=number, commitment=commitment)


def initial_atx(
    number: int,
    *,
    epoch: int = 1,
    num_units: int = 1,
    positioning: AtxID = GOLDEN,
    commitment: AtxID = GOLDEN,
    leaves: int = POET_LEAVES,
) -> Built:
    """Return the first ATX of smesher ``number``."""
    challenge = NIPostChallengeV1(
        publish_epoch=EpochID(epoch),
        sequence=0,
        previous_atx=NO_ATX,
        positioning_atx=positioning,
        commitment_atx=commitment,
        initial_post=prove_space(number, ZERO_CHALLENGE, num_units, commitment),
    )
    nonce = vrf_nonce(number, num_units, commitment)
    return build(number, challenge, num_units, commitment=commitment, nonce=nonce, leaves=leaves)


def next_atx(
    previous: Built,
    *,
    epoch: int | None = None,
    num_units: int | None = None,
    positioning: AtxID | None = None,
    nonce: int | None = None,
    leaves: int = POET_LEAVES,
) -> Built:
    """Return an ATX that follows ``previous``, an epoch later and upon it by default."""
    before = previous.atx.inner
    challenge = NIPostChallengeV1(
        publish_epoch=EpochID(previous.epoch + 1 if epoch is None else epoch),
        sequence=before.challenge.sequence + 1,
        previous_atx=previous.atx.id,
        positioning_atx=positioning or previous.atx.id,
        commitment_atx=None,
        initial_post=None,
    )
    return build(
        previous.number,
        challenge,
        before.num_units if num_units is None else num_units,
        commitment=previous.commitment,
        nonce=nonce,
        leaves=leaves,
    )


def with_wrong_labels(built: Built) -> Built:
    """Return an ATX whose PoST names a single label, which is not good."""
    nipost, num_units = built.atx.inner.nipost, built.atx.inner.num_units
    assert nipost is not None
    assert nipost.post is not None
    data = stored_labels(built.atx.smesher, built.commitment, num_units)
    good = _good_labels(data, built.poet.proof.ref, nipost.post)
    wrong = next(index for index in range(num_units * LABELS_PER_UNIT) if index not in good)
    bits = count_index_bits(num_units * LABELS_PER_UNIT)
    wrong_post = replace(nipost.post, indices=pack_indices([wrong] * PROOF.k2, bits))
    inner = replace(built.atx.inner, nipost=replace(nipost, post=wrong_post))
    return replace(built, atx=signed(built.number, inner))


def _good_labels(data: bytes, challenge: bytes, post: Post) -> set[int]:
    difficulty = compute_proving_difficulty(PROOF.k1, len(data) // LABEL_SIZE)
    scan = PlainScan(make_scan_keys(challenge, NONCES, {0: post.pow}, difficulty))
    return {index for nonce, index in scan.scan(data, 0) if nonce == post.nonce}


@dataclass
class DirectPostVerifier:
    """Checks PoSTs at once, on the loop; keeps what it was asked."""

    asked: list[tuple[PostClaim, Mode, bool]] = field(default_factory=list)

    async def verify(
        self,
        post: Post,
        claim: PostClaim,
        parameters: ProofParameters,
        mode: Mode,
        *,
        prioritized: bool = False,
    ) -> None:
        """See malfeasance.ports.PostVerifier."""
        self.asked.append((claim, mode, prioritized))
        check_post(post, claim, parameters, mode, labels=labels(), pow_hash=pow_hash)


@dataclass
class SteppedClock:
    """A clock that stands still until somebody sleeps on it."""

    now: int

    def now_ns(self) -> int:
        """See Clock."""
        return self.now

    async def sleep_until(self, instant_ns: int) -> None:
        """See Clock."""
        self.now = max(self.now, instant_ns)


@dataclass
class Told:
    """Listens to everything."""

    atxs: list[tuple[AtxID, bool]] = field(default_factory=list)
    weights: list[AtxID] = field(default_factory=list)
    malicious: list[SmesherID] = field(default_factory=list)

    def on_atx(self, atx: Atx, *, malicious: bool) -> None:
        """See AtxListener."""
        self.atxs.append((atx.id, malicious))

    def on_malfeasance(self, smesher: SmesherID) -> None:
        """See MalfeasanceListener."""
        self.malicious.append(smesher)


@dataclass
class WeightTold:
    """Listens to ATXs that are cached."""

    told: Told

    def on_atx(self, atx: Atx, *, malicious: bool) -> None:
        """See AtxListener."""
        self.told.weights.append(atx.id)


class World:
    """A node that judges ATXs, PoET proofs and proofs of misbehaviour; epoch 1 runs."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "self",
        network: MemoryNetwork | None = None,
        own: Sequence[int] = (),
        parameters: AtxParameters = PARAMETERS,
    ) -> None:
        self.db = LevelDB(folder / name)
        self.atxdata = AtxData()
        self.clock = SteppedClock(TIME.epoch_start(EpochID(1)))
        self.bus = Bus()
        self.network = network or MemoryNetwork()
        self.end = self.network.join(name)
        self.told = Told()
        self.signers: list[Signer] = [signer(number) for number in own]
        self.post_verifier = DirectPostVerifier()
        self.fetcher = Fetcher(
            network=self.end,
            planner=FetchPlanner(entropy=bytes),
            has=self.has,
            batch_timeout_s=0.0,
        )
        self.convictions = Convictions(
            db=self.db,
            atxdata=self.atxdata,
            clock=self.clock,
            bus=self.bus,
            network=self.end,
            signers=lambda: self.signers,
            listeners=[self.told],
        )
        self.poets = PoetHandler(db=self.db, workers=InlineWorkers())
        self.malfeasance = MalfeasanceHandler(
            db=self.db,
            network=self.end,
            verifier=Verifier(GENESIS),
            post_verifier=self.post_verifier,
            proof_parameters=parameters.proof,
            convictions=self.convictions,
        )
        self.atxs = ActivationHandler(
            db=self.db,
            atxdata=self.atxdata,
            clock=self.clock,
            time=TIME,
            bus=self.bus,
            network=self.end,
            fetcher=self.fetcher,
            verifier=Verifier(GENESIS),
            post_verifier=self.post_verifier,
            nonces=RecomputedNonces(
                workers=InlineWorkers(), labels=labels(), scrypt_n=parameters.proof.scrypt_n
            ),
            poets=self.poets,
            convictions=self.convictions,
            parameters=parameters,
            signers=lambda: self.signers,
            listeners=[self.told],
            weight_listeners=[WeightTold(self.told)],
        )
        self.fetcher.register(Hint.ATX, self.atxs.on_synced)
        self.fetcher.register(Hint.POET, self.poets.on_synced)
        self.fetcher.register(Hint.MALFEASANCE, self.malfeasance.on_synced)
        self.end.register("ax1", self.atxs.on_gossip)
        self.end.register("mp1", self.malfeasance.on_gossip)
        kinds = (Hint.ATX, Hint.POET, Hint.MALFEASANCE)
        FetchServer({hint: self._finder(hint) for hint in kinds}).register(self.end)

    def _finder(self, hint: Hint) -> Callable[[Hash32], bytes | None]:
        return lambda key: find_blob(self.db, hint.value, key)

    def has(self, hint: Hint, key: Hash32) -> bool:
        """Tell whether an object is stored."""
        if hint is Hint.ATX:
            return has_atx(self.db, AtxID(key))
        return has_blob(self.db, hint.value, key)

    def start_epoch(self, epoch: int) -> None:
        """Move the clock on."""
        self.clock.now = TIME.epoch_start(EpochID(epoch))

    async def store_poet(self, built: Built) -> PoetRef:
        """Store the PoET proof of an ATX."""
        return await self.poets.store(built.poet)

    async def take(self, *built: Built) -> None:
        """Let the node have ATXs and their PoET proofs, in the epochs they belong to."""
        for one in built:
            await self.store_poet(one)
            self.start_epoch(max(one.epoch, TIME.epoch_of(TIME.layer_at(self.clock.now))))
            await self.atxs.on_synced(Hash32(one.atx.id), self.end.local, one.blob)

    def close(self) -> None:
        """Close the store."""
        self.db.close()
