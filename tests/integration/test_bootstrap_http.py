"""Bootstrap files from a web server on this machine, through the real HTTP client."""

import asyncio
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from node.base.errors import UnavailableError
from node.checkpoint.bootstrap import HttpUpdates
from node.checkpoint.bootstrap_file import SCHEMA_VERSION, EpochUpdate, encode_update, parse_update
from node.config.durations import Instant
from node.config.load import Override, Places, load_config
from node.events import BeaconDecided
from node.layer_ticker import SystemClock
from node.poet.prover import InlineProver
from node.poet.work import ClearEngine
from node.runtime.http import JSON, HttpAnswer, open_http
from node.standalone import open_standalone
from node.store.activesets import find_active_set
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.ids import AtxID, Beacon
from node.types.layer import EpochID

NS = 10**9
UPDATE = EpochUpdate(
    epoch=EpochID(2), beacon=Beacon(b"\x01\x02\x03\x04"), atx_ids=(AtxID(b"\x07" * 32),)
)


class Files(BaseHTTPRequestHandler):
    """A folder with one file, a detour to it, an empty file, and an echo."""

    def do_GET(self) -> None:
        match self.path:
            case "/net/epoch-2-update-bs":
                self._answer(200, encode_update(UPDATE))
            case "/moved":
                self.send_response(302)
                self.send_header("Location", "/net/epoch-2-update-bs")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case "/empty":
                self._answer(200, b"")
            case _:
                self._answer(404, b"nothing here")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(403, self.headers["Content-Type"].encode() + b" " + body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as listening:
        thread = Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def fetch(url: str) -> bytes | None:
    async def main() -> bytes | None:
        async with open_http() as client:
            return await HttpUpdates(client).fetch(url)

    return asyncio.run(main())


@pytest.mark.parametrize("path", ["/net/epoch-2-update-bs", "/moved"])
def test_a_file_is_fetched(server: str, path: str) -> None:
    data = fetch(server + path)
    assert data is not None
    assert parse_update(data, SCHEMA_VERSION) == UPDATE


@pytest.mark.parametrize("path", ["/net/epoch-3-update-bs", "/empty"])
def test_a_missing_or_empty_file_is_none(server: str, path: str) -> None:
    assert fetch(server + path) is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "ftp://127.0.0.1/x", "x", "http://[::1"])
def test_who_cannot_be_asked_is_unavailable(url: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        fetch(url)
    assert caught.value.code == "smesh.unavailable.http"


def test_an_endless_answer_is_not_read_to_its_end(server: str) -> None:
    async def main() -> None:
        async with open_http() as client:
            await client.get(f"{server}/moved", max_bytes=10)

    with pytest.raises(UnavailableError, match="above 10 bytes"):
        asyncio.run(main())


def test_json_is_sent_and_any_answer_returned(server: str) -> None:
    async def main() -> HttpAnswer:
        async with open_http() as client:
            return await client.post_json(f"{server}/certify", b"{}", max_bytes=100)

    assert asyncio.run(main()) == HttpAnswer(403, f"{JSON} {{}}".encode())


async def test_a_node_takes_beacon_and_active_set_from_the_server(
    server: str, tmp_path: Path
) -> None:
    values = {
        # Epoch 1 of a network of one-minute epochs.
        "genesis.genesis-time": str(Instant(time.time_ns() - 70 * NS)),
        "main.data-folder": str(tmp_path / "data"),
        "main.filelock": str(tmp_path / "LOCK"),
        "bootstrap.bootstrap-url": f"{server}/net",
        "smeshing.smeshing-start": "false",
    }
    config = load_config(
        places=Places(home=tmp_path, temporary=tmp_path),
        preset="standalone",
        flags=[Override(key, value, "test") for key, value in values.items()],
    ).config
    prover = InlineProver(ClearEngine())
    async with open_standalone(config, clock=SystemClock(), poet_prover=prover) as standalone:
        node = standalone.node
        updater = node.bootstrap
        assert updater is not None
        with node.bus.subscribe(BeaconDecided) as decided:
            async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
                running = tasks.create_task(updater.run())
                event = await anext(aiter(decided))
                running.cancel()
        digest = active_set_hash(UPDATE.atx_ids)
        assert find_active_set(node.db, digest) == EpochActiveSet(
            epoch=EpochID(2), atx_ids=UPDATE.atx_ids
        )
    assert event == BeaconDecided(epoch=EpochID(2), beacon=Beacon(b"\x01\x02\x03\x04"))
    kept = tmp_path / "data" / "bootstrap" / "2" / "epoch-2-update-bs"
    assert kept.read_bytes() == encode_update(UPDATE)
