"""PoST proofs and dialogues recorded from the reference (some lines of every kind)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.vectors import post_dialogues, post_proofs
from scripts.vectors.family import Case

DATA = Path(__file__).parent.parent / "data" / "vectors" / "post_proofs"


def differences(check: Callable[[Path], Iterator[Case]], expected_cases: int) -> list[Case]:
    """Return the cases that are not as recorded; there must be so many in all."""
    cases = list(check(DATA))
    assert len(cases) >= expected_cases
    return [case for case in cases if case.problem]


def test_keys_are_the_recorded_ones() -> None:
    assert differences(post_proofs.check_ciphers, 15) == []


def test_indices_are_packed_as_recorded() -> None:
    assert differences(post_proofs.check_indices, 20) == []


def test_indices_are_picked_in_the_recorded_order() -> None:
    assert differences(post_proofs.check_k3, 10) == []


def test_difficulties_are_scaled_as_recorded() -> None:
    assert differences(post_proofs.check_pow_scale, 18) == []


def test_scans_find_the_recorded_labels() -> None:
    assert differences(post_proofs.check_scan, 24) == []


@pytest.mark.slow
def test_randomx_hashes_are_the_recorded_ones() -> None:
    assert differences(post_proofs.check_k2pow, 6) == []


@pytest.mark.slow
def test_searches_find_the_recorded_pows() -> None:
    assert differences(post_proofs.check_k2pow_search, 4) == []


@pytest.mark.slow
def test_proofs_are_the_recorded_ones_to_the_last_byte() -> None:
    assert differences(post_proofs.check_proofs, 9) == []


@pytest.mark.slow
def test_verdicts_are_the_recorded_ones() -> None:
    assert differences(post_proofs.check_verify, 66) == []


@pytest.mark.slow
def test_a_k2pow_worker_answers_as_recorded() -> None:
    assert differences(post_dialogues.check_k2pow_http, 27) == []


@pytest.mark.slow
def test_a_certifier_answers_as_recorded() -> None:
    assert differences(post_dialogues.check_certifier_http, 66) == []


@pytest.mark.slow
def test_a_post_service_answers_as_recorded() -> None:
    assert differences(post_dialogues.check_post_service, 53) == []
