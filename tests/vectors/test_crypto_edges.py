"""Signatures and VRF proofs among the VM's vectors (a part of ``edge``, ``vrf``, ``sign``)."""

from pathlib import Path

from scripts.vectors.crypto_edges import edge_cases
from scripts.vectors.family import read_json

DATA = Path(__file__).parent.parent / "data" / "vectors" / "crypto-edges.json"


def test_every_recorded_verdict_is_ours() -> None:
    data = read_json(DATA)
    cases = list(edge_cases(data))
    assert len(cases) == len(data["edge"]) + len(data["vrf"]) + 2
    assert {verdict for *_, verdict, _ in data["edge"]} == {True, False}
    assert [case for case in cases if case.problem] == []
