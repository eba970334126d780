"""Questions to HTTP servers: bootstrap files, certifiers.

Only this module knows the library.  An answer is whatever the server says, with any status;
an error means that there was none.

Source: dependencies digest (HTTP client); style digest section 4.7.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.base.errors import UnavailableError

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT_S: Final = 10.0
SILENCE_TIMEOUT_S: Final = 30.0
"""How long a server may send nothing."""

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a server said."""

    status: int
    body: bytes


class HttpClient:
    """Asks servers; redirects are followed, connections kept.

    The library and the certificates it trusts are loaded for the first question: half a second
    that a node which asks nobody has for its start.
    """

    def __init__(self) -> None:
        """Load nothing yet."""
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def get(self, url: str, *, max_bytes: int) -> HttpAnswer:
        """Return what lies at an address.

        Args:
            url: http or https.
            max_bytes: longest body that is read.

        Raises:
            UnavailableError: no answer, a longer one, or an address nobody can ask.
        """
        return await self._ask("GET", url, None, max_bytes)

    async def post_json(self, url: str, body: bytes, *, max_bytes: int) -> HttpAnswer:
        """Send JSON to an address and return the answer; see ``get``."""
        return await self._ask("POST", url, body, max_bytes)

    async def _ask(self, method: str, url: str, body: bytes | None, max_bytes: int) -> HttpAnswer:
        client = await self._opened()
        # Deferred: see the class.
        import httpx

        headers = {} if body is None else {"Content-Type": JSON}
        received = bytearray()
        try:
            async with client.stream(method, url, content=body, headers=headers) as answer:
                async for part in answer.aiter_bytes():
                    received += part
                    if len(received) > max_bytes:
                        raise UnavailableError(f"{url}: the answer is above {max_bytes} bytes")
                return HttpAnswer(answer.status_code, bytes(received))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise UnavailableError(
                f"{url}: {reason}",
                code="smesh.unavailable.http",
                hint="see whether the address is right, and whether its server runs",
            ) from error

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _opened(self) -> "httpx.AsyncClient":
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(_open)
            return self._client


def _open() -> "httpx.AsyncClient":
    # Deferred: see HttpClient.
    import httpx

    timeout = httpx.Timeout(SILENCE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    return httpx.AsyncClient(timeout=timeout, follow_redirects=True)


@asynccontextmanager
async def open_http() -> AsyncIterator[HttpClient]:
    """Lend a client for the length of the block."""
    client = HttpClient()
    try:
        yield client
    finally:
        await client.close()
