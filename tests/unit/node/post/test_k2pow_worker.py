"""A k2pow worker and its client, over real sockets of this machine."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

import pytest

from node.base.errors import UnavailableError, UsageError
from node.post import k2pow_worker
from node.post.k2pow import ProvingStoppedError
from node.post.k2pow_jobs import ALIVE, Job
from node.post.k2pow_worker import JobQueue, K2powServer, RemotePow
from tests.support.post_labels import SMESHER
from tests.support.post_proofs import CHALLENGE, EASY, search_pow

JOB = Job(2, CHALLENGE[:8], EASY, SMESHER)


@contextmanager
def serving(search: Callable[..., int] = search_pow) -> Iterator[str]:
    jobs = JobQueue(search)
    with K2powServer(("127.0.0.1", 0), jobs) as server:
        threads = [
            threading.Thread(target=jobs.run),
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}),
        ]
        for thread in threads:
            thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            jobs.close()
            server.shutdown()
            for thread in threads:
                thread.join(10)


def ask(url: str, method: str, path: str, body: bytes | None = None) -> tuple[int, str, str | None]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    connection.request(method, path, body)
    response = connection.getresponse()
    answer = response.read().decode()
    connection.close()
    return response.status, answer, response.getheader("Content-Type")


def never() -> bool:
    return False


def client(url: str) -> RemotePow:
    return RemotePow(url, backoff_s=0, pause=lambda _: None)


def test_the_client_gets_what_a_search_here_finds() -> None:
    with serving() as url:
        for group in range(3):
            found = client(url)(group, CHALLENGE, SMESHER, EASY, stopped=never)
            assert found == search_pow(group, CHALLENGE, SMESHER, EASY, stopped=never)


def test_the_server_speaks_http() -> None:
    with serving() as url:
        assert ask(url, "GET", "/") == (200, ALIVE, "text/plain; charset=utf-8")
        assert ask(url, "POST", "/", b"body") == (405, "", None)
        assert ask(url, "GET", "/nothing") == (404, "", None)


def test_a_failed_search_ends_the_asking() -> None:
    def fail(*_: object, **__: object) -> int:
        raise UnavailableError("RandomX needs 2080 MiB of memory")

    with serving(fail) as url, pytest.raises(UnavailableError, match="500: RandomX needs"):
        client(url)(2, CHALLENGE, SMESHER, EASY, stopped=never)


def test_closing_stops_a_search() -> None:
    started = threading.Event()

    def search(*_: object, stopped: Callable[[], bool]) -> int:
        started.set()
        while not stopped():
            threading.Event().wait(0.001)
        raise ProvingStoppedError("stopped")

    with serving(search) as url:
        assert ask(url, "GET", JOB.path)[0] == 201
        assert started.wait(10)


def test_a_worker_that_is_away_or_busy_is_asked_again() -> None:
    pauses: list[float] = []
    answers = iter([(None, ""), (429, ""), (201, ""), (200, "7")])
    remote = RemotePow("http://127.0.0.1:1/", backoff_s=5, pause=pauses.append)
    remote._ask = lambda _: next(answers)  # type: ignore[method-assign,assignment]
    assert remote(2, CHALLENGE, SMESHER, EASY, stopped=never) == 7
    assert pauses == [5, 5, 5]


def test_an_address_nobody_listens_on_is_asked_until_stopped() -> None:
    asked: list[int] = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(ProvingStoppedError):
        client("http://127.0.0.1:9")(2, CHALLENGE, SMESHER, EASY, stopped=stopped)


def test_nonsense_is_an_error() -> None:
    remote = client("http://127.0.0.1:1")
    remote._ask = lambda _: (200, "seven")  # type: ignore[method-assign,assignment]
    with pytest.raises(UnavailableError, match="200: seven"):
        remote(2, CHALLENGE, SMESHER, EASY, stopped=never)


@pytest.mark.parametrize("url", ["127.0.0.1:3000", "ftp://host", "http://"])
def test_an_address_must_be_a_url(url: str) -> None:
    with pytest.raises(UsageError, match="expected http"):
        RemotePow(url)


def test_an_encrypted_address_and_a_prefix_are_understood() -> None:
    remote = RemotePow("https://host:3000/behind/proxy/")
    connection = remote._connect()
    assert isinstance(connection, http.client.HTTPSConnection)
    assert (connection.host, connection.port) == ("host", 3000)
    assert remote._prefix == "/behind/proxy"


def test_main_listens_where_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[object] = []

    class Server:
        def __init__(self, address: tuple[str, int], jobs: JobQueue) -> None:
            served.append(address)
            jobs.close()

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            served.append("closed")

        def serve_forever(self) -> None:
            served.append("served")

    monkeypatch.setattr(k2pow_worker, "K2powServer", Server)
    monkeypatch.setattr(
        "sys.argv", ["k2pow", "--bind-address", "127.0.0.1:3001", "--randomx-mode", "light"]
    )
    k2pow_worker.main()
    assert served[0] == ("127.0.0.1", 3001)
    assert set(served[1:]) >= {"closed"}
