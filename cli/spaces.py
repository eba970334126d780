"""The space a command works on: its folder, its smesher, its providers.

Every value comes from the command line, else from what the folder says of itself, else from
the configuration of the network.  Values that contradict each other are an error.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from cli.context import Context
from cli.options import parse_bytes
from cli.records import Identifier
from node.base.errors import ConfigError, NotFoundError, PreconditionError, UsageError
from node.config.genesis import golden_atx
from node.post.engine import CPU_PROVIDER_ID, Provider
from node.post.files import IDENTITY_FILE_NAME
from node.post.identity_file import find_smesher, read_smesher
from node.post.metadata import ID_SIZE, METADATA_FILE_NAME, SpaceMetadata

if TYPE_CHECKING:
    from node.config.model.root import NodeConfig

PROVIDER_VARIABLE: Final = "SMPOST_PROVIDER"
"""Names providers where the command line does not."""

GOLDEN: Final = "golden"
"""Stands for the golden ATX of the network."""

PROCESSOR: Final = "cpu"
"""Stands for the processor among the providers."""

_SECRET_DIGITS: Final = 128
"""Digits of a private key, which must not be on a command line."""

Directory: TypeAlias = Annotated[
    Path | None,
    typer.Option("--dir", metavar="DIR", help="Data folder; the configuration's without it."),
]
ScryptN: TypeAlias = Annotated[
    int | None, typer.Option("--scrypt-n", help="Cost of a label; the network's without it.")
]
FromFile: TypeAlias = Annotated[int, typer.Option(metavar="N", min=0, help="First file.")]
ToFile: TypeAlias = Annotated[
    int | None, typer.Option(metavar="N", min=0, help="Last file; the last one without it.")
]
Threads: TypeAlias = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Threads; the configuration's without it.")
]
Nonces: TypeAlias = Annotated[
    int | None, typer.Option(metavar="N", help="Nonces of a pass over the data: 16, 32, 48, ...")
]


def configuration(context: Context) -> "NodeConfig":
    """Return the configuration of the chosen network.

    Raises:
        ConfigError: the file is wrong, or the network is not known.
    """
    return context.config().config


def identifier(value: bytes | None) -> Identifier:
    """Return an id as text; empty if there is none."""
    return Identifier(value.hex() if value is not None else "")


def choose_directory(context: Context, chosen: Path | None) -> Path:
    """Return the data folder, which need not exist."""
    if chosen is not None:
        return chosen
    return Path(configuration(context).smeshing.opts.data_dir)


def find_directory(context: Context, chosen: Path | None) -> Path:
    """Return the data folder.

    Raises:
        NotFoundError: there is no such folder.
    """
    directory = choose_directory(context, chosen)
    if not directory.is_dir():
        raise NotFoundError(
            "data folder", str(directory), hint="name one with --dir, or make one: smcli post init"
        )
    return directory


def settle_smesher(
    directory: Path, metadata: SpaceMetadata | None, *, typed: str | None, key_file: Path | None
) -> bytes | None:
    """Return the id of the smesher, in which all that name one agree, or None if nothing does.

    Args:
        directory: data folder; a key in it counts.
        metadata: what the folder says of itself.
        typed: id on the command line.
        key_file: file with the smesher's key, from the command line.

    Raises:
        UsageError: the typed id is none.
        PreconditionError: a file is no key, or two values differ.
    """
    named: dict[str, bytes] = {}
    if typed is not None:
        named["--id"] = _read_id(typed)
    if key_file is not None:
        named[str(key_file)] = read_smesher(key_file)
    beside = find_smesher(directory)
    if beside is not None:
        named[IDENTITY_FILE_NAME] = beside
    if metadata is not None:
        named[METADATA_FILE_NAME] = metadata.smesher
    for (first, expected), (second, found) in zip(
        list(named.items()), list(named.items())[1:], strict=False
    ):
        if expected != found:
            raise PreconditionError(
                f"whose space is {directory}? {first} says {expected.hex()}, "
                f"{second} says {found.hex()}",
                code="smesh.post.mismatch",
                hint="choose another data folder, or leave out what does not belong to it",
            )
    return next(iter(named.values()), None)


def settle_commitment(
    context: Context, directory: Path, metadata: SpaceMetadata | None, typed: str | None
) -> bytes:
    """Return the commitment ATX: as typed, else that of the space.

    Raises:
        UsageError: the typed id is none, or there is neither.
        PreconditionError: the space has another one.
        ConfigError: the golden ATX is wanted and the genesis time is not set.
    """
    if typed is None:
        if metadata is None:
            raise UsageError(
                "a new space needs --commitment-atx",
                hint="an ATX of the network, best a recent one; golden stands for the golden ATX",
            )
        return metadata.commitment_atx
    chosen = _golden(context) if typed == GOLDEN else parse_bytes(typed, ID_SIZE, "id of an ATX")
    if metadata is not None and metadata.commitment_atx != chosen:
        raise PreconditionError(
            f"{directory} was made with commitment ATX {metadata.commitment_atx.hex()}, "
            f"not {chosen.hex()}",
            code="smesh.post.mismatch",
            hint="leave out --commitment-atx, or choose another data folder",
        )
    return chosen


def settle_providers(
    context: Context,
    typed: str | None,
    find_providers: Callable[[], tuple[tuple[Provider, ...], str]],
) -> tuple[int, ...]:
    """Return the numbers of the providers: as typed, as in the environment, as configured.

    Args:
        context: the command's.
        typed: numbers, parts of names, or ``cpu``, divided by commas.
        find_providers: asked only if there is a name.

    Raises:
        NotFoundError: no provider has such a name.
        UsageError: several have.
    """
    text = typed or context.environment.get(PROVIDER_VARIABLE)
    if not text:
        configured = configuration(context).smeshing.opts.provider
        return () if configured is None else (configured,)
    return tuple(_find_provider(word.strip(), find_providers) for word in text.split(","))


def _find_provider(
    word: str, find_providers: Callable[[], tuple[tuple[Provider, ...], str]]
) -> int:
    if word.isdecimal():
        return int(word)
    if word.lower() == PROCESSOR:
        return CPU_PROVIDER_ID
    providers, _ = find_providers()
    found = [one for one in providers if word and word.lower() in one.name.lower()]
    if not found:
        raise NotFoundError("provider", word, hint="smcli post providers lists them")
    if len(found) > 1:
        raise UsageError(
            f"{word!r} is in the names of {len(found)} providers",
            hint=f"choose a number: {', '.join(str(one.id) for one in found)}",
        )
    return found[0].id


def _read_id(typed: str) -> bytes:
    digits = typed.strip().removeprefix("0x")
    if len(digits) == _SECRET_DIGITS:
        # Not shown: it is likely a private key.
        raise UsageError(
            "--id has the length of a private key, which must not be on a command line",
            hint="name its file with --identity; the id is the second half of the key",
        )
    return parse_bytes(typed, ID_SIZE, "id of a smesher")


def _golden(context: Context) -> bytes:
    genesis = configuration(context).genesis
    if genesis.genesis_time is None:
        raise ConfigError(
            "the golden ATX depends on the genesis time, which is not set",
            path="genesis.genesis-time",
            hint="name the network's configuration with --config",
        )
    return golden_atx(genesis.genesis_time, genesis.extra_data)
