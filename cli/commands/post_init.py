"""``smcli post init``: write the labels of a space, or go on where an earlier run stopped."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.context import Context
from cli.errors import InterruptError, RefusedError
from cli.options import parse_size
from cli.records import Identifier
from cli.spaces import (
    Directory,
    FromFile,
    ScryptN,
    ToFile,
    choose_directory,
    configuration,
    find_directory,
    identifier,
    settle_commitment,
    settle_providers,
    settle_smesher,
)
from node.base.errors import UsageError
from node.post.engine_host import find_providers
from node.post.files import IDENTITY_FILE_NAME, find_metadata, list_data_files, remove_space
from node.post.identity_file import make_smesher
from node.post.init_engines import COSTLY_CHECKS
from node.post.init_options import InitOptions
from node.post.init_plan import InitPlan, Output, SaveMetadata
from node.post.init_run import InitProgress, InitResult, run_init
from node.post.label_sharing import FULL_TIME, open_shared_engines
from node.post.labels import LABEL_SIZE
from node.post.metadata import ID_SIZE, METADATA_FILE_NAME, SpaceMetadata
from node.runtime.files import free_bytes

KERNELS_FOLDER: Final = "kernels"
"""Folder of tuned kernel shapes, below that of the state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialisation:
    """What an initialisation has done, or would do."""

    directory: Path
    status: str
    """not_started, started or completed; parts of a space stay started."""

    smesher: Identifier
    commitment_atx: Identifier
    num_units: int
    labels_per_unit: int
    max_file_size: int
    from_file: int
    to_file: int
    labels: int
    """Labels of the whole space."""

    labels_computed: int
    """By this run."""

    labels_missing: int
    """In the files of this run."""

    bytes_free: int
    nonce: int | None
    nonce_value: Identifier
    identity_file: Path | None
    """Where the key of a smesher is that was made for this space."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Files that were deleted, or would be."""

    directory: Path
    files: dict[str, int]
    """Names and sizes."""

    bytes: int


def init(
    context: Context,
    *,
    directory: Directory = None,
    units: Annotated[
        int | None, typer.Option(metavar="N", help="Space units; the folder's without it.")
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(metavar="ID[,ID...]", help="Numbers or names of providers, or cpu."),
    ] = None,
    id_: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Smesher; a new one without it.")
    ] = None,
    identity: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Key of the smesher, such as local.key.")
    ] = None,
    commitment_atx: Annotated[
        str | None, typer.Option(metavar="ID", help="Commitment ATX, or golden.")
    ] = None,
    labels_per_unit: Annotated[
        int | None, typer.Option(metavar="N", help="Labels of a unit; the network's without it.")
    ] = None,
    max_file_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Size of a full file, such as 4GiB.")
    ] = None,
    scrypt_n: ScryptN = None,
    from_file: FromFile = 0,
    to_file: ToFile = None,
    throttle: Annotated[
        int, typer.Option(metavar="PERCENT", min=1, max=FULL_TIME, help="Work so much of the time.")
    ] = FULL_TIME,
    reset: Annotated[
        bool, typer.Option("--reset", help="Delete all labels of the folder, and end.")
    ] = False,
) -> Initialisation | Removal:
    """Write the labels of a space, or go on where an earlier run stopped."""
    if reset:
        return _reset(context, find_directory(context, directory))
    where = choose_directory(context, directory)
    metadata = find_metadata(where)
    smesher = settle_smesher(where, metadata, typed=id_, key_file=identity)
    if smesher is None and (from_file or to_file is not None):
        raise UsageError(
            "a part of a space needs --id or --identity",
            hint="the parts of all machines must be made for one smesher",
        )
    config = configuration(context)
    opts, rules = config.smeshing.opts, config.post
    wanted = InitOptions(
        # Nobody's; replaced before anything is written.
        smesher=smesher or bytes(ID_SIZE),
        commitment_atx=settle_commitment(context, where, metadata, commitment_atx),
        labels_per_unit=labels_per_unit
        or (metadata.labels_per_unit if metadata else rules.labels_per_unit),
        num_units=units
        or (metadata.num_units if metadata else max(opts.num_units, rules.min_num_units)),
        max_file_size=_file_size(context, metadata, max_file_size),
        scrypt_n=scrypt_n or opts.scrypt.n,
        batch_size=opts.compute_batch_size,
        min_units=rules.min_num_units,
        max_units=rules.max_num_units,
        k1=rules.k1,
        from_file=from_file,
        to_file=to_file,
    )
    preview = _preview(where, wanted, metadata, has_smesher=smesher is not None)
    _warn_other_network(context, wanted)
    numbers = settle_providers(context, provider, find_providers)
    if context.options.dry_run:
        return preview
    key_file = None
    if smesher is None:
        wanted = replace(wanted, smesher=make_smesher(where, context.random))
        key_file = where / IDENTITY_FILE_NAME
        context.output.note(
            f"A new smesher was made; its key is {key_file}. "
            "Copy it into the folder identities of your node, and keep it secret."
        )
    result = _initialise(context, where, wanted, numbers, throttle)
    return replace(
        preview,
        status=result.status.name.lower(),
        smesher=identifier(wanted.smesher),
        labels_computed=result.labels_done,
        labels_missing=0,
        bytes_free=free_bytes(where),
        nonce=result.metadata.nonce,
        nonce_value=identifier(result.metadata.nonce_value),
        identity_file=key_file,
    )


def _initialise(
    context: Context,
    directory: Path,
    wanted: InitOptions,
    providers: tuple[int, ...],
    throttle: int,
) -> InitResult:
    """Write what is missing.

    Raises:
        InterruptError: the user pressed Ctrl-C; what is written stays, and is whole.
    """
    shares = dict.fromkeys(providers, 0)
    computed = 0
    with context.output.progress() as progress:

        def on_share(provider: int, count: int) -> None:
            if len(shares) > 1:
                shares[provider] += count
                progress.update(f"provider {provider}", shares[provider], 0, "labels")

        def on_progress(report: InitProgress) -> None:
            nonlocal computed
            computed = report.labels_done
            progress.update("labels", report.labels_done, report.labels_total, "labels")

        def on_event(event: Output) -> None:
            if isinstance(event, SaveMetadata) and event.metadata.last_position is not None:
                searched = event.metadata.last_position - event.metadata.num_labels
                progress.update("VRF nonce beyond the space", searched, 0, "labels")

        async def work() -> InitResult:
            async with open_shared_engines(
                providers,
                wanted.scrypt_n,
                clock=context.monotonic,
                percent=throttle,
                cache_directory=context.folders.state / KERNELS_FOLDER,
                on_note=context.output.note,
                on_share=on_share,
            ) as engines:
                return await run_init(
                    directory,
                    wanted,
                    engines,
                    on_progress=on_progress,
                    on_event=on_event,
                    clock=context.monotonic,
                )

        try:
            return context.run(work())
        except KeyboardInterrupt as error:
            raise InterruptError(
                f"interrupted; {computed} labels of this run are in {directory}",
                hint="the same command goes on where this one stopped",
            ) from error


def _preview(
    directory: Path, wanted: InitOptions, metadata: SpaceMetadata | None, *, has_smesher: bool
) -> Initialisation:
    """Return what an initialisation would do; nothing is written.

    Raises:
        UsageError: an option cannot be used.
        PreconditionError: the labels on disk belong to another space, have no metadata, or
            would have to be removed.
    """
    plan = InitPlan(
        wanted,
        metadata=metadata,
        file_labels={file.index: file.num_labels for file in list_data_files(directory)},
        directory=str(directory),
        checks=COSTLY_CHECKS,
    )
    status = plan.status
    plan.begin()
    layout = wanted.layout
    return Initialisation(
        directory=directory,
        status=status.name.lower(),
        smesher=identifier(wanted.smesher if has_smesher else None),
        commitment_atx=identifier(wanted.commitment_atx),
        num_units=wanted.num_units,
        labels_per_unit=wanted.labels_per_unit,
        max_file_size=wanted.max_file_size,
        from_file=wanted.from_file,
        to_file=layout.num_files - 1 if wanted.to_file is None else wanted.to_file,
        labels=layout.num_labels,
        labels_computed=0,
        labels_missing=plan.missing_labels(),
        bytes_free=free_bytes(directory),
        nonce=plan.metadata.nonce,
        nonce_value=identifier(plan.metadata.nonce_value),
        identity_file=None,
    )


def _file_size(context: Context, metadata: SpaceMetadata | None, typed: str | None) -> int:
    config = configuration(context)
    if typed is not None:
        return parse_size(typed, unit_bytes=config.post.labels_per_unit * LABEL_SIZE)
    return metadata.max_file_size if metadata else config.smeshing.opts.max_file_size


def _warn_other_network(context: Context, wanted: InitOptions) -> None:
    config = configuration(context)
    for name, value, expected in (
        ("labels per unit", wanted.labels_per_unit, config.post.labels_per_unit),
        ("scrypt N", wanted.scrypt_n, config.smeshing.opts.scrypt.n),
    ):
        if value != expected:
            context.output.warn(
                f"{name} {value}: {context.config().preset} accepts {expected} only",
                code="smesh.post.other_network",
                hint="name the network that the space is for with --network or --config",
            )


def _reset(context: Context, directory: Path) -> Removal:
    """Delete labels and metadata, when a person has typed the name of the folder.

    Raises:
        RefusedError: nobody is there, or something else was typed; ``--yes`` is not enough.
        PreconditionError: a process is writing labels there.
    """
    files = {file.path.name: file.size for file in list_data_files(directory)}
    path = directory / METADATA_FILE_NAME
    if path.exists():
        files[path.name] = path.stat().st_size
    removal = Removal(directory=directory, files=files, bytes=sum(files.values()))
    if context.options.dry_run:
        return removal
    for name, size in files.items():
        context.output.note(f"{size:>16} bytes  {name}")
    typed = context.prompts.ask(
        f"All of this will be gone. Type {directory.resolve().name} to delete it: ",
        option="nothing but a terminal",
    )
    if typed.strip() != directory.resolve().name:
        raise RefusedError("not deleted: that is not the name of the folder")
    removed = remove_space(directory)
    return replace(removal, files={name: files.get(name, 0) for name in removed})
