"""PoET proofs and memberships recorded from the reference, and its server's answers.

The cuts hold every line about small trees and some proofs of up to 300 leaves.
"""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.poet.proving import WorkTask
from node.poet.registration import (
    Certificate,
    Certifier,
    PowParams,
    RegistrationError,
    SubmitRequest,
)
from node.poet.round import RoundSchedule
from node.poet.round_store import RoundStore
from node.poet.server import PoetConfig, PoetServer
from node.types.poet import PoetMerkleProof, PoetProof
from scripts.vectors import poet
from tests.support.virtual_clock import run_virtually

DATA = Path(__file__).parent.parent / "data"
S = 10**9
BEFORE_GENESIS_S = 60
CODES = {
    "INVALID_ARGUMENT": (400, 3),
    "UNAUTHENTICATED": (401, 16),
    "FAILED_PRECONDITION": (400, 9),
    "RESOURCE_EXHAUSTED": (429, 8),
    "ALREADY_EXISTS": (409, 6),
}
"""HTTP status and gRPC code of each refusal."""


@pytest.mark.parametrize(
    ("family", "cases"), [("poet/members", 420), ("poet/proofs", 200)], ids=str
)
def test_recorded_lines_are_ours(family: str, cases: int) -> None:
    (found,) = (one for one in poet.FAMILIES if one.name == family)
    assert found.check is not None
    compared = list(found.check(DATA / "vectors"))

    assert len(compared) == cases
    assert [case for case in compared if case.problem] == []


@dataclass
class RecordedRoots:
    """Proves every round with the root that the reference's server had."""

    roots: list[bytes]
    tasks: list[WorkTask] = field(default_factory=list)

    async def prove(self, task: WorkTask, report: Callable[[int], None]) -> PoetProof:
        self.tasks.append(task)
        root = self.roots.pop(0) if self.roots else b"unknown"
        tree = PoetMerkleProof(root=root, proven_leaves=(), proof_nodes=())
        return PoetProof(merkle_proof=tree, leaf_count=1)


def unpack(text: str) -> bytes:
    return base64.b64decode(text)


def parse_instant(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * S)


def parse_request(body: dict[str, Any]) -> SubmitRequest:
    params = body.get("powParams", {})
    certificate = body.get("certificate")
    deadline = body.get("deadline")
    return SubmitRequest(
        challenge=unpack(body.get("challenge", "")),
        pubkey=unpack(body.get("pubkey", "")),
        signature=unpack(body.get("signature", "")),
        prefix=unpack(body.get("prefix", "")),
        nonce=int(body.get("nonce", 0)),
        pow_params=PowParams(
            difficulty=params.get("difficulty", 0), challenge=unpack(params.get("challenge", ""))
        ),
        deadline_ns=None if deadline is None else parse_instant(deadline),
        certificate=None
        if certificate is None
        else Certificate(
            data=unpack(certificate.get("data", "")),
            signature=unpack(certificate.get("signature", "")),
        ),
        certificate_hint=unpack(body.get("certificatePubkeyHint", "")),
    )


async def answer(server: PoetServer, body: dict[str, Any]) -> tuple[int, object]:
    try:
        receipt = await server.submit(parse_request(body))
    except RegistrationError as error:
        status, code = CODES[error.refusal]
        return status, {"code": code, "message": str(error), "details": []}
    return 200, receipt.round_id


def test_a_server_answers_every_recorded_submission_like_the_reference(tmp_path: Path) -> None:
    """Two servers with short epochs; the clock follows the recording."""
    recorded = json.loads((DATA / "poet" / "submissions.json").read_text())
    genesis_ns = (
        round(datetime.fromisoformat("2026-11-21T09:15:31").replace(tzinfo=UTC).timestamp()) * S
    )
    assert recorded["genesis"] == "2026-11-21T09:15:31Z"
    schedule = RoundSchedule(
        genesis_ns=genesis_ns,
        epoch_ns=recorded["epoch_s"] * S,
        phase_shift_ns=recorded["phase_shift_s"] * S,
        cycle_gap_ns=recorded["cycle_gap_s"] * S,
    )
    configs = {
        "pow": PoetConfig(
            schedule=schedule,
            pow_difficulty=7,
            max_round_members=7,
            certifier=Certifier(url="", pubkey=b""),
        ),
        "cert": PoetConfig(
            schedule=schedule,
            certifier=Certifier(
                url="http://127.0.0.1:9/", pubkey=bytes.fromhex(recorded["certifier"])
            ),
            trusted_keys=(bytes.fromhex(recorded["trusted"]),),
        ),
    }

    async def play(name: str, since_ns: Callable[[], int]) -> list[str]:
        start_ns = genesis_ns - BEFORE_GENESIS_S * S
        lines = [line for line in recorded["submissions"] if line["server"] == name]
        roots = [unpack(line["challenge"]) for line in lines if "challenge" in line]
        first = unpack(recorded["pow_challenge"][name])
        problems = []
        with RoundStore(tmp_path / name) as store:
            server = PoetServer(
                configs[name],
                store,
                tmp_path / "work",
                RecordedRoots(roots),
                now_ns=lambda: since_ns() + start_ns,
                entropy=lambda _: first,
            )
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(server.run())
                await asyncio.sleep(0)
                for line in lines:
                    await asyncio.sleep(max(0, line["t"] + BEFORE_GENESIS_S - since_ns() / S))
                    if "challenge" in line:
                        ours: object = server.pow_params().challenge
                        theirs: object = unpack(line["challenge"])
                    else:
                        ours = await answer(server, line["request"])
                        body = line["body"]
                        theirs = (line["status"], body.get("roundId", body))
                    if ours != theirs:
                        problems.append(f"{line['what']}: {ours}, recorded {theirs}")
                running.cancel()
        return problems

    for name in configs:
        assert run_virtually(partial(play, name)) == []
