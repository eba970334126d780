"""``smcli post``: make, check and use the space that a smesher proves.

Data folders are those of postcli; both programs can work on one, in turns.  Nothing here
shortens or removes labels but ``init --reset``, which a person has to confirm by typing.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.command import command, make_group
from cli.commands.post_init import init
from cli.commands.post_plan import plan
from cli.commands.post_prove import prove
from cli.context import Context
from cli.errors import CheckFailedError
from cli.records import Identifier, Result, Table
from cli.spaces import (
    Directory,
    FromFile,
    ScryptN,
    ToFile,
    choose_directory,
    configuration,
    find_directory,
    identifier,
)
from node.post.data_verify import (
    DEFAULT_FRACTION_PERCENT,
    DataVerdict,
    VerifyProgress,
    verify_data,
)
from node.post.engine import DeviceClass
from node.post.engine_host import EngineWorker, find_providers
from node.post.engine_messages import WorkerOptions
from node.post.files import data_file_name, find_metadata, list_data_files, read_metadata
from node.post.identity_file import find_smesher
from node.post.metadata import merge_metadata
from node.post.nonce_search import SearchProgress, merge_directories, search_nonce
from node.post.space_report import read_report

app = make_group("Make, check and use the space that a smesher proves.")

SEED_SIZE: Final = 32
"""Bytes that choose which labels are verified."""

Directories = Annotated[list[Path] | None, typer.Argument(metavar="DIR...", help="Data folders.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """Something that computes labels."""

    id: int
    name: str
    kind: str
    driver: str
    memory_bytes: int
    usable: bool
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What a data folder holds."""

    directory: Path
    status: str
    """not_started, started, initializing or completed."""

    smesher: Identifier
    commitment_atx: Identifier
    num_units: int
    labels_per_unit: int
    max_file_size: int
    labels: int
    labels_written: int
    percent: float
    bytes_written: int
    missing_files: tuple[int, ...]
    """Numbers of the files that are not complete."""

    nonce: int | None
    nonce_value: Identifier
    identity_file: bool
    """Whether the smesher's key is beside the labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A wrong label."""

    file: str
    offset: int
    """In bytes."""

    index: int
    expected: bytes
    found: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What computing labels again has found."""

    directory: Path
    valid: bool
    labels_checked: int
    fault: Fault | None
    incomplete_files: tuple[str, ...]
    """Files that have fewer labels than they get; those they have were checked all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NonceRow:
    """The VRF nonce of a space."""

    directory: Path
    nonce: int | None
    nonce_value: Identifier
    changed: bool
    """Whether the metadata was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """Metadata of a space whose files come from several machines."""

    directory: Path
    parts: tuple[Path, ...]
    smesher: Identifier
    num_units: int
    nonce: int | None
    nonce_value: Identifier
    missing_files: tuple[str, ...]
    """Files that are still to be moved into the folder."""


@command(app, lists=True)
def providers(context: Context) -> Result:
    """List what can compute labels: GPUs and the processor."""
    found, problem = find_providers()
    if problem:
        context.output.warn(
            f"GPUs cannot be listed: {problem}",
            code="smesh.device.driver",
            hint="install or update the OpenCL driver; the processor works without one",
        )
    rows = [
        ProviderRow(
            id=one.id,
            name=one.name,
            kind=DeviceClass(one.device_class).name,
            driver=one.driver,
            memory_bytes=one.memory_bytes,
            usable=not one.problem,
            problem=one.problem,
        )
        for one in found
    ]
    columns = {"id": "id", "name": "name", "kind": "kind", "usable": "usable"}
    if context.output.style.verbose:
        columns |= {"driver": "driver", "memory_bytes": "memory"}
    if any(not row.usable for row in rows):
        columns["problem"] = "problem"
    return Result(data=rows, human=Table(rows=rows, columns=columns))


command(app)(plan)
command(app, changes=True, streams=True)(init)


@command(app)
def status(context: Context, *, directory: Directory = None) -> Space:
    """Show what a data folder holds."""
    where = find_directory(context, directory)
    report = read_report(where)
    metadata = report.metadata
    total = metadata.num_labels if metadata else 0
    return Space(
        directory=where,
        status=report.status.name.lower(),
        smesher=identifier(metadata.smesher if metadata else None),
        commitment_atx=identifier(metadata.commitment_atx if metadata else None),
        num_units=metadata.num_units if metadata else 0,
        labels_per_unit=metadata.labels_per_unit if metadata else 0,
        max_file_size=metadata.max_file_size if metadata else 0,
        labels=total,
        labels_written=report.labels_written,
        percent=round(100 * report.labels_written / total, 3) if total else 0.0,
        bytes_written=sum(file.size for file in list_data_files(where)),
        missing_files=report.missing_files,
        nonce=metadata.nonce if metadata else None,
        nonce_value=identifier(metadata.nonce_value if metadata else None),
        identity_file=find_smesher(where) is not None,
    )


@command(app, streams=True)
def verify(
    context: Context,
    *,
    directory: Directory = None,
    fraction: Annotated[
        float, typer.Option(metavar="PERCENT", min=0, max=100, help="Labels to check, in percent.")
    ] = float(DEFAULT_FRACTION_PERCENT),
    whole: Annotated[bool, typer.Option("--all", help="Check every label.")] = False,
    threads: Annotated[
        int, typer.Option(metavar="N", min=0, help="Threads; 0: as many as processors.")
    ] = 0,
    scrypt_n: ScryptN = None,
    from_file: FromFile = 0,
    to_file: ToFile = None,
) -> Verification:
    """Compute labels again and compare them with those in the files."""
    where = find_directory(context, directory)
    read_metadata(where)
    options = WorkerOptions(
        kind="cpu",
        scrypt_n=scrypt_n or configuration(context).smeshing.opts.scrypt.n,
        threads=threads,
    )

    async def work() -> DataVerdict:
        with context.output.progress() as progress:

            def tell(report: VerifyProgress) -> None:
                progress.update("verify", report.labels_done, report.labels_total, "labels")

            async with EngineWorker(options, on_note=context.output.note) as source:
                return await verify_data(
                    where,
                    source,
                    seed=context.random(SEED_SIZE),
                    fraction_percent=100 if whole else Fraction(str(fraction)),
                    from_file=from_file,
                    to_file=to_file,
                    on_progress=tell,
                )

    return _judge(context, where, context.run(work()))


command(app, streams=True)(prove)


@command(app, "search-nonce", changes=True, streams=True)
def search(
    context: Context,
    *,
    directories: Directories = None,
    directory: Directory = None,
    from_file: FromFile = 0,
    to_file: ToFile = None,
    again: Annotated[
        bool, typer.Option("--again", help="Do not believe the nonce that the metadata name.")
    ] = False,
) -> Result:
    """Find the VRF nonce in labels that are written, and save it in the metadata."""
    chosen = [find_directory(context, one) for one in directories or ()]
    if directory is not None or not chosen:
        chosen.append(find_directory(context, directory))
    rows = [
        _search(context, where, from_file=from_file, to_file=to_file, again=again)
        for where in chosen
    ]
    columns = {"directory": "folder", "nonce": "nonce", "nonce_value": "value"}
    return Result(data={"spaces": rows}, human=Table(rows=rows, columns=columns, key="spaces"))


@command(app, changes=True)
def merge(
    context: Context,
    *,
    directories: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Parts.")],
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Where the whole space will be."),
    ] = None,
) -> Merged:
    """Merge the metadata of a space whose files were made on several machines.

    The metadata with the smallest VRF nonce is written into the folder of the whole space.
    The files of labels are yours to move, before or after.
    """
    target = choose_directory(context, directory)
    parts = tuple(dict.fromkeys(find_directory(context, one) for one in directories))
    for part in parts:
        if not list_data_files(part) and part != target:
            context.output.warn(f"{part} holds no labels", code="smesh.post.no_labels")
    if context.options.dry_run:
        with_target = (*parts, target) if find_metadata(target) else parts
        merged = merge_metadata([read_metadata(one) for one in dict.fromkeys(with_target)])
    else:
        merged = merge_directories(target, parts)
    sizes = {file.index: file.num_labels for file in list_data_files(target)}
    layout = merged.layout
    return Merged(
        directory=target,
        parts=parts,
        smesher=identifier(merged.smesher),
        num_units=merged.num_units,
        nonce=merged.nonce,
        nonce_value=identifier(merged.nonce_value),
        missing_files=tuple(
            data_file_name(file)
            for file in range(layout.num_files)
            if sizes.get(file) != layout.labels_in(file)
        ),
    )


def _judge(context: Context, directory: Path, verdict: DataVerdict) -> Verification:
    """Return what was found.

    Raises:
        CheckFailedError: a label is wrong.
    """
    fault = None
    if verdict.fault is not None:
        fault = Fault(
            file=data_file_name(verdict.fault.file),
            offset=verdict.fault.offset,
            index=verdict.fault.index,
            expected=verdict.fault.expected,
            found=verdict.fault.found,
        )
    report = Verification(
        directory=directory,
        valid=fault is None,
        labels_checked=verdict.labels_checked,
        fault=fault,
        incomplete_files=tuple(
            data_file_name(file) for file in read_report(directory).missing_files
        ),
    )
    if fault is not None:
        raise CheckFailedError(
            f"{fault.file} contains an invalid label at offset {fault.offset}",
            report=report,
            code="smesh.post.invalid_label",
            hint=f"was it made with another --scrypt-n? else move {fault.file} away: "
            "smcli post init writes it anew",
        )
    if report.incomplete_files:
        context.output.warn(
            f"{directory} is not complete: {', '.join(report.incomplete_files)}",
            code="smesh.post.not_completed",
            hint="finish it with smcli post init",
        )
    return report


def _search(
    context: Context, directory: Path, *, from_file: int, to_file: int | None, again: bool
) -> NonceRow:
    before = read_metadata(directory)
    if context.options.dry_run:
        return NonceRow(
            directory=directory,
            nonce=before.nonce,
            nonce_value=identifier(before.nonce_value),
            changed=False,
        )
    with context.output.progress() as progress:

        def tell(report: SearchProgress) -> None:
            progress.update(f"{directory}", report.labels_done, report.labels_total, "labels")

        found = search_nonce(
            directory,
            from_file=from_file,
            to_file=to_file,
            ignore_stored=again,
            on_progress=tell,
        )
    return NonceRow(
        directory=directory,
        nonce=found.nonce,
        nonce_value=identifier(found.nonce_value),
        changed=found != before,
    )
