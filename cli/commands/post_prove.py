"""``smcli post prove``: make a proof and verify it, or forecast how long one takes."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from cli.context import Context
from cli.errors import CheckFailedError
from cli.options import parse_bytes
from cli.records import Identifier
from cli.spaces import (
    Directory,
    Nonces,
    ScryptN,
    Threads,
    configuration,
    find_directory,
    identifier,
)
from cli.speeds import count_processors, measure_machine
from node.base.errors import RejectError
from node.post.estimate import forecast_proving
from node.post.metadata import SpaceMetadata
from node.post.process import PostProcess
from node.post.proving import ProofOptions, ProofProgress, ProvingSpace, check_options, open_space
from node.post.rules import NONCES_PER_GROUP
from node.post.verifying import All, PostClaim, ProofParameters
from node.types.post import Post

if TYPE_CHECKING:
    from cli.progress import Progress

ZERO_CHALLENGE: Final = bytes(32)
"""Challenge of an initial proof."""

Mode = Annotated[
    Literal["fast", "light"] | None,
    typer.Option(help="RandomX with 2 GiB (fast) or 256 MiB; the configuration's without it."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof that was made and verified."""

    directory: Path
    challenge: Identifier
    nonce: int
    indices: Identifier
    pow: int
    smesher: Identifier
    commitment_atx: Identifier
    num_units: int
    labels_per_unit: int
    passes: int
    """How often the data was read."""

    pow_s: float
    scan_s: float
    verify_s: float
    total_s: float
    mib_per_s: float
    """Mean speed of reading and scanning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How long a proof will take here."""

    directory: Path
    nonces: int
    threads: int
    randomx_mode: str
    num_units: int
    scan_mib_per_s: float
    """What the processor scans."""

    disk_mib_per_s: float | None
    """What the disk yields; None if there is too little data to measure it."""

    pow_hashes_per_s: float
    pass_chance: float
    """Chance that one pass yields a proof."""

    pow_s: float
    """Proof of work before each pass."""

    read_s: float
    """One pass over the data."""

    expected_s: float
    sure_s: float
    """Within this 99.9 % of all proofs are made."""

    cycle_gap_s: float
    """Time there is for a proof; 0 where the network does not say."""

    fits: bool | None
    """Whether 99.9 % of all proofs are made in time; None if nobody can tell."""


def prove(
    context: Context,
    *,
    directory: Directory = None,
    nonces: Nonces = None,
    threads: Threads = None,
    challenge: Annotated[
        str | None, typer.Option(metavar="HEX", help="32 bytes; zeros without it.")
    ] = None,
    randomx_mode: Mode = None,
    scrypt_n: ScryptN = None,
    remote_k2pow: Annotated[
        str, typer.Option("--remote-k2pow", metavar="URL", help="Worker for the proof of work.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Measure this machine and forecast; prove nothing.")
    ] = False,
) -> Proof | Forecast:
    """Make a proof over a complete space, verify all of it, and tell where the time went."""
    space = open_space(find_directory(context, directory))
    config = configuration(context)
    proving = config.smeshing.proving
    mode = randomx_mode or proving.randomx_mode
    options = ProofOptions(
        challenge=ZERO_CHALLENGE if challenge is None else parse_bytes(challenge, 32, "challenge"),
        k1=config.post.k1,
        k2=config.post.k2,
        pow_difficulty=bytes(config.post.pow_difficulty),
        nonces=nonces or proving.nonces,
        threads=threads or proving.threads_on(count_processors()),
    )
    check_options(options)
    _warn_other_network(context, space.metadata)
    where = space.files[0].parent
    if dry_run:
        return _forecast(context, space, options, mode)
    job = _Job(
        context=context,
        directory=where,
        metadata=space.metadata,
        options=options,
        fast=mode == "fast",
        remote_pow=remote_k2pow,
        scrypt_n=scrypt_n or config.smeshing.opts.scrypt.n,
    )
    with context.output.progress() as progress:
        post = context.run(job.run(progress))
    return job.report(post)


@dataclass(kw_only=True)
class _Job:
    """One proof, with the times of its parts."""

    context: Context
    directory: Path
    metadata: SpaceMetadata
    options: ProofOptions
    fast: bool
    remote_pow: str
    scrypt_n: int
    passes: int = 0
    marks: list[int] = field(default_factory=list)
    """Start, then the ends of making and verifying, in nanoseconds."""

    pow_ns: int = 0
    scanned_bytes: int = 0
    _pass_began_ns: int | None = None
    _position: int = 0
    _first_nonce: int = -1

    async def run(self, progress: "Progress") -> Post:
        """Make the proof and verify it in a process of its own."""
        clock = self.context.monotonic
        process = PostProcess()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(process.run())
            self.marks.append(clock())
            post = await process.prove(
                self.directory,
                self.options,
                fast=self.fast,
                remote_pow=self.remote_pow,
                progress=lambda report: self._follow(report, progress),
            )
            self.scanned_bytes += self._position
            self.marks.append(clock())
            await self._verify(process, post)
            self.marks.append(clock())
            running.cancel()
        return post

    async def _verify(self, process: PostProcess, post: Post) -> None:
        metadata = self.metadata
        claim = PostClaim(
            smesher=metadata.smesher,
            commitment_atx=metadata.commitment_atx,
            challenge=self.options.challenge,
            num_units=metadata.num_units,
        )
        parameters = ProofParameters(
            k1=self.options.k1,
            k2=self.options.k2,
            pow_difficulty=self.options.pow_difficulty,
            min_num_units=metadata.num_units,
            max_num_units=metadata.num_units,
            labels_per_unit=metadata.labels_per_unit,
            scrypt_n=self.scrypt_n,
        )
        try:
            await process.verify(post, claim, parameters, All())
        except RejectError as error:
            raise CheckFailedError(
                f"the proof made does not hold: {error}",
                report={"directory": self.directory, "valid": False},
                code="smesh.post.invalid_proof",
                hint="labels are wrong, or were made with another --scrypt-n: smcli post verify",
            ) from error

    def _follow(self, report: ProofProgress, progress: "Progress") -> None:
        """Show how far the proof is, and take the times of its parts."""
        now_ns = self.context.monotonic()
        groups = (report.end_nonce - report.first_nonce) // NONCES_PER_GROUP
        if report.first_nonce != self._first_nonce:
            self.passes += 1
            self.scanned_bytes += self._position
            self._first_nonce = report.first_nonce
            self._pass_began_ns = now_ns
        if report.pows < groups or not report.position_bytes:
            progress.update(f"proof of work, pass {self.passes}", report.pows, groups, "groups")
        if report.pows == groups and self._pass_began_ns is not None:
            self.pow_ns += now_ns - self._pass_began_ns
            self._pass_began_ns = None
        self._position = report.position_bytes
        if report.position_bytes:
            name = f"data, pass {self.passes}"
            progress.update(name, report.position_bytes, report.total_bytes, "bytes")

    def report(self, post: Post) -> Proof:
        """Return what was made and how long it took."""
        began, made, verified = self.marks
        scan_ns = made - began - self.pow_ns
        return Proof(
            directory=self.directory,
            challenge=identifier(self.options.challenge),
            nonce=post.nonce,
            indices=identifier(post.indices),
            pow=post.pow,
            smesher=identifier(self.metadata.smesher),
            commitment_atx=identifier(self.metadata.commitment_atx),
            num_units=self.metadata.num_units,
            labels_per_unit=self.metadata.labels_per_unit,
            passes=self.passes,
            pow_s=_seconds(self.pow_ns),
            scan_s=_seconds(scan_ns),
            verify_s=_seconds(verified - made),
            total_s=_seconds(verified - began),
            mib_per_s=round(self.scanned_bytes / (1 << 20) * 1e9 / max(scan_ns, 1), 1),
        )


def _forecast(context: Context, space: ProvingSpace, options: ProofOptions, mode: str) -> Forecast:
    config = configuration(context)
    metadata = space.metadata
    machine = measure_machine(
        context,
        nonces=(options.nonces,),
        threads=options.threads,
        fast=mode == "fast",
        k1=options.k1,
        num_labels=metadata.num_labels,
        files=space.files,
    )
    speed = machine.speed(options.nonces)
    forecast = forecast_proving(
        k1=options.k1,
        k2=options.k2,
        num_units=metadata.num_units,
        labels_per_unit=metadata.labels_per_unit,
        pow_difficulty=options.pow_difficulty,
        speed=speed,
    )
    gap_s = config.poet.cycle_gap / 1e9
    return Forecast(
        directory=space.files[0].parent,
        nonces=options.nonces,
        threads=options.threads,
        randomx_mode=mode,
        num_units=space.metadata.num_units,
        scan_mib_per_s=round(machine.scan_bytes_per_s[options.nonces] / (1 << 20), 1),
        disk_mib_per_s=None
        if machine.disk_bytes_per_s is None
        else round(machine.disk_bytes_per_s / (1 << 20), 1),
        pow_hashes_per_s=round(machine.pow_hashes_per_s, 1),
        pass_chance=round(forecast.pass_chance, 4),
        pow_s=round(forecast.pow_seconds, 3),
        read_s=round(forecast.read_seconds, 3),
        expected_s=round(forecast.expected_seconds, 3),
        sure_s=round(forecast.sure_seconds, 3),
        cycle_gap_s=gap_s,
        fits=forecast.sure_seconds <= gap_s if gap_s else None,
    )


def _warn_other_network(context: Context, metadata: SpaceMetadata) -> None:
    rules = configuration(context).post
    if metadata.labels_per_unit != rules.labels_per_unit:
        context.output.warn(
            f"the space has {metadata.labels_per_unit} labels a unit, "
            f"{context.config().preset} accepts {rules.labels_per_unit} only",
            code="smesh.post.other_network",
            hint="name the network that the space is for with --network or --config",
        )
    elif not rules.min_num_units <= metadata.num_units <= rules.max_num_units:
        context.output.warn(
            f"the space has {metadata.num_units} units, {context.config().preset} accepts "
            f"{rules.min_num_units} to {rules.max_num_units}",
            code="smesh.post.other_network",
        )


def _seconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1e9, 3)
