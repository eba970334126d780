"""The audit of a small recorded chain, with the fast PoET engine and with the clear one.

The crew is measured by itself: eligibility proofs on two processors, against one.  Its
processes have the priority of this one, and the processor time is theirs and this one's, so
that the figures tell what parallel work costs also where another program has a processor.
"""

import lzma
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

import psutil

from node.checkpoint.audit.crews import Crew, ParallelCrew, SingleCrew, start_processes
from node.checkpoint.audit.findings import AuditReport
from node.checkpoint.audit.parameters import AuditParameters
from node.checkpoint.audit.run import audit, open_audited
from node.checkpoint.audit.work import Tools, VrfWork
from node.crypto.ed25519 import Signer, private_key_of
from node.poet.work import ClearEngine
from scripts.benchmarks.measurement import Measurement
from scripts.vectors.tamper import Auditor

DATA = Path(__file__).parents[2] / "tests" / "data" / "audit"
PROOFS: Final = 512
"""Proofs that are verified on one processor, then on two."""
JOBS: Final = 2
ROUNDS: Final = 4


def measure() -> Iterator[Measurement]:
    """Yield the objects that are checked in a second, and the work that is done."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.sql"
        path.write_bytes(lzma.decompress((DATA / "chain.sql.xz").read_bytes()))
        parameters = Auditor(DATA / "chain-config.json").parameters
        clear, _, _ = _audited(path, parameters, SingleCrew(Tools(make_poet_engine=ClearEngine)))
        wall, cpu, objects = _audited(path, parameters, SingleCrew())
        yield Measurement(f"audit: {objects} objects", wall, "objects/s", cpu=cpu, clear=clear)
    works = _proofs()
    with ParallelCrew(JOBS, make_processes=partial(start_processes, niceness=0)) as crew:
        # The first rounds wait for processes, and one may be over before the last is there.
        _rates(crew, works)
        several, cpu = _rates(crew, works)
    one, _ = _rates(SingleCrew(), works)
    yield Measurement(f"audit: VRF proofs, {JOBS} jobs", several, "proofs/s", JOBS * cpu, clear=one)


def _audited(path: Path, parameters: AuditParameters, crew: Crew) -> tuple[float, float, int]:
    """Audit twice; return objects per second by the clock and by processor time, and objects."""
    _audit(path, parameters, crew)
    begin, begin_cpu = perf_counter(), process_time()
    report = _audit(path, parameters, crew)
    wall, cpu = perf_counter() - begin, process_time() - begin_cpu
    objects = sum(summary.objects for summary in report.kinds)
    if not report.is_clean:
        raise RuntimeError(f"{report.differences} differences in the recorded chain")
    return objects / wall, objects / cpu, objects


def _audit(path: Path, parameters: AuditParameters, crew: Crew) -> AuditReport:
    with open_audited(path) as file:
        return audit(file, parameters, crew=crew, report=_keep_quiet)


def _keep_quiet(name: str, done: int, total: int, unit: str) -> None:
    """Progress is not shown."""


def _proofs() -> tuple[VrfWork, ...]:
    signer = Signer(private_key_of(bytes(range(32))), bytes(20))
    messages = (number.to_bytes(4, "big") for number in range(PROOFS))
    return tuple(VrfWork(signer.smesher_id, one, signer.vrf_sign(one)) for one in messages)


def _rates(crew: Crew, works: tuple[VrfWork, ...]) -> tuple[float, float]:
    """Return proofs per second: by the clock, at best, and by processor time."""
    begin = _processor_time()
    best = max(_rate(crew, works) for _ in range(ROUNDS))
    return best, ROUNDS * len(works) / (_processor_time() - begin)


def _processor_time() -> float:
    """Return the seconds that this process and those that it started have computed."""
    this = psutil.Process()
    times = [process.cpu_times() for process in (this, *this.children())]
    return sum(time.user + time.system for time in times)


def _rate(crew: Crew, works: tuple[VrfWork, ...]) -> float:
    begin = perf_counter()
    if any(crew.begin(works)()):
        raise RuntimeError("a good VRF proof was refused")
    return len(works) / (perf_counter() - begin)
