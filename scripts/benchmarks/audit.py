"""The audit of a small recorded chain: with the fast PoET engine, and with the clear one."""

import lzma
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from node.poet.engines import make_engine
from node.poet.work import ClearEngine, Engine
from node.post.recomputing import RecomputedLabels
from scripts.benchmarks.measurement import Measurement
from scripts.vectors.tamper import Auditor

DATA = Path(__file__).parents[2] / "tests" / "data" / "audit"


def measure() -> Iterator[Measurement]:
    """Yield the objects that are checked in a second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.sql"
        path.write_bytes(lzma.decompress((DATA / "chain.sql.xz").read_bytes()))
        yield from _audited(path, "", make_engine())
        yield from _audited(path, ", clear", ClearEngine())


def _audited(path: Path, suffix: str, engine: Engine) -> Iterator[Measurement]:
    auditor = Auditor(DATA / "chain-config.json", engine, RecomputedLabels())
    auditor.audit(path)
    begin = perf_counter()
    report = auditor.audit(path)
    taken = perf_counter() - begin
    objects = sum(summary.objects for summary in report.kinds)
    if not report.is_clean:
        raise RuntimeError(f"{report.differences} differences in the recorded chain")
    yield Measurement(f"audit: {objects} objects{suffix}", objects / taken, "objects/s")
