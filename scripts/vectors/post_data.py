"""Recorded PoST data: labels, thresholds, VRF nonces, data directories, postcli's dialogues."""

import asyncio
import hashlib
import io
import re
import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from blake3 import blake3

from node.base.errors import DeviceError, RejectError, SpacemeshError
from node.post.data_verify import verify_data
from node.post.difficulty import (
    check_vrf_nonce,
    compute_proving_difficulty,
    compute_vrf_difficulty,
    count_index_bits,
    split_difficulty,
)
from node.post.engine import CPU_PROVIDER_ID, InlineLabels, Provider
from node.post.engine_cpu import CpuLabelEngine, LabelCode
from node.post.files import list_data_files, read_metadata
from node.post.init_engines import COSTLY_CHECKS, InitEngines
from node.post.init_options import InitOptions, compute_status
from node.post.init_plan import cut_labels, find_smallest
from node.post.init_run import InitProgress, InlineRunner, create_space, run_init
from node.post.labels import FULL_LABEL_SIZE, MAX_INDEX, make_commitment
from node.post.metadata import METADATA_FILE_NAME, encode_metadata
from node.post.nonce_search import search_nonce
from node.post.postcli import Surroundings, run_postcli
from node.post.space_report import read_report
from scripts.vectors.family import Case, Family, compare, read_json, read_json_lines

MAX_UNITS = 1 << 20
"""Most space units that the recorded steps allow."""

FIRST_WORK = 1 << 20
"""Whole batches at once, as the reference computes them."""


@cache
def _label_code() -> LabelCode:
    """Return the label function, compiled once for all families."""
    return LabelCode()


class Engines:
    """Label engines over one compiled function, by scrypt N."""

    def __init__(self) -> None:
        self._engines: dict[int, CpuLabelEngine] = {}

    def engine(self, scrypt_n: int) -> CpuLabelEngine:
        """Return the engine for a value of scrypt N."""
        if scrypt_n not in self._engines:
            self._engines[scrypt_n] = CpuLabelEngine(scrypt_n, code=_label_code())
        return self._engines[scrypt_n]

    def for_init(self, scrypt_n: int) -> InitEngines:
        """Return who computes the labels of an initialisation."""
        return InitEngines(
            source=InlineLabels(self.engine(scrypt_n)), checker=None, checks=COSTLY_CHECKS
        )


# Single values


def check_labels(folder: Path) -> Iterator[Case]:
    """Compare every label, all those of one scrypt N at once."""
    engines = Engines()
    by_n: dict[int, list[tuple[int, Any]]] = {}
    for number, row in enumerate(_lines(folder, "labels"), 1):
        by_n.setdefault(row["n"], []).append((number, row))
    for scrypt_n, rows in by_n.items():
        labels = engines.engine(scrypt_n).labels_at(
            [bytes.fromhex(row["commitment"]) for _, row in rows], [row["index"] for _, row in rows]
        )
        for place, (number, row) in enumerate(rows):
            label = labels[FULL_LABEL_SIZE * place : FULL_LABEL_SIZE * (place + 1)]
            yield compare(f"line {number}", label.hex(), row["label"])


def check_commitments(folder: Path) -> Iterator[Case]:
    """Compare every commitment."""
    for number, row in enumerate(_lines(folder, "commitments"), 1):
        ours = make_commitment(
            bytes.fromhex(row["node_id"]), bytes.fromhex(row["commitment_atx_id"])
        )
        yield compare(f"line {number}", ours.hex(), row["commitment"])


def check_difficulty(folder: Path) -> Iterator[Case]:
    """Compare thresholds, their parts and the texts of their errors."""
    for number, row in enumerate(_lines(folder, "difficulty"), 1):
        ours: dict[str, Any] = {
            "k1": row["k1"],
            "num_labels": row["num_labels"],
            "bits_per_index": count_index_bits(row["num_labels"]),
        }
        try:
            difficulty = compute_proving_difficulty(row["k1"], row["num_labels"])
            msb, lsb = split_difficulty(difficulty)
            ours |= {"difficulty": difficulty, "msb": msb, "lsb": lsb, "error": None}
        except RejectError as error:
            ours |= {"difficulty": None, "msb": None, "lsb": None, "error": str(error)}
        try:
            ours["vrf_difficulty"] = compute_vrf_difficulty(row["num_labels"]).hex()
        except RejectError:
            ours["vrf_difficulty"] = None
        yield compare(f"line {number}", ours, row)


def check_vrf_search(folder: Path) -> Iterator[Case]:
    """Compare the smallest label below a threshold, and all stored labels."""
    engines = Engines()
    for number, row in enumerate(_lines(folder, "vrf_search"), 1):
        labels = engines.engine(row["n"]).labels(
            bytes.fromhex(row["commitment"]), row["start"], row["count"]
        )
        best = find_smallest(labels, row["start"], bytes.fromhex(row["difficulty"]))
        ours = (
            None if best is None else best[1],
            None if best is None else best[0].hex(),
            blake3(cut_labels(labels)).hexdigest(),
        )
        recorded = row["nonce"], row["label"], row["labels16_blake3"]
        yield compare(f"line {number}", ours, recorded)


def check_vrf_verify(folder: Path) -> Iterator[Case]:
    """Compare the verdict on every nonce."""
    engines = Engines()
    for number, row in enumerate(_lines(folder, "vrf_verify"), 1):
        num_labels = row["num_units"] * row["labels_per_unit"]
        error = _vrf_error(
            engines.engine(row["scrypt_n"]),
            bytes.fromhex(row["node_id"]),
            bytes.fromhex(row["commitment_atx_id"]),
            num_labels,
            row["nonce"],
        )
        ours = compute_vrf_difficulty(num_labels).hex(), not error, error
        yield compare(
            f"line {number}: {row['what']}", ours, (row["difficulty"], row["valid"], row["error"])
        )


def _vrf_error(
    engine: CpuLabelEngine, smesher: bytes, commitment_atx: bytes, num_labels: int, nonce: int
) -> str:
    label = b""
    if nonce != MAX_INDEX:
        label = engine.labels(make_commitment(smesher, commitment_atx), nonce, 1)
    try:
        check_vrf_nonce(smesher=smesher, num_labels=num_labels, nonce=nonce, label=label)
    except RejectError as error:
        return str(error)
    return ""


def _lines(folder: Path, name: str) -> Iterator[Any]:
    return read_json_lines(folder / "post" / f"{name}.jsonl.xz")


# Data directories


class _CancelledError(Exception):
    """The recorded run was cancelled here."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One recorded step on a directory."""

    job: dict[str, Any]
    step: dict[str, Any]
    root: Path
    engines: Engines

    @property
    def directory(self) -> Path:
        return self.root / str(self.job["name"])

    def options(self) -> InitOptions:
        job, step = self.job, self.step
        return InitOptions(
            smesher=bytes.fromhex(step.get("node") or job["node_id"]),
            commitment_atx=bytes.fromhex(step.get("atx") or job["commitment_atx_id"]),
            labels_per_unit=step.get("lpu") or job["labels_per_unit"],
            num_units=step.get("units", job["num_units"]),
            max_file_size=step.get("mfs") or job["max_file_size"],
            scrypt_n=job["scrypt_n"],
            batch_size=step.get("batch") or job["compute_batch_size"],
            max_units=MAX_UNITS,
            from_file=step.get("from", 0),
            to_file=step.get("to"),
            allow_shrink=True,
            allow_unaligned_files=True,
        )

    def run(self) -> dict[str, Any]:
        """Carry out the step; return what was recorded of it."""
        operations: dict[str, Callable[[], dict[str, Any]]] = {
            "init": self.init,
            "new": self.new,
            "verify": self.verify,
            "search": self.search,
            "vrf": self.vrf,
            "meta": self.write_metadata,
            "save": self.save,
            "corrupt": self.corrupt,
            "truncate": self.truncate,
        }
        return operations[self.step["op"]]()

    def init(self) -> dict[str, Any]:
        engines = self.engines.for_init(self.job["scrypt_n"])
        position = 0

        def on_progress(progress: InitProgress) -> None:
            nonlocal position
            position = progress.position
            # The recorded run stopped a little later than it was told to, with its batch.
            if "cancel_after" in self.step and position >= self.step["num_labels_written"]:
                raise _CancelledError

        error = self._create(engines)
        if error:
            return {"error": error, "status": 0, "num_labels_written": 0}
        try:
            result = asyncio.run(
                run_init(
                    self.directory,
                    self.options(),
                    engines,
                    on_progress=on_progress,
                    blocking=InlineRunner(),
                    first_work=FIRST_WORK,
                )
            )
            position = result.position
        except _CancelledError:
            error = "context canceled"
        except SpacemeshError as problem:
            error = str(problem)
        return {"error": error, "num_labels_written": position, **self._state()}

    def new(self) -> dict[str, Any]:
        error = self._create(self.engines.for_init(self.job["scrypt_n"]))
        return {"error": error, "num_labels_written": 0, **self._state()}

    def _create(self, engines: InitEngines) -> str:
        try:
            asyncio.run(
                create_space(self.directory, self.options(), engines, blocking=InlineRunner())
            )
        except SpacemeshError as error:
            return str(error).replace(str(self.root), "DATADIR")
        return ""

    def _state(self) -> dict[str, Any]:
        file_labels = {file.index: file.num_labels for file in list_data_files(self.directory)}
        status = compute_status(self.options().layout, file_labels)
        return {"status": int(status), **_nonce_of(self.directory)}

    def verify(self) -> dict[str, Any]:
        engine = self.engines.engine(self.job["scrypt_n"])
        verdict = asyncio.run(
            verify_data(
                self.directory,
                InlineLabels(engine),
                seed=b"",
                fraction_percent=100,
                from_file=self.step.get("from", 0),
                to_file=self.step.get("to"),
            )
        )
        return {"error": f"invalid POS: {verdict.fault}" if verdict.fault else ""}

    def search(self) -> dict[str, Any]:
        try:
            search_nonce(
                self.directory,
                from_file=self.step.get("from", 0),
                to_file=self.step.get("to"),
                ignore_stored=True,
            )
        except SpacemeshError as error:
            return {"error": str(error)}
        return {"error": "", **_nonce_of(self.directory)}

    def vrf(self) -> dict[str, Any]:
        options = self.options()
        nonce = read_metadata(self.directory).nonce
        if nonce is None:
            return {"error": "no nonce"}
        error = _vrf_error(
            self.engines.engine(options.scrypt_n),
            options.smesher,
            options.commitment_atx,
            options.num_labels,
            nonce,
        )
        return {"error": error}

    def write_metadata(self) -> dict[str, Any]:
        (self.directory / METADATA_FILE_NAME).write_text(self.step["text"], encoding="utf-8")
        return {"error": ""}

    def save(self) -> dict[str, Any]:
        shutil.copytree(self.directory, self.root / self.step["save_as"])
        return {"error": ""}

    def corrupt(self) -> dict[str, Any]:
        path = self._file()
        data = bytearray(path.read_bytes())
        data[self.step["cancel_after"]] ^= 1
        path.write_bytes(data)
        return {"error": ""}

    def truncate(self) -> dict[str, Any]:
        path = self._file()
        path.write_bytes(path.read_bytes()[: self.step["cancel_after"]])
        return {"error": ""}

    def _file(self) -> Path:
        return self.directory / f"postdata_{self.step.get('from', 0)}.bin"


def _nonce_of(directory: Path) -> dict[str, Any]:
    metadata = read_metadata(directory)
    state: dict[str, Any] = {}
    if metadata.nonce is not None:
        state["nonce"] = metadata.nonce
    if metadata.nonce_value is not None:
        state["nonce_value"] = metadata.nonce_value.hex()
    return state


def check_dirs(folder: Path) -> Iterator[Case]:
    """Carry out every recorded step, then compare every file of every directory."""
    recorded = read_json(folder / "post" / "dirs.json.xz")
    engines = Engines()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        made: set[str] = set()
        for job in recorded["jobs"]:
            made.add(job["name"])
            for number, step in enumerate(job["steps"], 1):
                ours = _Step(job, step, root, engines).run()
                made.update({step["save_as"]} if step["op"] == "save" else ())
                # Steps that do not run the initializer have its results as zeros.
                wanted = {key: step[key] for key in ours if key in step}
                if step["op"] in {"init", "new"}:
                    keys = ("error", "nonce", "nonce_value", "status", "num_labels_written")
                    wanted = {key: step[key] for key in keys if key in step}
                yield compare(f"{job['name']}: step {number}, {step['op']}", ours, wanted)
        with tarfile.open(folder / "post" / "dirs.tar.xz") as archive:
            archive.extractall(root / "recorded", filter="data")
        for directory, files in recorded["directories"].items():
            if directory in made:
                yield from _compare_files(root / directory, directory, files)
            else:
                yield from _check_foreign(root / "recorded" / directory, files, engines)


def _compare_files(ours: Path, name: str, files: dict[str, Any]) -> Iterator[Case]:
    there = sorted(path.name for path in ours.iterdir() if path.suffix in {".bin", ".json"})
    yield compare(f"{name}: files", there, sorted(files))
    for file, facts in files.items():
        data = (ours / file).read_bytes() if file in there else b""
        found = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        yield compare(f"{name}/{file}", found, facts)


def _check_foreign(directory: Path, files: dict[str, Any], engines: Engines) -> Iterator[Case]:
    """Open a directory of another program: right labels, right nonce, and ours to go on with."""
    yield from _compare_files(directory, directory.name, files)
    metadata = read_metadata(directory)
    verdict = asyncio.run(
        verify_data(directory, InlineLabels(engines.engine(2)), seed=b"", fraction_percent=100)
    )
    yield compare(f"{directory.name}: labels", verdict.fault, None)
    yield compare(f"{directory.name}: status", read_report(directory).missing_files, ())
    found = search_nonce(directory, ignore_stored=True)
    yield compare(f"{directory.name}: nonce", found.nonce, metadata.nonce)
    again = encode_metadata(found)
    yield compare(
        f"{directory.name}: metadata", (directory / METADATA_FILE_NAME).read_bytes(), again
    )


# postcli

_STAMP = re.compile(r"^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d|<YYYY/MM/DD hh:mm:ss>) ", re.MULTILINE)
_LOG_HEAD = re.compile(r"(?:<ISO8601>|\d{4}-\d\d-\d\dT\S+)\t([A-Z]+)\t")
_POINTER = re.compile(r"\(0x[0-9a-f]+\)")


class _NoDevices:
    """The providers of the recorded machine: a processor, and no OpenCL driver."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines

    @asynccontextmanager
    async def open(self, provider: int | None, scrypt_n: int) -> AsyncIterator[InitEngines]:
        if provider == CPU_PROVIDER_ID:
            yield self.engines.for_init(scrypt_n)
        else:
            yield InitEngines(source=self, checker=None, checks=COSTLY_CHECKS)

    async def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        raise DeviceError("invalid provider ID", code="smesh.device.provider")

    async def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        return await self.labels(b"", 0, 1)

    def find(self) -> tuple[tuple[Provider, ...], str]:
        return (), "no OpenCL driver"


async def _prove_nothing(directory: Path, scrypt_n: int) -> None:
    raise DeviceError(f"no proof was recorded: {directory}, N = {scrypt_n}")


def check_postcli(folder: Path) -> Iterator[Case]:
    """Give every recorded command line to our postcli and compare what it says."""
    recorded = read_json(folder / "post" / "postcli.json.xz")
    home = re.search(r"HOME=(\S+)", recorded["note"])
    devices = _NoDevices(Engines())
    with tempfile.TemporaryDirectory() as root:
        for number, entry in enumerate(recorded["log"]):
            output: list[str] = []
            errors: list[str] = []
            answers = io.StringIO(entry["stdin"])
            world = Surroundings(
                write_output=output.append,
                write_error=errors.append,
                read_line=answers.readline,
                now=lambda: datetime(2024, 3, 1, tzinfo=UTC),
                entropy=bytes,
                data_directory=f"{home[1] if home else '/root'}/post/data",
                open_engines=devices.open,
                find_providers=devices.find,
                prove_once=_prove_nothing,
            )
            arguments = [word.replace("DATADIR", root) for word in entry["args"]]
            code = asyncio.run(run_postcli(arguments, world, first_work=FIRST_WORK))
            ours = (
                code,
                _plain_output("".join(output), root),
                _plain_errors("".join(errors), root),
            )
            theirs = (
                entry["exit"],
                _plain_output(entry["stdout"], root),
                _plain_errors(entry["stderr"], root),
            )
            yield compare(f"{number}: {' '.join(entry['args'])}", ours, theirs)


def _plain_output(text: str, root: str) -> list[str]:
    """Return the log without time stamps, and without what names lines of Rust sources.

    Lines of level ERROR carry the debug form of a Rust value; the words are in the
    other stream.
    """
    lines: list[str] = []
    is_error = False
    for line in _POINTER.sub("(0x0)", text.replace(root, "DATADIR")).splitlines():
        head = _LOG_HEAD.match(line)
        if head is not None:
            is_error = head[1] == "ERROR"
        if not is_error:
            plain = line if head is None else line[head.start(1) :]
            lines.append(plain.partition('\t{"module": ')[0])
    return lines


def _plain_errors(text: str, root: str) -> list[str]:
    """Return the messages without time stamps and Go's stack."""
    plain = _STAMP.sub("", text.replace(root, "DATADIR"))
    return [line for line in plain.splitlines() if line != "<go stack>"]


FAMILIES = (
    Family("post/labels", ("post/labels.jsonl.xz",), check_labels),
    Family("post/commitments", ("post/commitments.jsonl.xz",), check_commitments),
    Family("post/difficulty", ("post/difficulty.jsonl.xz",), check_difficulty),
    Family("post/vrf_search", ("post/vrf_search.jsonl.xz",), check_vrf_search),
    Family("post/vrf_verify", ("post/vrf_verify.jsonl.xz",), check_vrf_verify),
    Family("post/dirs", ("post/dirs.json.xz", "post/dirs.tar.xz"), check_dirs),
    Family("post/postcli", ("post/postcli.json.xz",), check_postcli),
)
