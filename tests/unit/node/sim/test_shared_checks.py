"""Checks whose answers simulated nodes share: the same answers, each worked out once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from node.crypto import ed25519
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer, private_key_of
from node.poet.work import ClearEngine, Frontier
from node.sim.shared_checks import SharedEngine, SharedVerifier
from node.types.ids import GenesisID

GENESIS = GenesisID(b"\x01" * 20)


@dataclass
class Counted:
    """A check that counts how often it is asked."""

    answers: dict[tuple[bytes, bytes, bytes], bool]
    asked: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)

    def __call__(self, one: bytes, two: bytes, three: bytes) -> bool:
        self.asked.append((one, two, three))
        return self.answers.get((one, two, three), False)


class CountingEngine(ClearEngine):
    """An engine that counts the proofs it opens."""

    def __init__(self) -> None:
        self.opened = 0

    def opened_labels(
        self,
        statement: bytes,
        root: bytes,
        indices: Sequence[int],
        leaves: Sequence[bytes],
        nodes: Sequence[bytes],
    ) -> tuple[bytes, ...] | None:
        self.opened += 1
        return super().opened_labels(statement, root, indices, leaves, nodes)


def test_right_and_wrong_signatures_are_told_apart_each_time() -> None:
    verifier = SharedVerifier(GENESIS)
    signer = Signer(private_key_of(b"\x02" * 32), GENESIS)
    signature = signer.sign(Domain.HARE, b"text")
    for _ in range(2):
        assert verifier.verify(Domain.HARE, signer.smesher_id, b"text", signature)
        assert not verifier.verify(Domain.HARE, signer.smesher_id, b"other", signature)
        assert not verifier.verify(Domain.ATX, signer.smesher_id, b"text", signature)
        assert verifier.verify_vrf(signer.smesher_id, b"alpha", signer.vrf_sign(b"alpha"))
        assert not verifier.verify_vrf(signer.smesher_id, b"beta", signer.vrf_sign(b"alpha"))


def test_a_question_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    signatures, proofs = Counted({}), Counted({(b"k", b"a", b"p"): True})
    monkeypatch.setattr(ed25519, "verify_signature", signatures)
    monkeypatch.setattr(ed25519, "verify_vrf", proofs)
    verifier = SharedVerifier(GENESIS)
    for _ in range(3):
        assert not verifier.verify(Domain.HARE, b"k", b"m", b"s")
        assert verifier.verify_vrf(b"k", b"a", b"p")
        assert not verifier.verify_vrf(b"k", b"a", b"q")
    assert len(signatures.asked) == 1
    assert proofs.asked == [(b"k", b"a", b"p"), (b"k", b"a", b"q")]


def test_a_poet_proof_is_opened_once() -> None:
    clear, statement = CountingEngine(), b"\x03" * 32
    engine = SharedEngine(clear)
    assert (engine.name, engine.deepest_layer) == (clear.name, clear.deepest_layer)
    grown = engine.extend(Frontier(statement), 2, 0)
    leaves, root = [grown[0][:32], grown[0][32:]], grown[1]
    for _ in range(2):
        assert engine.opened_labels(statement, root, (0, 1), leaves, ()) == tuple(leaves)
        assert engine.opened_labels(statement, b"\x04" * 32, (0, 1), leaves, ()) is None
    assert clear.opened == 2
