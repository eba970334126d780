"""postcli over our engines: the same flags, questions, messages and exit codes.

Operators have scripts around the Go program; with this they keep working.  Messages for
people go to the error stream with Go's time stamp, the log to the output stream, as there.

Exit codes: 0 done, also when an initialisation failed (as there); 1 refused; 2 a flag or
an option cannot be used.

Source: post for Go, cmd/postcli; digest post 16.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Final, NoReturn, Protocol

from node.base.errors import DeviceError, PreconditionError, SpacemeshError, UsageError
from node.base.hexadecimal import hex_problem
from node.crypto.ed25519 import private_key_of
from node.post.data_verify import verify_data
from node.post.difficulty import compute_vrf_difficulty
from node.post.engine import CPU_PROVIDER_ID, DeviceClass, Provider
from node.post.files import (
    IDENTITY_FILE_NAME,
    data_file_name,
    find_metadata,
    remove_space,
)
from node.post.init_engines import InitEngines
from node.post.init_options import InitOptions, check_options
from node.post.init_run import FIRST_WORK, run_init
from node.post.labels import LABEL_SIZE, MAINNET_SCRYPT_N, check_scrypt_n
from node.post.metadata import METADATA_FILE_NAME, SpaceMetadata
from node.post.nonce_search import FileOpened, NonceSaved, SearchEvent, search_nonce
from node.post.postcli_flags import (
    K1,
    LABELS_PER_UNIT,
    LOG_LEVELS,
    MAX_UNITS,
    MIN_UNITS,
    ParsedFlags,
    make_flags,
    parse_flags,
    show_config,
    usage,
)
from node.post.postcli_log import InitLog
from node.runtime.files import make_folder, write_new

_SEED_SIZE: Final = 32
_KEY_SIZE: Final = 64


class OpenEngines(Protocol):
    """Opens a provider by its number, as ``init_engines.open_engines`` does."""

    def __call__(
        self, provider: int | None, scrypt_n: int
    ) -> AbstractAsyncContextManager[InitEngines]:
        """Return who computes and who checks."""
        ...


class ProveOnce(Protocol):
    """Makes a proof over a space and verifies it: the sanity test of ``-genproof``."""

    async def __call__(self, directory: Path, scrypt_n: int) -> None:
        """Return if the proof holds; raise what is wrong otherwise."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the program has of the world."""

    write_output: Callable[[str], object]
    write_error: Callable[[str], object]
    read_line: Callable[[], str]
    """Next line of the input; empty at its end."""

    now: Callable[[], datetime]
    """With the time zone for the time stamps."""

    entropy: Callable[[int], bytes]
    """Unforeseeable bytes."""

    data_directory: str
    """Default of ``-datadir``."""

    open_engines: OpenEngines
    find_providers: Callable[[], tuple[tuple[Provider, ...], str]]
    prove_once: ProveOnce


class _Exit(Exception):  # noqa: N818 - it is no error
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


async def run_postcli(
    arguments: Sequence[str], surroundings: Surroundings, *, first_work: int = FIRST_WORK
) -> int:
    """Carry out a command line of postcli; return its exit code.

    Args:
        arguments: the command line without the program's name.
        surroundings: streams, clock, engines.
        first_work: see ``init_run.run_init``.
    """
    flags = make_flags(surroundings.data_directory)
    try:
        parsed = parse_flags(arguments, flags)
    except UsageError as error:
        surroundings.write_error(f"{error}\n{usage(flags)}")
        return 2
    program = _Program(parsed, surroundings, first_work)
    try:
        await program.run()
    except _Exit as done:
        return done.code
    return 0


class _Program:
    def __init__(self, flags: ParsedFlags, world: Surroundings, first_work: int) -> None:
        self.flags = flags
        self.world = world
        self.first_work = first_work
        self.directory = Path(flags.text("datadir"))
        self.shown_directory = flags.text("datadir")
        self.min_units = MIN_UNITS
        self.max_units = MAX_UNITS

    async def run(self) -> None:
        flags = self.flags
        if flags.is_set("printProviders"):
            self.print_providers()
        elif flags.is_set("printNumFiles"):
            labels = flags.number("numUnits") * flags.number("labelsPerUnit")
            self.say(str(-(-labels // max(1, flags.number("maxFileSize") // LABEL_SIZE))))
        elif flags.is_set("printConfig"):
            self.world.write_output(show_config(flags))
        elif flags.is_set("verify"):
            await self.verify()
        elif flags.is_set("searchForNonce"):
            self.search()
        else:
            await self.initialise()

    # Talking

    def say(self, text: str) -> None:
        self.world.write_error(f"{self.world.now():%Y/%m/%d %H:%M:%S} {text}\n")

    def fail(self, text: str, code: int = 1) -> NoReturn:
        self.say(text)
        raise _Exit(code)

    def panic(self, text: str) -> NoReturn:
        self.say(text)
        self.world.write_error(f"panic: {text}\n")
        raise _Exit(2)

    def log(self, level: str, message: str, **facts: str | int) -> None:
        if LOG_LEVELS.index(level) < LOG_LEVELS.index(self.flags.text("logLevel")):
            return
        now = self.world.now()
        stamp = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}{now:%z}"
        told = f"\t{json.dumps(facts)}" if facts else ""
        self.world.write_output(f"{stamp}\t{level.upper()}\t{message}{told}\n")

    def confirm(self) -> None:
        if self.flags.is_set("yes"):
            return
        self.say("Are you sure you want to continue (y/N)?")
        if self.world.read_line().strip() not in {"y", "Y"}:
            self.fail("Aborting")

    def warn_incompatible(self) -> None:
        if not self.flags.is_set("yes"):
            self.say(
                "CONTINUING WILL INITIALIZE DATA INCOMPATIBLE WITH MAINNET. "
                "MAKE ABSOLUTELY SURE YOU WANT THIS."
            )
        self.confirm()

    # Commands

    def print_providers(self) -> None:
        providers, problem = self.world.find_providers()
        if problem:
            self.fail("failed to get OpenCL providers failed to fetch providers")
        count = len(providers)
        parts = [
            f" (postrs.Provider) {{\n  ID: (uint32) {provider.id},\n"
            f'  Model: (string) (len={len(provider.name.encode())}) "{provider.name}",\n'
            f"  DeviceType: (postrs.DeviceClass) {DeviceClass(provider.device_class).name}\n }}"
            for provider in providers
        ]
        self.world.write_output(
            f"([]postrs.Provider) (len={count} cap={count}) {{\n" + ",\n".join(parts) + "\n}\n"
        )

    async def verify(self) -> None:
        flags = self.flags
        self.say(f"cli: verifying {IDENTITY_FILE_NAME}")
        key = self.load_key()
        if key is not None:
            metadata = self.load_metadata("failed to load metadata from " + self.shown_directory)
            if metadata is not None and metadata.smesher != key:
                self.fail(
                    f"NodeID in {self.directory / METADATA_FILE_NAME} ({metadata.smesher.hex()}) "
                    f"does not match public key from {IDENTITY_FILE_NAME} ({key.hex()})"
                )
            self.say(f"cli: {IDENTITY_FILE_NAME} is valid")
        self.say("cli: verifying POS data")
        self.log("info", f"verifying POS data in {self.shown_directory}")
        try:
            fault = await self.verify_files(flags.number("fromFile"))
        except SpacemeshError as error:
            self.log("error", f"Error verifying POS data: {error}")
            self.fail("cli: failed (invalid argument)")
        if fault:
            self.fail(f"cli: invalid POS: {fault}")
        self.say("cli: POS data is valid")

    async def verify_files(self, first: int) -> str:
        """Verify file by file; return the first fault as text, or nothing."""
        flags = self.flags
        metadata = find_metadata(self.directory)
        if metadata is None:
            raise PreconditionError("metadata file is missing")
        last = metadata.layout.num_files - 1 if flags.to_file is None else flags.to_file
        self.log("info", f"verifying POS files {first} -> {last}")
        fraction = Fraction(str(flags.values["fraction"]))
        seed = self.world.entropy(_SEED_SIZE)
        async with self.world.open_engines(CPU_PROVIDER_ID, flags.number("scryptN")) as engines:
            for file in range(first, last + 1):
                path = f"{self.shown_directory}/{data_file_name(file)}"
                self.log("info", f"verifying file {path}")
                verdict = await verify_data(
                    self.directory,
                    engines.source,
                    seed=seed,
                    fraction_percent=fraction,
                    from_file=file,
                    to_file=file,
                )
                self.log("info", f"verifying {verdict.labels_checked} labels")
                if verdict.fault is not None:
                    return str(verdict.fault)
        return ""

    def search(self) -> None:
        flags = self.flags
        metadata = self.load_metadata("cli: search for nonce failed: failed to load metadata")
        if metadata is None:
            self.fail(
                "cli: search for nonce failed: failed to load metadata: metadata file is missing"
            )
        self.log(
            "info",
            "searching for lowest nonce",
            difficulty=compute_vrf_difficulty(metadata.num_labels).hex(),
            datadir=self.shown_directory,
        )
        try:
            found = search_nonce(
                self.directory,
                from_file=flags.number("fromFile"),
                to_file=flags.to_file,
                # As the Go program: what the metadata says is not believed.
                ignore_stored=True,
                on_event=self.on_search_event,
            )
        except SpacemeshError as error:
            self.fail(f"cli: search for nonce failed: {error}")
        value = (found.nonce_value or b"").hex().upper()
        self.say(f"cli: search for nonce completed. Nonce: {found.nonce} | Label: {value}")

    def on_search_event(self, event: SearchEvent) -> None:
        match event:
            case FileOpened(name):
                self.log("info", "looking for VRF nonce in file", file=name)
            case NonceSaved(metadata):
                self.log(
                    "info",
                    f"found nonce: updating {METADATA_FILE_NAME}",
                    nonce=metadata.nonce or 0,
                    NonceValue=(metadata.nonce_value or b"").hex(),
                )

    async def initialise(self) -> None:
        flags = self.flags
        smesher_hex = self.settle_questions()
        options = self.make_options(
            self.decode_hex("id", smesher_hex),
            self.decode_hex("commitmentAtxId", flags.text("commitmentAtxId")),
        )
        try:
            # The Go program looks at the power of two only when it computes labels.
            check_options(replace(options, scrypt_n=2))
        except UsageError as error:
            self.panic(str(error))
        listener = InitLog(self.log, self.shown_directory, options)
        try:
            if flags.is_set("reset"):
                remove_space(self.directory)
                self.say("cli: reset completed")
                return
            self.check_scrypt(listener)
            async with self.world.open_engines(flags.number("provider"), options.scrypt_n) as who:
                result = await run_init(
                    self.directory,
                    options,
                    who,
                    on_event=listener.on_event,
                    first_work=self.first_work,
                )
        except SpacemeshError as error:
            if not listener.is_created:
                self.panic(str(error))
            self.fail(f"cli: initialization error {_explain(error)}", code=0)
        if result.metadata.nonce is not None:
            self.log("info", "initialization: completed, found nonce", nonce=result.metadata.nonce)
        self.say("cli: initialization completed")
        if flags.is_set("genproof"):
            await self.generate_proof(options.scrypt_n)

    def check_scrypt(self, listener: InitLog) -> None:
        try:
            check_scrypt_n(self.flags.number("scryptN"))
        except UsageError:
            listener.tell_created()
            raise

    async def generate_proof(self, scrypt_n: int) -> None:
        self.say("cli: generating proof as a sanity test")
        try:
            await self.world.prove_once(self.directory, scrypt_n)
        except SpacemeshError as error:
            self.fail(f"proof generation error {error}")
        self.say("cli: proof is valid")

    # What initialisation asks before

    def settle_questions(self) -> str:
        """Return the smesher's id in hex, when everything doubtful is confirmed."""
        flags = self.flags
        metadata = self.load_metadata("failed to load metadata")
        smesher_hex = self.settle_identity(metadata)
        if metadata is not None:
            if "numUnits" not in flags.named:
                self.fail("-numUnits must be specified to perform initialization.")
            self.settle_units(metadata)
        self.settle_range()
        if "commitmentAtxId" not in flags.named and metadata is not None:
            self.fail("-commitmentAtxId must be specified to perform initialization.")
        if "commitmentAtxId" in flags.named:
            self.settle_commitment(metadata)
        if "provider" not in flags.named:
            self.fail("-provider flag is required")
        self.settle_default("labelsPerUnit", LABELS_PER_UNIT)
        self.settle_default("scryptN", MAINNET_SCRYPT_N)
        if not smesher_hex and (flags.number("fromFile") != 0 or flags.to_file is not None):
            self.fail("-id flag is required when using -fromFile or -toFile")
        return smesher_hex or self.generate_identity()

    def settle_identity(self, metadata: SpaceMetadata | None) -> str:
        given = self.flags.text("id")
        if metadata is not None:
            given = given or metadata.smesher.hex()
            if given != metadata.smesher.hex():
                self.refuse("id", metadata.smesher.hex(), given)
        key = self.load_key()
        if key is None:
            return given
        if metadata is not None and metadata.smesher != key:
            self.fail(
                f"WARNING: inconsistent state: {IDENTITY_FILE_NAME} file does not match "
                f"metadata in {self.shown_directory}"
            )
        if given and given != key.hex():
            self.say(
                f"WARNING: it appears that {self.shown_directory} was previously initialized "
                "with a generated key."
            )
            self.say("The provided id does not match the generated key.")
            self.tell_values(key.hex(), given)
            self.fail("aborting")
        return key.hex()

    def settle_units(self, metadata: SpaceMetadata) -> None:
        units = self.flags.number("numUnits")
        if units == metadata.num_units:
            return
        self.warn_differs("numUnits")
        self.tell_values(metadata.num_units, units)
        if units < metadata.num_units and not self.flags.is_set("yes"):
            self.say(
                "CONTINUING MIGHT ERASE EXISTING DATA. "
                "MAKE ABSOLUTELY SURE YOU SPECIFY THE CORRECT VALUE."
            )
        self.confirm()

    def settle_range(self) -> None:
        units = self.flags.number("numUnits")
        if "numUnits" not in self.flags.named or MIN_UNITS <= units <= MAX_UNITS:
            return
        self.say(
            f"WARNING: numUnits is outside of range valid for mainnet (min: {MIN_UNITS} "
            f"max: {MAX_UNITS} )"
        )
        self.warn_incompatible()
        self.min_units = self.max_units = units

    def settle_commitment(self, metadata: SpaceMetadata | None) -> None:
        given = self.flags.text("commitmentAtxId")
        problem = hex_problem(given)
        if problem:
            self.say(f"invalid commitmentAtxId: {problem}")
        elif metadata is not None and bytes.fromhex(given) != metadata.commitment_atx:
            self.refuse("commitmentAtxId", metadata.commitment_atx.hex(), given)

    def settle_default(self, name: str, default: int) -> None:
        if self.flags.number(name) == default:
            return
        self.say(f"WARNING: {name} is set to a non-default value.")
        self.say(f"If you're trying to initialize for mainnet, please remove the -{name} flag")
        self.warn_incompatible()

    def refuse(self, name: str, current: str, given: str) -> NoReturn:
        self.warn_differs(name)
        self.tell_values(current, given)
        self.fail("aborting")

    def warn_differs(self, name: str) -> None:
        self.say(
            f"WARNING: it appears that {self.shown_directory} was previously initialized with "
            f"a different `{name}` value."
        )

    def tell_values(self, current: str | int, given: str | int) -> None:
        self.say(f"\tCurrent value: {current}")
        self.say(f"\tValue passed to postcli: {given}")

    # Files and identities

    def load_metadata(self, complaint: str) -> SpaceMetadata | None:
        try:
            return find_metadata(self.directory)
        except SpacemeshError as error:
            self.fail(f"{complaint}: {error}")

    def load_key(self) -> bytes | None:
        """Return the public key beside the labels, if there is one."""
        path = self.directory / IDENTITY_FILE_NAME
        try:
            key = bytes.fromhex(path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self.fail(f"failed to decode private key from {path}: {error}")
        if len(key) != _KEY_SIZE:
            self.fail(f"size of key ({len(key)}) not expected size {_KEY_SIZE}")
        return private_key_of(key[:_SEED_SIZE])[_SEED_SIZE:]

    def generate_identity(self) -> str:
        self.say("cli: generating new identity")
        key = private_key_of(self.world.entropy(_SEED_SIZE))
        path = self.directory / IDENTITY_FILE_NAME
        try:
            write_new(make_folder(self.directory) / path.name, key.hex().encode())
        except OSError as error:
            self.fail(f"failed to save identity: {error}")
        self.say(f"generated key in {IDENTITY_FILE_NAME}")
        self.say("copy this file to the `data/identities` directory of your node")
        return key[_SEED_SIZE:].hex()

    def decode_hex(self, name: str, text: str) -> bytes:
        problem = hex_problem(text)
        if problem:
            self.fail(f"failed to decode {name} {text}: {problem}")
        return bytes.fromhex(text)

    def make_options(self, smesher: bytes, commitment_atx: bytes) -> InitOptions:
        flags = self.flags
        return InitOptions(
            smesher=smesher,
            commitment_atx=commitment_atx,
            labels_per_unit=flags.number("labelsPerUnit"),
            num_units=flags.number("numUnits"),
            max_file_size=flags.number("maxFileSize"),
            scrypt_n=flags.number("scryptN"),
            min_units=self.min_units,
            max_units=self.max_units,
            k1=K1,
            from_file=flags.number("fromFile"),
            to_file=flags.to_file,
            # It was confirmed, as there.
            allow_shrink=True,
        )


def _explain(error: SpacemeshError) -> str:
    if not isinstance(error, DeviceError):
        return str(error)
    if error.code == "smesh.device.provider":
        return "failed to compute labels: initializing scrypter: invalid provider ID"
    return f"failed to compute labels: {error}"
