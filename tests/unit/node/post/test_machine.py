"""The dialogue of a PoST service, state by state."""

from node.post.machine import (
    CheckProof,
    Done,
    Failed,
    Idle,
    InProgress,
    MetadataAnswer,
    ProofAnswer,
    ProofMachine,
    Refusal,
    Running,
    StartProof,
)
from node.post.metadata import SpaceMetadata
from node.types.post import Post

METADATA = SpaceMetadata(
    smesher=bytes(32),
    commitment_atx=bytes(32),
    labels_per_unit=64,
    num_units=4,
    max_file_size=1024,
)
A, B = b"a" * 32, b"b" * 32
POST = Post(nonce=1, indices=b"\x01", pow=2)


def refused(output: object, reason: str) -> None:
    assert isinstance(output, Refusal)
    assert reason in output.reason


def test_metadata_is_told_at_any_time() -> None:
    machine = ProofMachine(METADATA)
    assert machine.on_metadata_request() == MetadataAnswer(METADATA)
    machine.on_proof_request(A)
    assert machine.on_metadata_request() == MetadataAnswer(METADATA)


def test_a_proof_is_started_polled_checked_and_handed_out_once() -> None:
    machine = ProofMachine(METADATA)
    assert machine.on_proof_request(A) == StartProof(A)
    assert machine.on_proof_request(A) == InProgress()
    machine.on_proof(POST)
    assert machine.on_proof_request(A) == CheckProof(POST, A)
    assert machine.on_checked("") == ProofAnswer(POST, A, METADATA)
    assert machine.on_proof_request(A) == StartProof(A)


def test_another_challenge_waits_for_the_end() -> None:
    machine = ProofMachine(METADATA)
    machine.on_proof_request(A)
    refused(machine.on_proof_request(B), "in progress for a different challenge")
    assert machine.state == Running(A)


def test_a_finished_proof_is_dropped_for_another_challenge() -> None:
    machine = ProofMachine(METADATA)
    machine.on_proof_request(A)
    machine.on_proof(POST)
    refused(machine.on_proof_request(B), "for a different challenge")
    assert machine.on_proof_request(B) == StartProof(B)


def test_a_failure_is_told_once() -> None:
    machine = ProofMachine(METADATA)
    machine.on_proof_request(A)
    machine.on_failure("disk")
    assert machine.state == Failed(A, "disk")
    refused(machine.on_proof_request(A), "disk")
    assert machine.on_proof_request(A) == StartProof(A)


def test_a_proof_that_does_not_hold_is_dropped() -> None:
    machine = ProofMachine(METADATA)
    machine.on_proof_request(A)
    machine.on_proof(POST)
    machine.on_proof_request(A)
    refused(machine.on_checked("invalid index: 3"), "does not hold: invalid index: 3")
    assert machine.state == Idle()


def test_a_proof_that_cannot_be_checked_now_is_kept() -> None:
    machine = ProofMachine(METADATA)
    machine.on_proof_request(A)
    machine.on_proof(POST)
    machine.on_proof_request(A)
    refused(machine.on_check_impossible("worker died"), "worker died")
    assert machine.state == Done(A, POST)


def test_malformed_requests_change_nothing() -> None:
    machine = ProofMachine(METADATA)
    refused(machine.on_proof_request(A[:31]), "31 bytes")
    refused(machine.on_proof_request(b""), "0 bytes")
    refused(machine.on_unknown_request(), "without a kind")
    assert machine.state == Idle()


def test_results_nobody_waits_for_are_dropped() -> None:
    machine = ProofMachine(METADATA)
    machine.on_proof(POST)
    machine.on_failure("late")
    assert machine.state == Idle()
    refused(machine.on_checked(""), "no proof was made")
