"""Work as values: verdicts, who does it, and what is remembered of it."""

import pickle
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.base import scale
from node.base.errors import PreconditionError, StoreError, UnavailableError
from node.checkpoint.audit.crews import (
    Crew,
    ParallelCrew,
    RememberingCrew,
    SingleCrew,
    do_portion,
    make_crew,
    start_processes,
)
from node.checkpoint.audit.findings import AuditReport, ObjectKind
from node.checkpoint.audit.progress_file import ProgressFile, open_progress
from node.checkpoint.audit.run import audit, open_audited, subject_of
from node.checkpoint.audit.verdicts import AHEAD, WINDOW_ROWS, NoNotes, Notes, Verdicts
from node.checkpoint.audit.work import (
    HOLDS,
    NonceWork,
    PoetWork,
    PostWork,
    SignatureWork,
    Tools,
    VrfWork,
    Work,
    do_work,
    is_native,
)
from node.crypto.domains import Domain, signed_bytes
from node.poet.work import ClearEngine
from node.post.labels import MAX_INDEX
from node.post.verifying import All, PostClaim
from node.types.atx_v1 import ActivationTxV1
from node.types.poet import PoetProofMessage
from tests.support.audits import CHAIN_CONFIG, TOOLS, Recorded, auditor, chain_signer

Row = tuple[int, Work]


def vrf(number: int, *, good: bool = True) -> VrfWork:
    """Return a VRF proof that holds, or not."""
    message = number.to_bytes(4, "big")
    signer = chain_signer()
    return VrfWork(signer.smesher_id, message, signer.vrf_sign(message if good else b"other"))


def recorded_works(chain: Recorded) -> list[Work]:
    """Return one work of each kind from the recorded chain; all hold."""
    wire = scale.decode(ActivationTxV1, chain.value("SELECT atx FROM atx_blobs"))
    poet = scale.decode(PoetProofMessage, chain.value("SELECT poet FROM poets"))
    proof = auditor(CHAIN_CONFIG).parameters.atx.proof
    initial, commitment = wire.inner.challenge.initial_post, wire.inner.challenge.commitment_atx
    assert initial is not None
    assert commitment is not None
    assert wire.inner.vrf_nonce is not None
    units = wire.inner.num_units
    claim = PostClaim(
        smesher=wire.smesher, commitment_atx=commitment, challenge=bytes(32), num_units=units
    )
    labels = units * proof.labels_per_unit
    covered = signed_bytes(chain_signer().genesis_id, Domain.ATX, wire.signed_bytes())
    return [
        SignatureWork(wire.smesher, covered, wire.signature),
        vrf(1),
        PoetWork(poet),
        NonceWork(wire.smesher, commitment, labels, wire.inner.vrf_nonce, proof.scrypt_n),
        PostWork(initial, claim, proof, All()),
    ]


def test_recorded_work_of_every_kind_holds(chain: Recorded) -> None:
    works = recorded_works(chain)
    assert [do_work(work, TOOLS) for work in works] == [HOLDS] * 5
    assert [is_native(work) for work in works] == [False, False, False, True, True]
    assert pickle.loads(pickle.dumps(works)) == works


def test_work_that_does_not_hold_tells_why(chain: Recorded) -> None:
    signature, _, poet, nonce, post = recorded_works(chain)
    assert isinstance(signature, SignatureWork)
    assert isinstance(poet, PoetWork)
    assert isinstance(nonce, NonceWork)
    assert isinstance(post, PostWork)
    key = signature.public_key.hex()
    statement = replace(poet.message, statement=type(poet.message.statement)(b"s" * 32))
    for work, told in (
        (replace(signature, message=b"m"), f"not by {key}"),
        (vrf(1, good=False), f"not by {key}"),
        (PoetWork(statement), "failed to validate poet proof"),
        (replace(nonce, nonce=nonce.nonce + 1), "is not valid for node"),
        (replace(nonce, nonce=MAX_INDEX), "invalid labels range"),
        (replace(nonce, num_labels=0), "no VRF difficulty"),
        (replace(post, post=replace(post.post, indices=b"\xff" * 4)), "doesn't satisfy difficulty"),
        (replace(post, claim=replace(post.claim, num_units=9)), "numunits too large"),
    ):
        assert told in do_work(work, TOOLS)


# --- crews ---


class _Broken(Executor):
    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        """Return what a pool whose process died returns."""
        future = Future[Any]()
        future.set_exception(BrokenExecutor("gone"))
        return future


def test_all_crews_come_to_the_same_verdicts(chain: Recorded) -> None:
    works = recorded_works(chain) + [vrf(number, good=number % 7 > 0) for number in range(40)]
    expected = SingleCrew(TOOLS).begin(works)()
    assert sum(verdict != HOLDS for verdict in expected) == 6
    remembering = RememberingCrew(TOOLS)
    assert remembering.begin(works)() == expected
    assert remembering.begin(works)() == expected
    with ParallelCrew(2, tools=TOOLS, make_processes=ThreadPoolExecutor) as crew:
        assert crew.begin(works)() == expected
        assert crew.begin([])() == []
        assert [crew.do(work) for work in works] == expected


def test_a_process_that_died_ends_the_audit() -> None:
    with ParallelCrew(2, tools=TOOLS, make_processes=lambda _: _Broken()) as crew:
        wait = crew.begin([vrf(1)])
        with pytest.raises(UnavailableError, match="died"):
            wait()


def test_a_crew_is_made_for_a_number_of_processors() -> None:
    with make_crew(1) as single:
        assert isinstance(single, SingleCrew)
    with make_crew(2) as several:
        assert isinstance(several, ParallelCrew)
    with make_crew(0) as all_of_them:
        assert all_of_them.do(vrf(1)) == HOLDS
    with make_crew(0, 1 << 20) as for_a_small_file:
        assert isinstance(for_a_small_file, SingleCrew)


def test_a_process_does_its_portion() -> None:
    assert do_portion([vrf(1), vrf(2, good=False)])[0] == HOLDS


@pytest.mark.slow
def test_processes_that_begin_anew_do_work() -> None:
    with ParallelCrew(2, tools=TOOLS, make_processes=start_processes) as crew:
        verdicts = crew.begin([vrf(number, good=number != 5) for number in range(20)])()
    assert [place for place, verdict in enumerate(verdicts) if verdict] == [5]


# --- verdicts ahead ---


class _Counting(SingleCrew):
    """Counts what is begun and what is done on the spot."""

    def __init__(self) -> None:
        super().__init__(TOOLS)
        self.begun = 0
        self.alone = 0

    def begin(self, works: Any) -> Any:
        """See Crew."""
        self.begun += len(works)
        return lambda: [do_work(work, TOOLS) for work in works]

    def do(self, work: Work) -> str:
        """See Crew."""
        self.alone += 1
        return super().do(work)


def test_rows_come_in_order_and_their_work_is_done_when_they_do() -> None:
    crew = _Counting()
    verdicts = Verdicts(crew)
    rows: list[Row] = [(number, vrf(number // 2, good=number != 8)) for number in range(10)]
    taken = []
    for row in verdicts.ahead(rows, lambda row: [row[1]]):
        taken.append(row)
        assert (verdicts.of(row[1]) == HOLDS) == (row[0] != 8)
    assert taken == rows
    assert (crew.begun, crew.alone) == (6, 0)
    assert verdicts.of(vrf(77)) == HOLDS
    assert crew.alone == 1


def test_a_window_is_limited_in_rows_and_those_ahead_in_number() -> None:
    read = 0

    def rows() -> Any:
        nonlocal read
        for number in range(WINDOW_ROWS * 10):
            read += 1
            yield number

    ahead = Verdicts(_Counting()).ahead(rows(), lambda _: ())
    assert next(ahead) == 0
    assert read == WINDOW_ROWS * AHEAD
    assert sum(1 for _ in ahead) == WINDOW_ROWS * 10 - 1


# --- the progress file ---


def _windows(file: ProgressFile, numbers: range) -> list[list[str] | None]:
    return [file.recall((vrf(number),)) for number in numbers]


def test_what_was_noted_is_recalled_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    with open_progress(path, "this") as file:
        assert file.recall((vrf(0),)) is None
        file.note((vrf(0), vrf(1)), [HOLDS, "wrong"])
        file.note((vrf(2),), [HOLDS])
    with open_progress(path, "this") as file:
        assert file.recall((vrf(0), vrf(1))) == [HOLDS, "wrong"]
        assert file.recall((vrf(2),)) == [HOLDS]
        assert file.recall((vrf(3),)) is None
        assert file.recall((vrf(2),)) is None
        assert file.recalled == 2


def test_a_window_that_was_not_written_to_its_end_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    with open_progress(path, "this") as file:
        for number in range(3):
            file.note((vrf(number),), [HOLDS])
    path.write_bytes(path.read_bytes()[:-3])
    with open_progress(path, "this") as file:
        assert _windows(file, range(3)) == [[HOLDS], [HOLDS], None]
        file.note((vrf(2),), [HOLDS])
    with open_progress(path, "this") as file:
        assert _windows(file, range(3)) == [[HOLDS]] * 3


def test_other_work_than_before_begins_anew_from_there(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    with open_progress(path, "this") as file:
        for number in range(3):
            file.note((vrf(number),), [HOLDS])
    with open_progress(path, "this") as file:
        assert file.recall((vrf(0),)) == [HOLDS]
        assert file.recall((vrf(9),)) is None
    with open_progress(path, "this") as file:
        assert _windows(file, range(2)) == [[HOLDS], None]


@pytest.mark.parametrize(
    "content", [b"my diary\n", b"{}\n", b"[1]\n", b"\xff\n", b'{"format": "audit progress"', b"x"]
)
def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "progress"
    path.write_bytes(content)
    with pytest.raises(PreconditionError, match="no progress"), open_progress(path, "this"):
        raise AssertionError
    assert path.read_bytes() == content


def test_progress_of_another_audit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    with open_progress(path, "this"):
        pass
    with pytest.raises(PreconditionError, match="no progress"), open_progress(path, "that"):
        raise AssertionError
    with (
        pytest.raises(StoreError, match="progress file") as unwritten,
        open_progress(tmp_path, "this"),
    ):
        raise AssertionError
    assert "another" in unwritten.value.hint


# --- whole audits ---


def audit_with(recorded: Recorded, crew: Crew, notes: Notes | None = None) -> AuditReport:
    """Audit a file of the recorded chain."""
    with open_audited(recorded.path) as file:
        return audit(
            file,
            auditor(CHAIN_CONFIG).parameters,
            crew=crew,
            notes=notes,
            report=lambda *_: None,
        )


class _Interrupting(NoNotes):
    """Passes notes on, and stops like Ctrl-C before the window of a number."""

    def __init__(self, notes: Notes, after: int) -> None:
        self._notes = notes
        self._left = after

    def recall(self, works: tuple[Work, ...]) -> list[str] | None:
        """See Notes."""
        return self._notes.recall(works)

    def note(self, works: tuple[Work, ...], verdicts: list[str]) -> None:
        """See Notes."""
        if not self._left:
            raise KeyboardInterrupt
        self._left -= 1
        self._notes.note(works, verdicts)


@pytest.mark.parametrize("tampered", [False, True])
def test_one_job_several_jobs_and_a_resumed_audit_report_the_same(
    chain: Recorded, tmp_path: Path, *, tampered: bool
) -> None:
    if tampered:
        chain.rewrite("poets", "poet", "1", lambda blob: blob[:-80] + b"x" + blob[-79:])
        chain.rewrite("ballots", "ballot", "layer = 22", lambda b: b[:-100] + b"x" + b[-99:])
        chain.rewrite("certificates", "cert", "layer = 21", lambda b: b[:-1] + b"x")
    expected = audit_with(chain, SingleCrew(TOOLS))
    assert expected.is_clean is not tampered
    with ParallelCrew(3, tools=TOOLS, make_processes=ThreadPoolExecutor) as crew:
        assert audit_with(chain, crew) == expected
    path = tmp_path / "progress"
    subject = subject_of(chain.path, auditor(CHAIN_CONFIG).parameters)
    for interrupted in range(4):
        with open_progress(path, subject) as file, pytest.raises(KeyboardInterrupt):
            audit_with(chain, SingleCrew(TOOLS), _Interrupting(file, 1))
        assert file.recalled == interrupted
    counting = _Counting()
    with open_progress(path, subject) as file:
        assert audit_with(chain, counting, file) == expected
    with open_progress(path, subject) as file:
        assert audit_with(chain, (again := _Counting()), file) == expected
    assert again.begun == 0
    assert counting.begun > 0


def test_the_work_of_a_clean_file_is_all_foreseen(chain: Recorded) -> None:
    crew = _Counting()
    report = audit_with(chain, crew)
    kinds = {one.kind: one for one in report.kinds}
    assert kinds[ObjectKind.ATX].checks["PoST"] == 1
    # Some signatures are looked at first of all, to tell networks apart.
    assert crew.alone == 4


def test_tools_are_made_at_their_first_use() -> None:
    tools = Tools(make_poet_engine=ClearEngine)
    assert tools.poet_engine is tools.poet_engine
