"""Family ``api/v2alpha1``: what version 2 of the API answered about the recorded chain.

The database of the node is from some layers after the last calls; it is taken back to the
layer of those, and then each recorded request must have the recorded answer or refusal.
Earlier calls that do not depend on the chain are compared too.
"""

import asyncio
import json
import lzma
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from node.api.backend import ApiBackend
from node.api.errors import ApiError
from node.api.v2alpha1.catalog import PUBLIC
from node.config.genesis import genesis_id
from node.config.load import Places, load_config
from node.consensus.transactions.pool import TransactionPool
from node.events import Bus
from node.smesher.identities import Identities
from node.smesher.post_registry import PostRegistry
from node.smesher.smeshing import SupervisedSmeshing
from node.store import schema
from node.store.accounts import revert_accounts
from node.store.db import Database, LevelDB
from node.store.layers import clear_applied
from node.store.rewards import revert_rewards
from node.store.schema import key_u32
from node.store.statesql.files import open_state_sql
from node.store.statesql.load import import_state
from node.store.transactions import revert_transactions
from node.types.address import NO_ADDRESS, Address
from node.types.layer import LayerID
from node.types.layer_time import LayerTime
from scripts.vectors.chain_state import read_dump, write_sqlite
from scripts.vectors.family import Case, Family, compare, read_json_lines, read_lines

VERSION: Final = "spacemesh.v2alpha1."
LAST_PHASE: Final = "end"
SKIPPED: Final = (f"{VERSION}MalfeasanceService", f"{VERSION}NodeService")
"""Absent here, or an answer of its moment."""

CONSTANT: Final = frozenset({"NetworkService"})
"""Services whose answers do not depend on the chain."""


NEEDED: Final = frozenset(
    {
        "accounts",
        "atx_blobs",
        "atxs",
        "blocks",
        "layers",
        "posts",
        "rewards",
        "transactions",
        "transactions_results_addresses",
    }
)
"""Tables that the answers come from."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How far the chain was when the calls were made."""

    latest: LayerID
    processed: LayerID
    applied: LayerID


@dataclass(frozen=True, slots=True)
class Synced:
    """The recorded node was."""

    is_synced: bool = True


@dataclass(slots=True)
class Nobody:
    """The coinbase, which no answer here tells."""

    address: Address = NO_ADDRESS


@dataclass(slots=True)
class Moment:
    """A clock that shows the instant of a call."""

    instant_ns: int = 0

    def now_ns(self) -> int:
        """See Clock."""
        return self.instant_ns

    async def sleep_until(self, instant_ns: int) -> None:
        """See Clock."""
        self.instant_ns = max(self.instant_ns, instant_ns)


def check_lists(folder: Path) -> Iterator[Case]:
    """Compare every recorded call that can be."""
    calls = [call for call in read_json_lines(_one(folder, "api/grpc.jsonl*")) if _is_list(call)]
    last = max(int(call["layer"]) for call in calls if call["phase"] == LAST_PHASE)
    dump = read_dump(_one(folder, "chain/state.jsonl*"))
    with tempfile.TemporaryDirectory() as target, LevelDB(Path(target) / "db") as db:
        write_sqlite(dump, Path(target) / "state.sql")
        with open_state_sql(Path(target) / "state.sql") as file:
            import_state(db, file)
        take_back(db, LayerID(last - 1))
        backend = make_backend(db, folder / "chain" / "config.json", LayerID(last - 1))
        for number, call in enumerate(calls, start=1):
            yield asyncio.run(_compare(backend, f"call {number}", call))


def take_back(db: Database, layer: LayerID) -> None:
    """Forget everything above a layer."""
    with db.batch() as batch:
        revert_accounts(batch, db, layer)
        revert_rewards(batch, db, layer)
        revert_transactions(batch, db, layer)
        clear_applied(batch, db, LayerID(layer + 1))
        for prefix in (schema.LAYER, schema.LAYER_PROCESSED):
            for key in db.keys(prefix, start=key_u32(layer + 1)):
                batch.delete(prefix + key)


def make_backend(db: Database, file: Path, layer: LayerID) -> ApiBackend:
    """Return what the services read, as it was behind a layer."""
    config = load_config(
        places=Places(home=Path("home"), temporary=Path("tmp")), file=file, environment={}
    ).config
    genesis_time = config.genesis.genesis_time
    if genesis_time is None:
        raise ValueError(f"{file} has no genesis time")
    return ApiBackend(
        db=db,
        local=db,
        time=LayerTime(
            genesis_ns=genesis_time,
            layer_duration_ns=config.main.layer_duration,
            layers_per_epoch=config.main.layers_per_epoch,
        ),
        clock=Moment(),
        bus=Bus(),
        config=config,
        genesis_id=genesis_id(genesis_time, config.genesis.extra_data),
        mesh=Marks(layer, layer, layer),
        pool=TransactionPool(db=db, gas_limit=config.main.block_gas_limit, entropy=bytes),
        sync=Synced(),
        identities=Identities(),
        post_registry=PostRegistry(),
        smeshing=SupervisedSmeshing(post=None, coinbase_account=Nobody(), provider=0),
        submit=_refuse,
        peers=lambda: 0,
        version="",
        build="",
    )


async def _compare(backend: ApiBackend, place: str, call: Mapping[str, Any]) -> Case:
    service, name = call["method"].removeprefix(VERSION).split("/")
    found = next(
        made for make in PUBLIC.values() if (made := make(backend)).descriptor.name == service
    )
    described = found.descriptor.methods_by_name[name]
    method = cast("Callable[[Message], Awaitable[Message]]", found.methods[name])
    time = backend.time
    instant_ns = time.genesis_ns + int(call["layer"] * time.layer_duration_ns)
    await backend.clock.sleep_until(instant_ns)
    label = f"{place}, {call['method']} {json.dumps(call['request'])[:80]}"
    request = ParseDict(call["request"], GetMessageClass(described.input_type)())
    try:
        ours = _plain(await method(request))
    except ApiError as error:
        status: tuple[int, str] = error.status.value
        ours = {"code": status[0], "message": str(error), "details": []}
    if call.get("error") is not None:
        return compare(label, ours, call["error"])
    recorded = ParseDict(call["response"], GetMessageClass(described.output_type)())
    return compare(label, ours, _plain(recorded))


def _is_list(call: Mapping[str, Any]) -> bool:
    method = call["method"]
    if not method.startswith(VERSION) or call["kind"] != "unary" or method.startswith(SKIPPED):
        return False
    service = method.removeprefix(VERSION).split("/")[0]
    is_verdict = call.get("error") is not None and "failed to parse tx" not in str(call["error"])
    return call["phase"] == LAST_PHASE or is_verdict or service in CONSTANT


def _plain(message: Message) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True)


async def _refuse(raw: bytes) -> None:
    raise AssertionError(f"{raw.hex()} was to be published")


def _one(folder: Path, pattern: str) -> Path:
    return min(folder.glob(pattern))


def cut_folder(source: Path, target: Path) -> None:
    """Write the recorded calls and the tables they need of a vectors folder to another one."""
    calls = [
        line for line in read_lines(_one(source, "api/grpc.jsonl*")) if _is_list(json.loads(line))
    ]
    head, *rows = read_lines(_one(source, "chain/state.jsonl*"))
    kept = [row for row in rows if row.startswith("{") or json.loads(row)[0] in NEEDED]
    for name, lines in (("api/grpc.jsonl.xz", calls), ("chain/state.jsonl.xz", [head, *kept])):
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(lzma.compress("".join(f"{line}\n" for line in lines).encode(), preset=9))
    config = (source / "chain" / "config.json").read_bytes()
    (target / "chain" / "config.json").write_bytes(config)


FAMILIES = (
    Family(
        "api/v2alpha1",
        ("api/grpc.jsonl*", "chain/state.jsonl*", "chain/config.json"),
        check_lists,
    ),
)
