"""What a PoET server remembers: rounds, members, proofs, its key and pow challenge.

A LevelDB database of its own, apart from the node's.  Every write is synced: a smesher is
told that it is registered, or given a proof, only after that is on disk.

Keys (numbers big-endian, so that byte order is numeric order) and values:

    m | round (4) | node id (32)   the member's challenge, 32 bytes
    r | round (4)                  StoredRound
    p | round (4)                  PoetProof
    c, d                           pow challenge in force, and the one before
    k                              the service's private key, seed and public half
    v                              version of this layout, 1 byte

Members iterate in the order of their node ids, which is the order of the statement.

Source: PoET digest sections 5, 8 and 12.4.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Protocol, Self

import plyvel

from node.base import scale
from node.base.errors import DecodeError, StoreError
from node.base.scale import U8, Limit
from node.poet.round import Phase, RoundStatus
from node.runtime.files import make_folder
from node.types.poet import PoetProof

VERSION: Final = b"\x01"
MEMBER: Final = b"m"
ROUND: Final = b"r"
AFTER_ROUND: Final = b"s"
PROOF: Final = b"p"
POW_CHALLENGE: Final = b"c"
PREVIOUS_POW_CHALLENGE: Final = b"d"
SERVICE_KEY: Final = b"k"
LAYOUT: Final = b"v"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRound:
    """A round's place in its life."""

    phase: U8
    statement: Annotated[bytes, Limit(32)]


class _Batch(Protocol):
    """Writes that become visible together."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set ``key``."""


class RoundStore:
    """The database of one server.

    Raises:
        StoreError: it cannot be opened: damaged, in use, or from a newer version.
    """

    def __init__(self, path: Path) -> None:
        try:
            make_folder(path)
            self._db = plyvel.DB(str(path), create_if_missing=True)
        except (OSError, plyvel.Error) as error:
            raise StoreError(
                f"PoET database {path}: {error}",
                hint="is another process using it?",
            ) from error
        version = self._db.get(LAYOUT)
        if version is None:
            self._db.put(LAYOUT, VERSION, sync=True)
        elif version != VERSION:
            self._db.close()
            raise StoreError(
                f"PoET database {path} has version {version.hex()}, known is {VERSION.hex()}",
                hint="use the program that wrote it",
            )

    def close(self) -> None:
        """Release the database."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def service_key(self, fresh: bytes) -> bytes:
        """Return the service's private key, which is ``fresh`` if there was none."""
        return self._get_or_put(SERVICE_KEY, fresh)

    def pow_challenges(self, fresh: bytes) -> tuple[bytes, ...]:
        """Return the challenge in force (``fresh`` if there was none) and that before it."""
        current = self._get_or_put(POW_CHALLENGE, fresh)
        previous = self._db.get(PREVIOUS_POW_CHALLENGE)
        return (current,) if previous is None else (current, previous)

    def unfinished(self) -> tuple[RoundStatus, ...]:
        """Return the rounds that are neither finished nor skipped, and the last of those."""
        rounds = list(self._rounds())
        over = [status for status in rounds if status.phase > Phase.EXECUTING]
        return (*(status for status in rounds if status.phase <= Phase.EXECUTING), *over[-1:])

    def members(self, round_id: int) -> dict[bytes, bytes]:
        """Return challenges by node id, in the order of the node ids."""
        start, stop = (MEMBER + _number(number) for number in (round_id, round_id + 1))
        with self._db.iterator(start=start, stop=stop) as pairs:
            return {key[len(start) :]: challenge for key, challenge in pairs}

    def add_members(self, round_id: int, challenges: Mapping[bytes, bytes]) -> None:
        """Write members of an open round."""
        with self._writing() as batch:
            batch.put(ROUND + _number(round_id), _encode(RoundStatus(round_id, Phase.OPEN)))
            for node_id, challenge in challenges.items():
                batch.put(MEMBER + _number(round_id) + node_id, challenge)

    def put_round(self, status: RoundStatus) -> None:
        """Write where a round is in its life."""
        with self._writing() as batch:
            batch.put(ROUND + _number(status.round_id), _encode(status))

    def finish_round(self, round_id: int, statement: bytes, proof: PoetProof) -> None:
        """Write a proof, end its round and make its root the pow challenge, all at once."""
        with self._writing() as batch:
            batch.put(PROOF + _number(round_id), scale.encode(proof))
            finished = RoundStatus(round_id, Phase.FINISHED, statement)
            batch.put(ROUND + _number(round_id), _encode(finished))
            current = self._db.get(POW_CHALLENGE)
            if current is not None:
                batch.put(PREVIOUS_POW_CHALLENGE, current)
            batch.put(POW_CHALLENGE, proof.merkle_proof.root)

    def find_proof(self, round_id: int) -> PoetProof | None:
        """Return a round's proof, if it has one."""
        data = self._db.get(PROOF + _number(round_id))
        return None if data is None else scale.decode(PoetProof, data)

    def _rounds(self) -> Iterator[RoundStatus]:
        with self._db.iterator(start=ROUND, stop=AFTER_ROUND) as pairs:
            for key, value in pairs:
                round_id = int.from_bytes(key[len(ROUND) :], "big")
                try:
                    stored = scale.decode(StoredRound, value)
                    yield RoundStatus(round_id, Phase(stored.phase), stored.statement)
                except (DecodeError, ValueError) as error:
                    raise StoreError(f"PoET database: round {round_id}: {error}") from error

    def _get_or_put(self, key: bytes, fresh: bytes) -> bytes:
        stored = self._db.get(key)
        if stored is None:
            self._db.put(key, fresh, sync=True)
            return fresh
        return stored

    @contextmanager
    def _writing(self) -> Iterator[_Batch]:
        """Write what is put into the batch, all or nothing, when the block ends well."""
        batch = self._db.write_batch(sync=True)
        yield batch
        try:
            batch.write()
        except plyvel.Error as error:
            raise StoreError(f"PoET database: a write failed: {error}") from error


def _number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _encode(status: RoundStatus) -> bytes:
    return scale.encode(StoredRound(phase=int(status.phase), statement=status.statement))
