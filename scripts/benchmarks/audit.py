"""The audit of a small recorded chain: with the fast PoET engine, and with the clear one."""

import lzma
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from node.checkpoint.audit.crews import Crew, SingleCrew
from node.checkpoint.audit.work import Tools
from node.poet.work import ClearEngine
from scripts.benchmarks.measurement import Measurement
from scripts.vectors.tamper import Auditor

DATA = Path(__file__).parents[2] / "tests" / "data" / "audit"


def measure() -> Iterator[Measurement]:
    """Yield the objects that are checked in a second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.sql"
        path.write_bytes(lzma.decompress((DATA / "chain.sql.xz").read_bytes()))
        yield from _audited(path, "", SingleCrew())
        yield from _audited(path, ", clear", SingleCrew(Tools(make_poet_engine=ClearEngine)))


def _audited(path: Path, suffix: str, crew: Crew) -> Iterator[Measurement]:
    auditor = Auditor(DATA / "chain-config.json", crew)
    auditor.audit(path)
    begin = perf_counter()
    report = auditor.audit(path)
    taken = perf_counter() - begin
    objects = sum(summary.objects for summary in report.kinds)
    if not report.is_clean:
        raise RuntimeError(f"{report.differences} differences in the recorded chain")
    yield Measurement(f"audit: {objects} objects{suffix}", objects / taken, "objects/s")
