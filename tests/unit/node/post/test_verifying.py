"""Every way a proof can be wrong, and the ways it may look wrong without being it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from node.base.errors import InvalidPostError, RejectError
from node.post.difficulty import count_index_bits
from node.post.proving import open_space, prove
from node.post.rules import pack_indices
from node.post.scan import PlainScan
from node.post.verifying import (
    All,
    Fault,
    InvalidIndicesLength,
    InvalidLsb,
    InvalidMsb,
    InvalidNumLabels,
    InvalidPow,
    Mode,
    NonceGroupOutOfBounds,
    One,
    PostClaim,
    ProofParameters,
    Subset,
    UnitsTooLarge,
    UnitsTooSmall,
    check_lengths,
    check_post,
    fault_error,
    find_fault,
)
from node.types.post import Post
from tests.support.post_proofs import (
    CHALLENGE,
    OPTIONS,
    PARAMETERS,
    claim,
    hash_pow,
    look_up,
    named_indices,
    search_pow,
    write_space,
)

BITS = count_index_bits(1024)


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Post:
    directory: Path = tmp_path_factory.mktemp("space")
    write_space(directory)
    return prove(
        open_space(directory),
        OPTIONS,
        pow_search=search_pow,
        scan_factory=PlainScan,
        progress=lambda _: None,
        stopped=lambda: False,
    )


def fault_of(
    post: Post,
    mode: Mode = All(),  # noqa: B008
    who: PostClaim | None = None,
    parameters: ProofParameters = PARAMETERS,
) -> Fault | None:
    return find_fault(post, who or claim(), parameters, mode, labels=look_up, pow_hash=hash_pow)


def with_indices(post: Post, indices: Sequence[int]) -> Post:
    return replace(post, indices=pack_indices(indices, BITS))


def with_bad_index(post: Post, ordinal: int) -> Post:
    indices = list(named_indices(post))
    indices[ordinal] ^= (1 << BITS) - 1
    return with_indices(post, indices)


def test_a_proof_holds_in_every_mode(post: Post) -> None:
    for mode in (All(), One(0), One(7), Subset(3, b"seed"), Subset(8, b""), Subset(20, b"x")):
        assert fault_of(post, mode) is None


def test_order_and_repetition_of_indices_do_not_matter(post: Post) -> None:
    indices = named_indices(post)
    assert fault_of(with_indices(post, indices[::-1])) is None
    assert fault_of(with_indices(post, indices[:1] * len(indices))) is None


def test_bits_after_the_last_index_do_not_matter(post: Post) -> None:
    padded = bytearray(post.indices)
    assert BITS * PARAMETERS.k2 % 8 == 0
    parameters = replace(PARAMETERS, k2=7)
    short = pack_indices(named_indices(post)[:7], BITS)
    padded = bytearray(short)
    padded[-1] |= 0x80
    assert fault_of(replace(post, indices=bytes(padded)), parameters=parameters) is None


def test_a_bad_index_is_reported_by_its_place_in_the_proof(post: Post) -> None:
    bad = with_bad_index(post, 7)
    for mode in (All(), One(7), Subset(8, b"")):
        fault = fault_of(bad, mode)
        assert isinstance(fault, InvalidMsb)
        assert fault.ordinal == 7
    assert fault_of(bad, One(6)) is None
    assert fault_of(bad, One(8)) is None


def test_a_subset_finds_a_bad_index_only_if_it_picks_it(post: Post) -> None:
    bad = with_bad_index(post, 7)
    found = [fault_of(bad, Subset(1, bytes((seed,)))) for seed in range(40)]
    assert None in found
    assert any(isinstance(fault, InvalidMsb) and fault.ordinal == 7 for fault in found)


def test_a_label_at_the_limit_is_judged_by_its_lazy_value(post: Post) -> None:
    # With the top byte of the difficulty at zero, every good label is at the limit.
    many = replace(PARAMETERS, k1=3)
    faults = [
        fault_of(with_indices(post, [index] * 8), One(0), parameters=many) for index in range(1024)
    ]
    assert any(isinstance(fault, InvalidMsb) for fault in faults)
    (lsb, *_) = [fault for fault in faults if isinstance(fault, InvalidLsb)]
    assert lsb.lsb >= lsb.difficulty_lsb
    assert str(lsb) == (
        f"LSB value for index: {lsb.index} (id: 0) doesn't satisfy difficulty: "
        f"{lsb.lsb} >= {lsb.difficulty_lsb} (label: {list(lsb.label)})"
    )


@pytest.mark.parametrize(
    ("changes", "fault", "text"),
    [
        ({"min_num_units": 3}, UnitsTooSmall(3, 2), "numunits too small: 2 < 3"),
        ({"max_num_units": 1}, UnitsTooLarge(1, 2), "numunits too large: 2 > 1"),
        ({"k2": 9}, InvalidIndicesLength(13, 11), "expected: 13, got: 11"),
        ({"k1": 1024}, InvalidNumLabels(1024), "invalid number of labels: (0)"),
        ({"pow_difficulty": bytes(32)}, InvalidPow(), "invalid proof of work"),
    ],
)
def test_other_parameters_find_other_faults(
    post: Post, changes: dict[str, int], fault: Fault, text: str
) -> None:
    found = fault_of(post, parameters=replace(PARAMETERS, **changes))  # type: ignore[arg-type]
    assert found == fault
    assert text in str(found)


def test_no_units_are_too_few_whatever_the_network_says(post: Post) -> None:
    parameters = replace(PARAMETERS, min_num_units=0)
    assert fault_of(post, who=claim(0), parameters=parameters) == UnitsTooSmall(1, 0)


def test_a_nonce_beyond_the_last_group_is_refused(post: Post) -> None:
    fault = fault_of(replace(post, nonce=4096))
    assert fault == NonceGroupOutOfBounds(256)
    assert str(fault) == "nonce group (0) out of bounds (max 255)"


def test_the_eighth_byte_of_the_pow_enters_the_ciphers_only(post: Post) -> None:
    assert isinstance(fault_of(replace(post, pow=post.pow ^ 1 << 56)), InvalidMsb)


def test_pow_is_bound_to_the_smesher(post: Post) -> None:
    parameters = replace(PARAMETERS, pow_difficulty=b"\x01" + bytes(31))
    others = [replace(claim(), smesher=bytes((k,)) * 32) for k in range(3)]
    assert all(fault_of(post, who=who, parameters=parameters) == InvalidPow() for who in others)


def test_a_node_checks_lengths_before_anything_else(post: Post) -> None:
    with pytest.raises(RejectError, match="proof indices are empty"):
        check_lengths(replace(post, indices=b""), claim())
    short = bytes(31)
    for who in (
        replace(claim(), smesher=short),
        replace(claim(), commitment_atx=short),
        replace(claim(), challenge=short),
    ):
        with pytest.raises(RejectError, match="length is 31, expected 32"):
            check_lengths(post, who)


def test_only_a_bad_label_proves_misbehaviour(post: Post) -> None:
    check_post(post, claim(), PARAMETERS, All(), labels=look_up, pow_hash=hash_pow)
    bad = with_bad_index(post, 2)
    with pytest.raises(InvalidPostError) as caught:
        check_post(bad, claim(), PARAMETERS, All(), labels=look_up, pow_hash=hash_pow)
    assert caught.value.index == 2
    assert caught.value.code == "smesh.reject.post"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (InvalidPow(), "smesh.reject.post.pow"),
        (NonceGroupOutOfBounds(256), "smesh.reject.post.pow"),
        (InvalidIndicesLength(1, 2), "smesh.reject.post.indices"),
        (UnitsTooSmall(1, 0), "smesh.reject.post.units"),
        (UnitsTooLarge(1, 2), "smesh.reject.post.units"),
        (InvalidNumLabels(3), "smesh.reject.post.units"),
    ],
)
def test_other_faults_are_plain_rejections(fault: Fault, code: str) -> None:
    error = fault_error(fault)
    assert not isinstance(error, InvalidPostError)
    assert (error.code, str(error)) == (code, str(fault))


def test_another_challenge_has_other_ciphers(post: Post) -> None:
    other = CHALLENGE[:8] + bytes(24)
    assert isinstance(fault_of(post, who=claim(challenge=other)), InvalidMsb)
