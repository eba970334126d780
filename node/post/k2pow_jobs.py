"""The dialogue of a remote k2pow worker: paths in, statuses out, one job at a time.

``GET /job/{smesher}/{nonce group}/{challenge}/{difficulty}`` asks for a proof of work:
201 while it is being searched, 200 with the number once it is found, 500 if the search
failed, 429 while another job is being worked on.  Asking again is how one waits.

Source: post-rs, crate ``k2pow-service``; post digest section 14.
"""

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

from node.base.errors import UsageError
from node.post.rules import MAX_NONCE_GROUP

TEXT: Final = "text/plain; charset=utf-8"
"""Content type of every answer that has one."""

ALIVE: Final = "{ 'message': 'ok' }"
"""What ``GET /`` says."""

_JOB_PATH: Final = re.compile(r"/job/([^/]+)/([^/]+)/([^/]+)/([^/]+)")
_NUMBER: Final = re.compile(r"\+?[0-9]+")
_NOT_HEX: Final = re.compile(r"[^0-9a-fA-F]")


@dataclass(frozen=True, slots=True)
class Job:
    """A proof of work that somebody wants."""

    nonce_group: int

    challenge: bytes
    """The first 8 bytes of the challenge."""

    difficulty: bytes
    """32 bytes, already scaled by the number of units."""

    smesher: bytes
    """32-byte id."""

    @property
    def path(self) -> str:
        """The path that asks for it."""
        hexadecimal = (self.challenge.hex(), self.difficulty.hex())
        return "/".join(("/job", self.smesher.hex(), str(self.nonce_group), *hexadecimal))


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer."""

    status: HTTPStatus
    body: str = ""
    content_type: str | None = TEXT


@dataclass(frozen=True, slots=True)
class Found:
    """A job's result."""

    pow: int


@dataclass(frozen=True, slots=True)
class SearchFailed:
    """A job ended without a result."""

    reason: str


@dataclass(slots=True)
class JobTable:
    """The jobs of a worker, for the life of its process.

    Used by several threads: every method is a few operations on dictionaries, and the
    worker calls them under one lock.
    """

    current: Job | None = None
    """The job being worked on."""

    _results: dict[Job, Found | SearchFailed] = field(default_factory=dict)

    def on_request(self, method: str, path: str) -> Response:
        """Answer a request; it may make a job the current one."""
        if path == "/":
            alive = Response(HTTPStatus.OK, ALIVE)
            return alive if method == "GET" else _empty(HTTPStatus.METHOD_NOT_ALLOWED)
        match = _JOB_PATH.fullmatch(path)
        if match is None:
            return _empty(HTTPStatus.NOT_FOUND)
        if method != "GET":
            return _empty(HTTPStatus.METHOD_NOT_ALLOWED)
        try:
            job = _read_job(*(unquote(part) for part in match.groups()))
        except UsageError as error:
            return Response(HTTPStatus.BAD_REQUEST, f"Invalid URL: {error}")
        return self._on_job(job)

    def on_result(self, result: Found | SearchFailed) -> None:
        """The current job has ended."""
        if self.current is not None:
            self._results[self.current] = result
            self.current = None

    def _on_job(self, job: Job) -> Response:
        match self._results.get(job):
            case Found(number):
                return Response(HTTPStatus.OK, str(number))
            case SearchFailed(reason):
                return Response(HTTPStatus.INTERNAL_SERVER_ERROR, reason)
            case None if self.current not in (None, job):
                return Response(HTTPStatus.TOO_MANY_REQUESTS)
            case _:
                self.current = job
                return Response(HTTPStatus.CREATED)


def _empty(status: HTTPStatus) -> Response:
    return Response(status, content_type=None)


def _read_job(smesher: str, nonce_group: str, challenge: str, difficulty: str) -> Job:
    """Return the job that a path names; its parts are judged from left to right.

    Raises:
        UsageError: a part is malformed; the text is the reference's.
    """
    smesher_bytes = _read_hex(smesher, 32)
    if not _NUMBER.fullmatch(nonce_group) or int(nonce_group) > MAX_NONCE_GROUP:
        raise UsageError(f"Cannot parse value at index 1 with value `{nonce_group}` to a `u8`")
    return Job(
        nonce_group=int(nonce_group),
        smesher=smesher_bytes,
        challenge=_read_hex(challenge, 8),
        difficulty=_read_hex(difficulty, 32),
    )


def _read_hex(text: str, size: int) -> bytes:
    if len(text) % 2:
        raise UsageError("Odd number of digits")
    wrong = _NOT_HEX.search(text)
    if wrong is not None:
        raise UsageError(f"Invalid character '{wrong[0]}' at position {wrong.start()}")
    if len(text) != 2 * size:
        raise UsageError(
            f"Can't convert a Byte Vector of length {len(text) // 2} to the output type."
        )
    return bytes.fromhex(text)
