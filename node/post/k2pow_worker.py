"""Proofs of work made on another machine: the worker, and what asks it.

``python -m node.post.k2pow_worker`` serves the dialogue of ``k2pow_jobs`` over HTTP, as
the reference's k2pow-service does; each can stand in for the other.  It wants to be
behind a firewall: there is neither encryption nor a password.

Source: post-rs, crate ``k2pow-service`` and pow::service; post digest section 14.
"""

import argparse
import http.client
import os
import threading
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

from node.base.errors import SpacemeshError, UnavailableError, UsageError
from node.post.k2pow import PowSearch, ProvingStoppedError, RandomX
from node.post.k2pow_jobs import Found, Job, JobTable, Response, SearchFailed
from node.post.rules import POW_CHALLENGE_SIZE

DEFAULT_ADDRESS: Final = "0.0.0.0:3000"
"""Where a worker listens."""

DEFAULT_BACKOFF_S: Final = 5.0
"""Seconds between two questions for the same proof of work."""

REQUEST_LIMIT_S: Final = 60.0
"""Seconds until a worker that does not answer counts as unreachable."""


class JobQueue:
    """A job table with the thread that works on it."""

    def __init__(self, search: PowSearch) -> None:
        self._search = search
        self._table = JobTable()
        self._changed = threading.Condition()
        self._is_closed = False

    def respond(self, method: str, path: str) -> Response:
        """Answer a request; called by any thread."""
        with self._changed:
            response = self._table.on_request(method, path)
            self._changed.notify_all()
            return response

    def run(self) -> None:
        """Work on jobs until ``close`` is called."""
        while (job := self._wait_job()) is not None:
            result = self._find(job)
            with self._changed:
                self._table.on_result(result)

    def close(self) -> None:
        """Let ``run`` return."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _wait_job(self) -> Job | None:
        with self._changed:
            while not self._is_closed and self._table.current is None:
                self._changed.wait()
            return None if self._is_closed else self._table.current

    def _find(self, job: Job) -> Found | SearchFailed:
        try:
            found = self._search(
                job.nonce_group,
                job.challenge,
                job.smesher,
                job.difficulty,
                stopped=lambda: self._is_closed,
            )
        except SpacemeshError as error:
            return SearchFailed(str(error))
        return Found(found)


class K2powServer(ThreadingHTTPServer):
    """The HTTP front of a job queue."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], jobs: JobQueue) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be used.
        """
        super().__init__(address, _Handler)
        self.jobs = jobs


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a question."""
        self._answer()

    def do_POST(self) -> None:
        """Refuse, as the reference does."""
        self._answer()

    def log_message(self, *_: object) -> None:
        """Keep quiet: a client asks every few seconds."""

    def _answer(self) -> None:
        if not isinstance(self.server, K2powServer):
            raise TypeError(f"served by {self.server}")
        response = self.server.jobs.respond(self.command, self.path)
        body = response.body.encode()
        self.send_response(response.status)
        if response.content_type is not None:
            self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(body)))
        # A body that was sent is not read; the connection cannot be used again.
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True


class RemotePow:
    """Asks a worker for proofs of work, and asks again until there is one."""

    def __init__(
        self,
        url: str,
        *,
        backoff_s: float = DEFAULT_BACKOFF_S,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Take the address.

        Args:
            url: ``http://host:port``, perhaps with a path before ``/job``.
            backoff_s: seconds between two questions.
            pause: waits so many seconds.

        Raises:
            UsageError: it is no such URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"k2pow worker {url!r}: expected http://host:port")
        connection = http.client.HTTPSConnection if parts.scheme == "https" else None
        self._connect = partial(
            connection or http.client.HTTPConnection,
            parts.hostname,
            parts.port,
            timeout=REQUEST_LIMIT_S,
        )
        self._prefix = parts.path.rstrip("/")
        self._backoff_s = backoff_s
        self._pause = pause or threading.Event().wait

    def __call__(
        self,
        nonce_group: int,
        challenge: bytes,
        smesher: bytes,
        difficulty: bytes,
        *,
        stopped: Callable[[], bool],
    ) -> int:
        """Return a proof of work; a worker that is busy or away is asked for ever.

        Raises:
            UnavailableError: the worker could not find it, or answers nonsense.
            ProvingStoppedError: ``stopped`` said so, asked before every question.
        """
        job = Job(nonce_group, challenge[:POW_CHALLENGE_SIZE], difficulty, smesher)
        while not stopped():
            status, body = self._ask(job)
            match status:
                case HTTPStatus.OK if body.isdecimal():
                    return int(body)
                case None | HTTPStatus.CREATED | HTTPStatus.TOO_MANY_REQUESTS:
                    self._pause(self._backoff_s)
                case _:
                    raise UnavailableError(
                        f"the k2pow worker answered {status}: {body[:200]}",
                        code="smesh.post.remote_pow",
                    )
        raise ProvingStoppedError("waiting for a k2pow worker was stopped")

    def _ask(self, job: Job) -> tuple[int | None, str]:
        """Return status and body, or None if nobody answered."""
        connection = self._connect()
        try:
            connection.request("GET", self._prefix + job.path)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return None, ""
        finally:
            connection.close()


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m node.post.k2pow_worker", description=__doc__)
    parser.add_argument("--bind-address", default=DEFAULT_ADDRESS, help="host:port to listen on")
    parser.add_argument("--cores", type=int, default=0, help="threads; 0 for all cores")
    parser.add_argument("--randomx-mode", choices=("fast", "light"), default="fast")
    options = parser.parse_args()
    host, _, port = options.bind_address.rpartition(":")
    threads = options.cores or os.cpu_count() or 1
    randomx = RandomX(fast=options.randomx_mode == "fast", threads=threads)
    jobs = JobQueue(partial(randomx.search, threads=threads))
    with K2powServer((host, int(port)), jobs) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        jobs.run()


if __name__ == "__main__":
    main()
