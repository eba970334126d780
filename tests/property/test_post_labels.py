"""Compiled labels are the specified labels; plans write every label once, wherever they stop."""

from hypothesis import given, settings
from hypothesis import strategies as st

from node.post.engine import ReferenceEngine
from node.post.init_plan import InitPlan, SpotChecks, WriteLabels, find_smallest
from node.post.metadata import SpaceMetadata, decode_metadata, encode_metadata
from node.post.nonce_search import find_smallest_stored
from tests.support.post_labels import HashedLabels, real_engine, small_options

U64 = st.integers(0, 2**64 - 1)
IDS = st.binary(min_size=32, max_size=32)


@given(st.lists(st.tuples(IDS, U64), min_size=1, max_size=9), st.sampled_from([2, 4, 16]))
@settings(max_examples=15)
def test_compiled_labels_are_the_specified_ones(
    pairs: list[tuple[bytes, int]], scrypt_n: int
) -> None:
    commitments, indices = [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    assert real_engine(scrypt_n).labels_at(commitments, indices) == ReferenceEngine(
        scrypt_n
    ).labels_at(commitments, indices)


@given(
    st.builds(
        SpaceMetadata,
        smesher=IDS,
        commitment_atx=IDS,
        labels_per_unit=st.integers(1, 2**64 - 1),
        num_units=st.integers(1, 2**32 - 1),
        max_file_size=st.integers(16, 2**64 - 1),
        nonce=st.none() | U64,
        nonce_value=st.none() | st.binary(min_size=16, max_size=16),
        last_position=st.none() | U64,
    )
)
def test_metadata_survives_its_file(metadata: SpaceMetadata) -> None:
    assert decode_metadata(encode_metadata(metadata)) == metadata


@given(
    sizes=st.tuples(st.integers(5, 60), st.integers(64, 100), st.integers(1, 40)),
    works=st.lists(st.integers(1, 50), min_size=1, max_size=10),
    stops=st.lists(st.integers(0, 6), max_size=6),
    every_work=st.booleans(),
)
def test_every_label_is_written_once_and_in_place(
    sizes: tuple[int, int, int],
    works: list[int],
    stops: list[int],
    every_work: bool,
) -> None:
    """Stopped after some pieces of work again and again, the files come out the same."""
    labels_per_unit, file_labels, batch_size = sizes
    options = small_options(
        labels_per_unit=labels_per_unit,
        num_units=5,
        max_file_size=16 * file_labels,
        batch_size=batch_size,
    )
    labels = HashedLabels()
    files: dict[int, bytes] = {}
    metadata = None
    for limit in (*stops, 10**6):
        plan = InitPlan(
            options,
            metadata=metadata,
            file_labels={file: len(data) // 16 for file, data in files.items()},
            directory="",
            checks=SpotChecks(every_work=every_work, labels=3),
        )
        work = plan.create_work()
        label = labels.labels(plan.commitment, work.start, 1) if work else None
        metadata = plan.on_created(label).metadata
        plan.begin()
        for step in range(limit):
            work = plan.next_work(works[step % len(works)])
            if work is None:
                break
            outputs = plan.on_labels(
                work,
                labels.labels(plan.commitment, work.start, work.count),
                on_disk=labels.label(plan.commitment, work.start)[:16],
                checked=labels.labels_at([plan.commitment] * len(work.checks), work.checks),
            )
            metadata = plan.metadata
            for output in outputs:
                if isinstance(output, WriteLabels):
                    assert output.position * 16 == len(files.get(output.file, b""))
                    files[output.file] = files.get(output.file, b"") + output.labels

    commitment = options.commitment
    count = options.num_labels
    expected = [labels.label(commitment, index) for index in range(count)]
    assert b"".join(files[file] for file in sorted(files)) == b"".join(x[:16] for x in expected)
    assert metadata is not None
    smallest = min(expected)
    if metadata.nonce is not None and metadata.nonce < count:
        assert metadata.nonce == expected.index(smallest)


@given(st.lists(st.binary(min_size=1, max_size=2), max_size=20), st.binary(min_size=1, max_size=2))
def test_the_smallest_label_is_the_smallest(heads: list[bytes], threshold: bytes) -> None:
    labels = [head.ljust(32, b"\0") for head in heads]
    limit = threshold.ljust(32, b"\0")
    below = [(label, 5 + k) for k, label in enumerate(labels) if label < limit]

    assert find_smallest(b"".join(labels), 5, limit) == min(below, default=None)
    stored = [label[:16] for label in labels]
    below = [(label, k) for k, label in enumerate(stored) if label < limit]
    assert find_smallest_stored(b"".join(stored), limit) == min(below, default=None)
