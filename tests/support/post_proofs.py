"""Small spaces whose labels are hashes, with a proof of work that is one: proofs in no time."""

from collections.abc import Callable, Sequence
from pathlib import Path

from blake3 import blake3

from node.post.difficulty import count_index_bits
from node.post.files import data_file_name, write_metadata
from node.post.labels import LABEL_SIZE, make_commitment
from node.post.metadata import SpaceMetadata
from node.post.proving import ProofOptions
from node.post.rules import make_pow_input, unpack_indices
from node.post.verifying import PostClaim, ProofParameters
from node.types.post import Post
from tests.support.post_labels import COMMITMENT_ATX, SMESHER, HashedLabels

CHALLENGE = bytes(range(32))
EASY = b"\x40" + bytes(31)
"""A pow difficulty: with two units, every eighth hash is below it."""

PARAMETERS = ProofParameters(
    k1=12,
    k2=8,
    pow_difficulty=EASY,
    min_num_units=1,
    max_num_units=4,
    labels_per_unit=512,
    scrypt_n=2,
)
OPTIONS = ProofOptions(challenge=CHALLENGE, k1=12, k2=8, pow_difficulty=EASY)


def write_space(directory: Path, *, num_units: int = 2, max_file_size: int = 4096) -> SpaceMetadata:
    """Write a complete space of 512 labels a unit."""
    metadata = SpaceMetadata(
        smesher=SMESHER,
        commitment_atx=COMMITMENT_ATX,
        labels_per_unit=PARAMETERS.labels_per_unit,
        num_units=num_units,
        max_file_size=max_file_size,
        nonce=3,
        nonce_value=bytes(16),
    )
    write_metadata(directory, metadata)
    layout = metadata.layout
    source = HashedLabels()
    commitment = make_commitment(SMESHER, COMMITMENT_ATX)
    for number in range(layout.num_files):
        first = layout.first_label(number)
        labels = b"".join(
            source.label(commitment, index)[:LABEL_SIZE]
            for index in range(first, first + layout.labels_in(number))
        )
        (directory / data_file_name(number)).write_bytes(labels)
    return metadata


def look_up(commitment: bytes, indices: Sequence[int], scrypt_n: int) -> Sequence[bytes]:
    """Recompute labels of such a space."""
    assert scrypt_n == PARAMETERS.scrypt_n
    source = HashedLabels()
    return [source.label(commitment, index) for index in indices]


def hash_pow(data: bytes) -> bytes:
    """Stand in for RandomX."""
    return blake3(data).digest()


def search_pow(
    nonce_group: int,
    challenge: bytes,
    smesher: bytes,
    difficulty: bytes,
    *,
    stopped: Callable[[], bool],
) -> int:
    """Find the smallest proof of work."""
    assert not stopped()
    number = 0
    while hash_pow(make_pow_input(number, nonce_group, challenge, smesher)) >= difficulty:
        number += 1
    return number


def claim(num_units: int = 2, challenge: bytes = CHALLENGE) -> PostClaim:
    """Return what a proof over such a space claims."""
    return PostClaim(
        smesher=SMESHER,
        commitment_atx=COMMITMENT_ATX,
        challenge=challenge,
        num_units=num_units,
    )


def named_indices(post: Post, num_units: int = 2) -> tuple[int, ...]:
    """Return the labels that a proof names."""
    bits = count_index_bits(num_units * PARAMETERS.labels_per_unit)
    return unpack_indices(post.indices, bits)[: PARAMETERS.k2]
