"""PoET proofs: of peers on request, of our own PoETs; and what ATXs ask of them.

``PoetHandler.on_synced`` takes a proof a peer sent, ``store`` one that our own client
fetched, ``find`` tells statement and leaf count of a stored one.

Source: go-spacemesh, activation/poetdb.go; PoET digest 10.4, activation digest 8.4.
"""

from dataclasses import dataclass, field
from typing import Final

from node.base import scale
from node.base.errors import WrongObjectError
from node.base.lru import LruMap
from node.net.ports import PeerID
from node.poet.verifying import check_proof_message
from node.poet.work import ClearEngine, Engine
from node.runtime.workers import Workers
from node.store.db import Database
from node.store.poets import find_poet, has_poet, put_poet
from node.types.ids import Hash32, PoetRef
from node.types.poet import PoetProofMessage

DEFAULT_CACHE_SIZE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetWork:
    """What an ATX takes from a PoET proof: some 100 bytes of up to 140 kB."""

    statement: Hash32
    """Root over the members."""

    leaf_count: int
    """Leaves of the work."""


@dataclass(kw_only=True)
class PoetHandler:
    """Checks and stores PoET proofs."""

    db: Database

    workers: Workers
    """A proof takes some 40 ms of pure Python: processes, or inline in simulations."""

    engine: Engine = field(default_factory=ClearEngine)
    """Recomputes labels; handed to the workers with each proof."""

    cache_size: int = DEFAULT_CACHE_SIZE
    """``poet.poet-proofs-cache``."""

    _known: LruMap[PoetRef, PoetWork] = field(init=False)

    def __post_init__(self) -> None:
        """Start with an empty cache."""
        self._known = LruMap(max(1, self.cache_size))

    def find(self, reference: PoetRef) -> PoetWork | None:
        """Return what a stored proof shows, or None."""
        known = self._known.get(reference)
        if known is not None:
            return known
        message = find_poet(self.db, reference)
        return None if message is None else self._remember(reference, message)

    async def on_synced(self, expected: Hash32, peer: PeerID, data: bytes) -> None:
        """Handle a proof that a peer sent; one that is stored already is fine.

        Raises:
            DecodeError: it is malformed.
            RejectError: it is another proof, or not good.
            UnavailableError: it could not be checked.
        """
        message = scale.decode(PoetProofMessage, data)
        if bytes(message.proof.ref) != expected:
            raise WrongObjectError(
                f"peer {peer} sent poet proof {message.proof.ref}, not {expected}"
            )
        await self.store(message)

    async def store(self, message: PoetProofMessage) -> PoetRef:
        """Check and store a proof; the first one stored under a reference stays.

        Raises:
            RejectError: it is not good.
            UnavailableError: it could not be checked.
        """
        reference = message.proof.ref
        if has_poet(self.db, reference):
            return reference
        await self.workers.run(check_proof_message, message, self.engine)
        # Another one may have come meanwhile: statement and round are not bound by the reference.
        if not has_poet(self.db, reference):
            with self.db.batch() as batch:
                put_poet(batch, message)
            self._remember(reference, message)
        return reference

    def _remember(self, reference: PoetRef, message: PoetProofMessage) -> PoetWork:
        work = PoetWork(statement=message.statement, leaf_count=message.proof.leaf_count)
        self._known.put(reference, work)
        return work
