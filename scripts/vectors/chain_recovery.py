"""Family ``chain/recovery``: a node that was restarted from a checkpoint.

Its database is the one of ``recovered-state``.  Compared are: the rows that a recovery
makes of the checkpoint, the answers of the API over them, and what was fetched and kept.
"""

import asyncio
import json
import tempfile
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from node.api.backend import ApiBackend
from node.api.catalog import PUBLIC, make_services
from node.store.db import Database, LevelDB
from node.store.statesql import state_rows
from node.store.statesql.files import SqlFile, open_state_sql
from node.store.statesql.load import import_state
from node.types.account import Account
from node.types.address import Address
from node.types.ids import AtxID, SmesherID
from node.types.layer import LayerID
from scripts.vectors.api_lists import Moment, Synced, make_backend
from scripts.vectors.chain_state import read_dump, write_sqlite
from scripts.vectors.family import Case, Family, compare, read_json

RECOVERY: Final = "chain/recovery.json*"
RECOVERED: Final = "chain/recovered-state.jsonl*"


def check_recovery(folder: Path) -> Iterator[Case]:
    """Compare rows, answers and files of the recovered node."""
    recorded = read_json(_one(folder, RECOVERY))
    uri, layer = recorded["config_recovery"].values()
    name = Path(urlsplit(uri).path).name
    yield compare("fetched", [f"/{name}"], [path for path, _ in recorded["requests"]])
    kept = [path.partition("/")[2] for path in recorded["files"] if path.startswith("recovery.")]
    yield compare("kept", [f"{name}-restore-{layer}"], kept)
    with tempfile.TemporaryDirectory() as target, LevelDB(Path(target) / "db") as db:
        write_sqlite(read_dump(_one(folder, RECOVERED)), Path(target) / "state.sql")
        with open_state_sql(Path(target) / "state.sql") as file:
            checkpoint = read_json(_one(folder, f"chain/checkpoint-{name}.json*"))["data"]
            yield from _check_rows(checkpoint, LayerID(layer), file)
            import_state(db, file)
        yield from _check_answers(folder, recorded["api"], LayerID(layer), db)


def recovered_backend(
    db: Database, config: Path, restored: LayerID, current: LayerID
) -> ApiBackend:
    """Return what the services read of a node that has synced nothing since its recovery.

    Args:
        db: the recovered state.
        config: the node's configuration.
        restored: layer at which it began again.
        current: layer by the clock.
    """
    genesis = LayerID(restored - 1)
    backend = make_backend(db, config, genesis)
    time = replace(backend.time, restored_layer=restored)
    clock = Moment(time.start_of(current))
    return replace(backend, time=time, clock=clock, sync=Synced(is_synced=False))


def _check_rows(checkpoint: Any, restored: LayerID, file: SqlFile) -> Iterator[Case]:
    """Compare accounts and ATXs with those of the checkpoint, taken over."""
    accounts = {account.address: account for account in file.rows(state_rows.ACCOUNTS)}
    ours = {one.address: one for one in map(_account(restored), checkpoint["accounts"])}
    for address in sorted(ours.keys() | accounts.keys()):
        yield compare(f"account {address.hex()}", ours.get(address), accounts.get(address))
    stored = {row.id: row for row in file.rows(state_rows.ATXS)}
    taken = {row.id: row for row in map(_atx, checkpoint["atxs"])}
    for identifier in sorted(taken.keys() | stored.keys()):
        name = f"ATX {identifier.hex()}"
        yield compare(name, taken.get(identifier), stored.get(identifier))
    (recovery,) = file.rows(state_rows.RECOVERY)
    yield compare("restore layer", restored, recovery.restore_layer)


def _account(restored: LayerID) -> Callable[[Any], Account]:
    """Return what makes the version that a recovery writes: in the layer before it."""

    def make(recorded: Any) -> Account:
        template = recorded.get("template")
        return Account(
            layer=LayerID(restored - 1),
            address=Address(b64decode(recorded["address"])),
            next_nonce=recorded["nonce"],
            balance=recorded["balance"],
            template=None if template is None else Address(b64decode(template)),
            state=b64decode(recorded.get("state") or ""),
        )

    return make


def _atx(recorded: Any) -> state_rows.AtxRow:
    marriage = recorded["marriageAtx"]
    return state_rows.AtxRow(
        id=AtxID(b64decode(recorded["id"])),
        publish_epoch=recorded["epoch"],
        num_units=recorded["numUnits"],
        commitment_atx=AtxID(b64decode(recorded["commitmentAtx"])),
        vrf_nonce=recorded["vrfNonce"],
        base_tick_height=recorded["baseTickHeight"],
        tick_count=recorded["tickCount"],
        sequence=recorded["sequence"],
        smesher=SmesherID(b64decode(recorded["publicKey"])),
        coinbase=Address(b64decode(recorded["coinbase"])),
        received_ns=0,
        validity=0,
        marriage_atx=None if marriage is None else AtxID(b64decode(marriage)),
        weight=None,
    )


def _check_answers(
    folder: Path, calls: list[Any], restored: LayerID, db: Database
) -> Iterator[Case]:
    current = next(
        json.loads(call["out"])["status"]["topLayer"]["number"]
        for call in calls
        if call["method"].endswith("NodeService/Status")
    )
    config = _one(folder, "chain/config.json")
    backend = recovered_backend(db, config, restored, LayerID(current))
    services = {one.descriptor.full_name: one for one in make_services(backend, PUBLIC)}
    for call in calls:
        service, name = call["method"].split("/")
        found = services[service]
        described = found.descriptor.methods_by_name[name]
        method = cast("Callable[[Message], Awaitable[Message]]", found.methods[name])
        request = ParseDict(call["request"], GetMessageClass(described.input_type)())
        ours = asyncio.run(_answer(method, request))
        recorded = ParseDict(json.loads(call["out"]), GetMessageClass(described.output_type)())
        yield compare(call["method"], ours, MessageToDict(recorded))


async def _answer(
    method: Callable[[Message], Awaitable[Message]], request: Message
) -> dict[str, Any]:
    return MessageToDict(await method(request))


def _one(folder: Path, pattern: str) -> Path:
    return min(folder.glob(pattern))


FAMILIES = (Family("chain/recovery", (RECOVERY, RECOVERED, "chain/config.json"), check_recovery),)
