"""Families ``network/requests`` and ``network/sync-trace``: what Go nodes answered their peers.

Every recorded request is put to our server over the database that a Go node ended with, and
the response is compared with the recorded bytes.  That node had thrown away its certificates
and active sets by then; those that were recorded are put back first.  Four things cannot be
equal, and are compared in meaning:

- lists of identifiers and objects come in any order;
- two nodes with one key made ballots that differ in nothing but their base, which neither
  identifier nor signature covers: every node keeps the one that came first;
- a question that was asked while its subject was still going on: then the recorded answer
  may say less than ours, but nothing else;
- a stream that was closed without a word: then our server has to refuse the request too.

Requests that never reached a server are left out: a protocol that does not exist, a node that
was too busy; and those about what is not in the database, proposals and later layers.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from node.base import scale
from node.base.errors import DecodeError, SpacemeshError
from node.net.fetch.mesh_client import decode_ids
from node.net.fetch.mesh_server import MeshServer
from node.net.fetch.server import FetchServer
from node.net.fetch.wire import (
    ACTIVE_SETS,
    EPOCH_ATXS,
    HASHES,
    LAYER_DATA,
    MALICIOUS_IDS,
    MAX_IDS,
    MESH_HASHES,
    OPINIONS,
    EpochRequest,
    Hint,
    LayerOpinion,
    LayerRequest,
    MeshHashRequest,
    OpinionRequest,
    RequestBatch,
    ResponseBatch,
    ServerResponse,
)
from node.net.ports import PeerID
from node.store.activesets import put_active_set
from node.store.blobs import find_blob
from node.store.blocks import find_latest_block_layer
from node.store.certificates import put_certificate
from node.store.db import Batch, Database, LevelDB, Reader
from node.store.layers import NO_HASH
from node.store.statesql.files import open_state_sql
from node.store.statesql.load import import_state
from node.types.active_set import EpochActiveSet
from node.types.ballot import Ballot
from node.types.certificate import Certificate
from node.types.ids import BallotID, Hash32
from scripts.vectors.chain_state import read_dump, write_sqlite
from scripts.vectors.family import Case, Family, read_json, read_json_lines

LAYER_S: Final = 6
"""Length of a layer of the recorded networks, seconds."""
EPOCH_LAYERS: Final = 10
SETTLED_LAYERS: Final = 3
"""Layers after which nothing is said of one any more."""
NS_PER_S: Final = 10**9
PEER: Final = PeerID("recorded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One recorded exchange."""

    name: str
    protocol: str
    request: bytes

    response: bytes
    """All bytes until the stream was closed."""

    layer: float
    """When, in layers since genesis."""


class Answers:
    """Our servers over one database."""

    def __init__(self, db: Reader) -> None:
        self.last = find_latest_block_layer(db) or 0
        self._handlers: dict[str, Callable[[PeerID, bytes], Awaitable[bytes]]] = {}
        FetchServer({hint: partial(_find, db, hint) for hint in Hint}).register(self)
        MeshServer(db).register(self)

    def serve(self, protocol: str, handler: Callable[[PeerID, bytes], Awaitable[bytes]]) -> None:
        """See Requests."""
        self._handlers[protocol] = handler

    async def request(self, peer: PeerID, protocol: str, data: bytes) -> bytes:
        """Return our answer.

        Raises:
            SpacemeshError: it is an error.
        """
        return await self._handlers[protocol](peer, data)


def _find(db: Reader, hint: Hint, key: Hash32) -> bytes | None:
    return None if hint is Hint.PROPOSAL else find_blob(db, hint, key)


def compare_exchange(answers: Answers, recorded: Recorded) -> str:
    """Return how our answer differs from the recorded one; empty if it does not."""
    try:
        ours = ServerResponse(data=_ask(answers, recorded), error="")
    except SpacemeshError as error:
        if not recorded.response:
            return "" if isinstance(error, DecodeError) else f"refused: {error}"
        ours = ServerResponse(data=b"", error=str(error))
    if scale.encode(ours) == recorded.response:
        return ""
    if not recorded.response:
        return "answered what the recorded node did not"
    theirs = scale.decode(ServerResponse, recorded.response)
    if _means_the_same(recorded, ours, theirs):
        return ""
    return f"{ours.error or ours.data.hex()}, recorded {theirs.error or theirs.data.hex()}"


def _ask(answers: Answers, recorded: Recorded) -> bytes:
    return asyncio.run(answers.request(PEER, recorded.protocol, recorded.request))


def _means_the_same(recorded: Recorded, ours: ServerResponse, theirs: ServerResponse) -> bool:
    if recorded.protocol == MESH_HASHES:
        last = scale.decode(MeshHashRequest, recorded.request).last
        return "not found layers" in theirs.error and _is_open(recorded, last)
    return not ours.error and not theirs.error and _same_data(recorded, ours, theirs)


def _same_data(recorded: Recorded, ours: ServerResponse, theirs: ServerResponse) -> bool:
    match recorded.protocol:
        case "ax/1":
            epoch = scale.decode(EpochRequest, recorded.request).epoch
            is_open = recorded.layer < (epoch + 2) * EPOCH_LAYERS
            return _same_ids(Hash32, ours.data, theirs.data, is_open=is_open)
        case "ml/1":
            return _same_ids(Hash32, ours.data, theirs.data, is_open=True)
        case "ld/1":
            layer = scale.decode(LayerRequest, recorded.request).layer
            is_open = _is_open(recorded, layer)
            return _same_ids(BallotID, ours.data, theirs.data, is_open=is_open)
        case "lp/2":
            return _same_opinion(recorded, ours.data, theirs.data)
        case _:
            return _same_objects(recorded, ours.data, theirs.data)


def _is_open(recorded: Recorded, layer: int) -> bool:
    """Tell whether there was more to come of a layer when the question was asked."""
    return recorded.layer < layer + SETTLED_LAYERS


def _same_ids(
    cls: type[Hash32] | type[BallotID], ours: bytes, theirs: bytes, *, is_open: bool
) -> bool:
    here = asyncio.run(decode_ids(cls, ours, MAX_IDS))
    there = asyncio.run(decode_ids(cls, theirs, MAX_IDS))
    if len(set(there)) != len(there) or not set(there) <= set(here):
        return False
    return is_open or len(there) == len(here)


def _same_opinion(recorded: Recorded, ours: bytes, theirs: bytes) -> bool:
    request = scale.decode(OpinionRequest, recorded.request)
    if not _is_open(recorded, request.layer):
        return False
    if request.block is not None:
        return not theirs
    here, there = scale.decode(LayerOpinion, ours), scale.decode(LayerOpinion, theirs)
    return there.previous_mesh_hash in (here.previous_mesh_hash, NO_HASH) and there.certified in (
        here.certified,
        None,
    )


def _same_objects(recorded: Recorded, ours: bytes, theirs: bytes) -> bool:
    """Compare batches; an object that came after the question may be missing."""
    hints = {r.hash: r.hint for r in scale.decode(RequestBatch, recorded.request).requests}
    here, there = scale.decode(ResponseBatch, ours), scale.decode(ResponseBatch, theirs)
    mine = {one.hash: one.data for one in here.responses}
    found = {one.hash: one.data for one in there.responses if hints[one.hash] != Hint.PROPOSAL}
    return here.id == there.id and all(
        key in mine and _same_object(hints[key], mine[key], data) for key, data in found.items()
    )


def _same_object(hint: str, ours: bytes, theirs: bytes) -> bool:
    if ours == theirs or hint != Hint.BALLOT:
        return ours == theirs
    here, there = scale.decode(Ballot, ours), scale.decode(Ballot, theirs)
    return here == replace(there, votes=replace(there.votes, base=here.votes.base))


def put_back(db: Database, exchanges: Iterable[Recorded]) -> None:
    """Store the certificates and active sets of recorded answers."""
    with db.batch() as batch:
        for recorded in exchanges:
            if recorded.protocol == OPINIONS:
                _put_certificate(batch, recorded)
            elif recorded.protocol in (HASHES, ACTIVE_SETS):
                _put_active_sets(batch, recorded)


def _put_certificate(batch: Batch, recorded: Recorded) -> None:
    data = scale.decode(ServerResponse, recorded.response).data
    if data and (request := scale.decode(OpinionRequest, recorded.request)).block is not None:
        put_certificate(batch, request.layer, scale.decode(Certificate, data))


def _put_active_sets(batch: Batch, recorded: Recorded) -> None:
    if not recorded.response:
        return
    data = scale.decode(ServerResponse, recorded.response).data
    if not data:
        return
    requests = scale.decode(RequestBatch, recorded.request).requests
    wanted = {one.hash for one in requests if one.hint == Hint.ACTIVE_SET}
    for one in scale.decode(ResponseBatch, data).responses:
        if one.hash in wanted:
            put_active_set(batch, one.hash, scale.decode(EpochActiveSet, one.data))


def read_exchanges(folder: Path, stem: str, genesis_s: float) -> Iterator[Recorded]:
    """Yield the exchanges of a file that reached a server."""
    (path,) = folder.glob(f"network/{stem}.jsonl*")
    for number, line in enumerate(read_json_lines(path), 1):
        if line["protocol"] not in _PROTOCOLS or not _was_served(line):
            continue
        yield Recorded(
            name=f"{stem}, line {number}",
            protocol=line["protocol"],
            request=bytes.fromhex(line["request"]),
            response=bytes.fromhex(line["wire_response"]),
            layer=_seconds(line["t"], genesis_s) / LAYER_S,
        )


_PROTOCOLS: Final = (
    EPOCH_ATXS,
    LAYER_DATA,
    MESH_HASHES,
    MALICIOUS_IDS,
    OPINIONS,
    HASHES,
    ACTIVE_SETS,
)


def _was_served(line: dict[str, Any]) -> bool:
    """Tell whether a server spoke, or refused the request for what it is."""
    return bool(line["wire_response"]) or line.get("decode_error") == "EOF"


def _seconds(instant: float | str, genesis_s: float) -> float:
    """Return seconds after genesis."""
    if isinstance(instant, str):
        return datetime.fromisoformat(instant[:19] + "+00:00").timestamp() - genesis_s
    return instant


def _is_about_later(recorded: Recorded, last: int) -> bool:
    """Tell whether a request is about a layer that the database knows nothing of."""
    match recorded.protocol:
        case "ld/1":
            cls: Any = LayerRequest
        case "lp/2":
            cls = OpinionRequest
        case "ax/1":
            cls = EpochRequest
        case _:
            return False
    try:
        request = scale.decode(cls, recorded.request)
    except DecodeError:
        return False
    if isinstance(request, EpochRequest):
        return (request.epoch + 1) * EPOCH_LAYERS > last and recorded.layer > last
    return bool(request.layer > last and recorded.layer > last)


def check(folder: Path, *, stem: str, state: str, meta: str) -> Iterator[Case]:
    """Put every request of a file to our servers."""
    (dump,) = folder.glob(f"network/{state}.jsonl*")
    genesis = read_json(folder / "network" / meta)["genesis"]
    genesis_s = datetime.fromisoformat(genesis).timestamp()
    with tempfile.TemporaryDirectory() as target:
        sql = Path(target) / "state.sql"
        write_sqlite(read_dump(dump), sql)
        with LevelDB(Path(target) / "state") as db:
            with open_state_sql(sql) as file:
                import_state(db, file)
            exchanges = tuple(read_exchanges(folder, stem, genesis_s))
            put_back(db, exchanges)
            answers = Answers(db)
            for recorded in exchanges:
                if not _is_about_later(recorded, answers.last):
                    yield Case(recorded.name, compare_exchange(answers, recorded))


def _family(name: str, stem: str, state: str, meta: str) -> Family:
    files = (f"network/{stem}.jsonl*", f"network/{state}.jsonl*", f"network/{meta}")
    return Family(name, files, partial(check, stem=stem, state=state, meta=meta))


FAMILIES = (
    _family("network/requests", "requests", "state-node0", "meta.json"),
    _family("network/sync-trace", "hare4-sync-trace", "hare4-state-node0", "hare4-meta.json"),
)
