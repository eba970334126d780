"""Scripts for the plan: what it is told, what it wants."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from node.base.errors import DeviceError, PreconditionError, StoreError, UsageError
from node.post.difficulty import compute_vrf_difficulty
from node.post.init_options import SpaceStatus
from node.post.init_plan import (
    FileFound,
    InitPlan,
    NonceFound,
    Output,
    RemoveFile,
    SaveMetadata,
    ShortenFile,
    SpotChecks,
    SyncFile,
    Work,
    WriteLabels,
    cut_labels,
    find_smallest,
)
from node.post.metadata import SpaceMetadata
from tests.support.post_labels import COMMITMENT_ATX, SMESHER, HashedLabels, small_options

SELDOM = SpotChecks(every_work=False, labels=1)
ENGINE = HashedLabels()
METADATA = SpaceMetadata(
    smesher=SMESHER,
    commitment_atx=COMMITMENT_ATX,
    labels_per_unit=64,
    num_units=4,
    max_file_size=1024,
    nonce=1,
    nonce_value=bytes(16),
)


def make_plan(
    *,
    metadata: SpaceMetadata | None = None,
    file_labels: Mapping[int, int] | None = None,
    checks: SpotChecks = SELDOM,
    **options: object,
) -> InitPlan:
    return InitPlan(
        small_options(**options),
        metadata=metadata,
        file_labels=file_labels or {},
        directory="D",
        checks=checks,
    )


def answer(plan: InitPlan, work: Work, engine: HashedLabels = ENGINE) -> tuple[Output, ...]:
    """Compute what the plan wants, and the second opinion on it."""
    return plan.on_labels(
        work,
        engine.labels(plan.commitment, work.start, work.count),
        on_disk=ENGINE.label(plan.commitment, work.start)[:16],
        checked=ENGINE.labels_at([plan.commitment] * len(work.checks), work.checks),
    )


def run(plan: InitPlan, most: int) -> list[Output]:
    plan.on_created(None)
    outputs = list(plan.begin())
    while (work := plan.next_work(most)) is not None:
        outputs += answer(plan, work)
    return outputs


def written(outputs: list[Output]) -> list[tuple[int, int, int]]:
    return [
        (output.file, output.position, len(output.labels) // 16)
        for output in outputs
        if isinstance(output, WriteLabels)
    ]


def test_files_are_filled_one_after_the_other() -> None:
    plan = make_plan(num_units=2)
    assert plan.next_work(100) is None
    assert plan.on_created(None) == SaveMetadata(
        replace(METADATA, num_units=2, nonce=None, nonce_value=None)
    )
    assert plan.begin() == (FileFound(0, 0, 64, 0),)
    assert (plan.current_file, plan.missing_labels(), plan.is_done) == (0, 128, False)

    outputs: list[Output] = []
    while (work := plan.next_work(50)) is not None:
        outputs += answer(plan, work)

    assert written(outputs) == [(0, 0, 50), (0, 50, 14), (1, 0, 50), (1, 50, 14)]
    assert [output for output in outputs if isinstance(output, SyncFile | FileFound)] == [
        SyncFile(0, 64),
        FileFound(1, 0, 64, 64),
        SyncFile(1, 64),
    ]
    assert plan.is_done
    assert plan.status is SpaceStatus.COMPLETED
    assert (plan.labels_written, plan.missing_labels(), plan.current_file) == (128, 0, None)


def test_stored_labels_are_the_first_halves() -> None:
    outputs = run(make_plan(), 1000)
    stored = b"".join(output.labels for output in outputs if isinstance(output, WriteLabels))

    plan = make_plan()
    assert stored == cut_labels(ENGINE.labels(plan.commitment, 0, 256))


@pytest.mark.parametrize("most", [1, 7, 64, 1000])
def test_the_nonce_is_the_smallest_label_whatever_the_pieces(most: int) -> None:
    plan = make_plan()
    outputs = run(plan, most)
    labels = {index: ENGINE.label(plan.commitment, index) for index in range(256)}
    best = min(labels, key=lambda index: labels[index])

    assert labels[best] < compute_vrf_difficulty(256)
    assert (plan.metadata.nonce, plan.metadata.nonce_value) == (best, labels[best][:16])
    found = [output for output in outputs if isinstance(output, NonceFound)]
    assert found[-1] == NonceFound(best // 64, best, labels[best][:16])


def test_the_metadata_is_saved_before_the_label_is_written() -> None:
    outputs = run(make_plan(), 64)
    first = next(k for k, output in enumerate(outputs) if isinstance(output, NonceFound))

    assert isinstance(outputs[first - 1], SaveMetadata)
    assert isinstance(outputs[first + 1], WriteLabels)


def test_a_run_goes_on_behind_what_a_file_has() -> None:
    plan = make_plan(metadata=METADATA, file_labels={0: 64, 1: 10})
    plan.on_created(None)

    assert plan.begin() == (FileFound(0, 64, 64, 0), FileFound(1, 10, 64, 64))
    assert FileFound(0, 64, 64, 0).is_complete
    work = plan.next_work(20)
    assert work is not None
    assert (work.start, work.count, work.overlaps) == (73, 21, True)
    assert written(list(answer(plan, work))) == [(1, 10, 20)]
    later = plan.next_work(20)
    assert later is not None
    assert (later.start, later.count, later.overlaps) == (94, 20, False)


def test_damaged_data_is_not_gone_on_with() -> None:
    plan = make_plan(metadata=METADATA, file_labels={0: 10})
    plan.on_created(None)
    plan.begin()
    work = plan.next_work(20)
    assert work is not None
    labels = ENGINE.labels(plan.commitment, work.start, work.count)
    checked = ENGINE.labels_at([plan.commitment], work.checks)

    with pytest.raises(StoreError, match=r"file 0 does not hold .* label 9 is 0000"):
        plan.on_labels(work, labels, on_disk=bytes(16), checked=checked)


def test_a_complete_space_needs_no_work() -> None:
    plan = make_plan(metadata=METADATA, file_labels=dict.fromkeys(range(4), 64))
    assert plan.create_work() is None
    plan.on_created(None)

    assert [type(output) for output in plan.begin()] == [FileFound] * 4
    assert plan.next_work(10) is None
    assert plan.labels_written == 256


def test_a_nonce_without_value_gets_it_first() -> None:
    metadata = replace(METADATA, nonce=7, nonce_value=None)
    plan = make_plan(metadata=metadata, file_labels={0: 1})

    assert plan.create_work() == Work(start=7, count=1)
    saved = plan.on_created(bytes(range(32)))
    assert saved.metadata.nonce_value == bytes(range(16))


def test_metadata_without_labels_is_of_no_account() -> None:
    plan = make_plan(metadata=replace(METADATA, smesher=bytes(32)), file_labels={0: 0})

    assert plan.on_created(None).metadata == replace(METADATA, nonce=None, nonce_value=None)


def test_labels_without_metadata_are_refused() -> None:
    with pytest.raises(PreconditionError, match="metadata file is missing"):
        make_plan(file_labels={0: 1})


def test_labels_of_another_space_are_refused() -> None:
    with pytest.raises(PreconditionError, match="`NodeId` config mismatch"):
        make_plan(metadata=METADATA, file_labels={0: 1}, smesher=bytes(32))


@pytest.mark.parametrize(
    ("file_labels", "units", "text"),
    [
        ({0: 64}, 3, "was made for 4 units; 3 would remove labels"),
        ({0: 65}, 4, "file 0 has 65, expected 64"),
        ({4: 1}, 4, "file 4 has 1, expected 0"),
    ],
)
def test_nothing_is_removed_unless_it_is_allowed(
    file_labels: dict[int, int], units: int, text: str
) -> None:
    with pytest.raises(PreconditionError, match=text) as caught:
        make_plan(metadata=METADATA, file_labels=file_labels, num_units=units)
    assert caught.value.code == "smesh.post.shrink"


def test_shrinking_removes_files_and_the_end_of_the_last_one() -> None:
    plan = make_plan(
        metadata=replace(METADATA, labels_per_unit=50),
        file_labels={0: 64, 1: 64, 2: 64, 3: 8},
        labels_per_unit=50,
        num_units=2,
        allow_shrink=True,
    )
    plan.on_created(None)

    assert plan.begin() == (
        ShortenFile(1, 36),
        RemoveFile(2),
        RemoveFile(3),
        FileFound(0, 64, 64, 0),
        FileFound(1, 36, 36, 64),
    )
    assert plan.status is SpaceStatus.COMPLETED
    assert plan.is_done


def test_an_empty_file_too_many_is_left_alone() -> None:
    plan = make_plan(metadata=METADATA, file_labels={0: 1, 9: 0})
    plan.on_created(None)

    assert plan.begin() == (FileFound(0, 1, 64, 0),)


def test_only_the_wanted_files_are_written() -> None:
    plan = make_plan(from_file=1, to_file=2)
    assert plan.missing_labels() == 128
    outputs = run(plan, 1000)

    assert written(outputs) == [(1, 0, 64), (2, 0, 64)]
    assert plan.labels_written == 192
    assert plan.status is SpaceStatus.STARTED


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (3, 2, r"last file index \(2\) must be greater then first \(3\)"),
        (5, None, r"last file index \(3\) must be greater then first \(5\)"),
        (-1, None, "must be greater then first"),
        (0, 4, r"opts.ToFileIdx \(4\) cannot be greater then 3"),
        (0, -1, r"opts.ToFileIdx \(-1\) must be greater then 0"),
    ],
)
def test_ranges_outside_the_space_are_refused(first: int, last: int | None, text: str) -> None:
    plan = make_plan(from_file=first, to_file=last)
    plan.on_created(None)

    with pytest.raises(UsageError, match=text):
        plan.begin()


def no_nonce_below(end: int) -> HashedLabels:
    """Return an engine without small labels before index ``end``."""
    return HashedLabels(lambda index, label: b"\xff" + label[1:] if index < end else label)


def test_the_search_goes_on_beyond_the_space_batch_by_batch() -> None:
    engine = no_nonce_below(300)
    plan = make_plan(batch_size=20)
    plan.on_created(None)
    plan.begin()
    while (work := plan.next_work(1000)) is not None and not plan.is_searching:
        plan.on_labels(
            work,
            engine.labels(plan.commitment, work.start, work.count),
            checked=engine.labels_at([plan.commitment] * len(work.checks), work.checks),
        )
    assert plan.status is SpaceStatus.COMPLETED

    saved = []
    while (work := plan.next_work(13)) is not None:
        labels = engine.labels(plan.commitment, work.start, work.count)
        saved += [o.metadata for o in plan.on_labels(work, labels) if isinstance(o, SaveMetadata)]

    good = compute_vrf_difficulty(256)
    labels_after = {k: engine.label(plan.commitment, k) for k in range(256, 1000)}
    first = min(k for k, label in labels_after.items() if label < good)
    start = 256 + (first - 256) // 20 * 20
    batch = range(start, start + 20)
    assert plan.metadata.nonce == min(batch, key=lambda index: labels_after[index])
    assert plan.metadata.last_position == start
    assert plan.metadata.nonce_value is None
    assert [m.last_position for m in saved] == [*range(276, start + 1, 20), start]


def test_a_search_begins_where_an_earlier_one_stopped() -> None:
    plan = make_plan(
        metadata=replace(METADATA, nonce=None, nonce_value=None, last_position=500),
        file_labels=dict.fromkeys(range(4), 64),
    )
    plan.on_created(None)
    plan.begin()

    assert plan.is_searching
    assert plan.next_work(10) == Work(start=500, count=10)


def test_part_of_a_space_is_not_searched_beyond() -> None:
    engine = no_nonce_below(1000)
    plan = make_plan(to_file=0)
    plan.on_created(None)
    plan.begin()
    work = plan.next_work(64)
    assert work is not None
    plan.on_labels(
        work,
        engine.labels(plan.commitment, 0, 64),
        checked=engine.labels_at([plan.commitment], work.checks),
    )

    assert plan.is_done
    assert plan.metadata.nonce is None


def test_seldom_checks_come_first_last_and_once_a_batch() -> None:
    plan = make_plan(batch_size=100)
    plan.on_created(None)
    plan.begin()
    checked: list[int] = []
    while (work := plan.next_work(32)) is not None:
        checked += work.checks
        answer(plan, work)

    assert checked == [31, 159, 255]


def test_frequent_checks_are_in_every_work_with_the_last_label() -> None:
    plan = make_plan(checks=SpotChecks(every_work=True, labels=4))
    plan.on_created(None)
    plan.begin()
    while (work := plan.next_work(32)) is not None:
        assert len(work.checks) == 4
        assert len(set(work.checks)) == 4
        assert work.checks == tuple(sorted(work.checks))
        assert work.checks[-1] == work.start + work.count - 1
        assert work.checks[0] >= work.start
        answer(plan, work)


def test_short_work_is_checked_whole() -> None:
    plan = make_plan(checks=SpotChecks(every_work=True, labels=4))
    plan.on_created(None)
    plan.begin()
    work = plan.next_work(2)

    assert work is not None
    assert work.checks in {(0, 1), (1,)}


def test_a_wrong_label_stops_everything_before_it_is_written() -> None:
    broken = HashedLabels(lambda index, label: bytes(32) if index == 31 else label)
    plan = make_plan()
    plan.on_created(None)
    plan.begin()
    work = plan.next_work(32)
    assert work is not None

    with pytest.raises(DeviceError, match="reference label mismatch at 31 with commitment"):
        answer(plan, work, broken)
    assert plan.labels_written == 0


def test_labels_nobody_asked_for_change_nothing() -> None:
    plan = make_plan(metadata=METADATA, file_labels=dict.fromkeys(range(4), 64))
    plan.on_created(None)
    plan.begin()

    assert plan.on_labels(Work(start=0, count=1), bytes(32)) == ()


def test_the_smallest_label_is_strictly_below_and_the_first_of_equals() -> None:
    low, high = b"\x01" * 32, b"\x02" * 32
    labels = high + low + low

    assert find_smallest(labels, 10, low) is None
    assert find_smallest(labels, 10, b"\x01" * 31 + b"\x02") == (low, 11)
    assert find_smallest(labels, 10, b"\xff" * 32) == (low, 11)
    assert find_smallest(b"", 0, b"\xff" * 32) is None
