"""The HTTP client, as far as no server is needed."""

import pytest

from node.base.errors import UnavailableError
from node.runtime.http import open_http


def refuse(**_options: object) -> None:
    raise AssertionError("nobody asked anything")


async def test_who_asks_nobody_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("httpx.AsyncClient", refuse)
    async with open_http() as client:
        pass
    with pytest.raises(AssertionError):
        await client.get("http://127.0.0.1:1/x", max_bytes=1)


async def test_a_question_without_an_answer_says_what_to_do() -> None:
    async with open_http() as client:
        with pytest.raises(UnavailableError) as caught:
            await client.get("nowhere", max_bytes=1)
    assert caught.value.code == "smesh.unavailable.http"
    assert "whether its server runs" in caught.value.hint
