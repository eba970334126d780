"""postcli's commands where no dialogue was recorded."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.base.errors import DeviceError, RejectError
from node.crypto.ed25519 import private_key_of
from node.post.engine import CPU_PROVIDER_ID, DeviceClass, InlineLabels, Provider
from node.post.files import read_metadata, write_metadata
from node.post.init_engines import COSTLY_CHECKS, InitEngines
from node.post.k2pow import RandomX
from node.post.postcli import Surroundings, run_postcli
from node.post.postcli_surroundings import make_surroundings, prove_once
from node.post.scan import PlainScan
from tests.support.post_labels import COMMITMENT_ATX, SMESHER, HashedLabels, real_engine

SPACE = ["-labelsPerUnit", "64", "-scryptN", "2", "-maxFileSize", "1024", "-numUnits", "4"]
PROVIDER = ["-provider", str(CPU_PROVIDER_ID)]
IDS = ["-id", SMESHER.hex(), "-commitmentAtxId", COMMITMENT_ATX.hex()]
CARD = Provider(id=0, name="[GPU] a/b", device_class=DeviceClass.GPU)
PROCESSOR = Provider(id=9, name="[CPU] c", device_class=DeviceClass.CPU)


class World:
    """A postcli that writes into lists and computes with what it is given."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.output: list[str] = []
        self.errors: list[str] = []
        self.answers: list[str] = []
        self.engine: HashedLabels = HashedLabels()
        self.providers: tuple[Provider, ...] = ()
        self.proof_error = ""

    @asynccontextmanager
    async def open(self, provider: int | None, scrypt_n: int) -> AsyncIterator[InitEngines]:
        source = InlineLabels(self.engine)
        yield InitEngines(source=source, checker=None, checks=COSTLY_CHECKS)

    async def prove(self, directory: Path, scrypt_n: int) -> None:
        assert (directory, scrypt_n) == (self.directory, 2)
        if self.proof_error:
            raise RejectError(self.proof_error)

    async def run(self, *arguments: str) -> int:
        world = Surroundings(
            write_output=self.output.append,
            write_error=self.errors.append,
            read_line=lambda: self.answers.pop(0) if self.answers else "",
            now=lambda: datetime(2024, 3, 1, 4, 5, 6, 7000, tzinfo=UTC),
            entropy=bytes,
            data_directory="/nowhere",
            open_engines=self.open,
            find_providers=lambda: (self.providers, ""),
            prove_once=self.prove,
        )
        return await run_postcli(["-datadir", str(self.directory), *arguments], world)

    def said(self) -> str:
        return "".join(self.errors)

    def logged(self) -> str:
        return "".join(self.output)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world over an empty directory."""
    return World(tmp_path / "data")


async def test_an_initialisation_is_told_step_by_step(world: World) -> None:
    assert await world.run(*SPACE, *PROVIDER, *IDS, "-yes") == 0

    assert "2024/03/01 04:05:06 cli: initialization completed\n" in world.said()
    first = world.logged().splitlines()[0]
    assert first.startswith("2024-03-01T04:05:06.007+0000\tINFO\tinitialization started\t{")
    assert world.logged().count("initialization: starting to write file") == 4
    assert read_metadata(world.directory).nonce is not None


async def test_the_log_can_be_quieter(world: World) -> None:
    assert await world.run(*SPACE, *PROVIDER, *IDS, "-yes", "-logLevel", "error") == 0
    assert world.logged() == ""


async def test_without_an_id_a_key_is_made_and_used_again(world: World) -> None:
    arguments = (*SPACE, *PROVIDER, "-commitmentAtxId", COMMITMENT_ATX.hex(), "-yes")
    assert await world.run(*arguments) == 0
    path = world.directory / "identity.key"
    assert path.read_text() == private_key_of(bytes(32)).hex()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "generated key in identity.key" in world.said()
    assert read_metadata(world.directory).smesher == private_key_of(bytes(32))[32:]

    world.errors.clear()
    assert await world.run(*arguments) == 0
    assert "generat" not in world.said()
    assert await world.run("-verify", "-fraction", "100", "-scryptN", "2") == 0
    assert "cli: identity.key is valid" in world.said()


async def test_a_key_of_somebody_else_is_refused(world: World) -> None:
    world.directory.mkdir()
    path = world.directory / "identity.key"
    path.write_text(private_key_of(bytes(32)).hex())

    assert await world.run(*SPACE, *PROVIDER, *IDS, "-yes") == 1
    assert "was previously initialized with a generated key" in world.said()

    path.unlink()
    assert await world.run(*SPACE, *PROVIDER, *IDS, "-yes") == 0
    path.write_text(private_key_of(bytes(32)).hex())
    assert await world.run(*SPACE, *PROVIDER, *IDS, "-yes") == 1
    assert "inconsistent state: identity.key file does not match" in world.said()
    assert await world.run("-verify") == 1
    assert "does not match public key from identity.key" in world.said()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("xyz", "failed to decode private key"), ("00" * 63, "size of key (63) not expected size 64")],
)
async def test_a_damaged_key_is_refused(world: World, text: str, complaint: str) -> None:
    world.directory.mkdir()
    (world.directory / "identity.key").write_text(text)

    assert await world.run(*SPACE, *PROVIDER, *IDS, "-yes") == 1
    assert complaint in world.said()


async def test_a_key_that_cannot_be_saved_is_told(world: World) -> None:
    world.directory.write_text("a file where a directory is wanted")
    arguments = (*SPACE, *PROVIDER, "-commitmentAtxId", COMMITMENT_ATX.hex(), "-yes")

    assert await world.run(*arguments) == 1
    assert "cannot read" in world.said()


async def test_a_key_is_never_overwritten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise OSError("no room")

    monkeypatch.setattr("node.post.postcli.write_new", refuse)
    arguments = (*SPACE, *PROVIDER, "-commitmentAtxId", COMMITMENT_ATX.hex(), "-yes")

    assert await world.run(*arguments) == 1
    assert "failed to save identity: no room" in world.said()


async def test_damaged_metadata_is_told(world: World) -> None:
    world.directory.mkdir()
    (world.directory / "postdata_metadata.json").write_text("{")

    for arguments in (SPACE, ["-searchForNonce"]):
        world.errors.clear()
        assert await world.run(*arguments) == 1
        assert "failed to load metadata: postdata_metadata.json is damaged" in world.said()


async def test_the_proof_is_made_when_it_is_asked_for(world: World) -> None:
    assert await world.run(*SPACE, *PROVIDER, *IDS, "-yes", "-genproof") == 0
    assert "cli: proof is valid" in world.said()

    world.proof_error = "invalid index: 3"
    assert await world.run(*SPACE, *PROVIDER, *IDS, "-yes", "-genproof") == 1
    assert "proof generation error invalid index: 3" in world.said()


async def test_wrong_labels_end_a_verification(world: World) -> None:
    await world.run(*SPACE, *PROVIDER, *IDS, "-yes")
    path = world.directory / "postdata_1.bin"
    path.write_bytes(bytes(16) + path.read_bytes()[16:])

    assert await world.run("-verify", "-fraction", "100", "-scryptN", "2") == 1
    assert "cli: invalid POS: file 1 contains invalid label at offset 0" in world.said()


async def test_no_nonce_in_the_files_is_told(world: World) -> None:
    await world.run(*SPACE, *PROVIDER, *IDS, "-yes")
    metadata = replace(read_metadata(world.directory), nonce=None, nonce_value=None)
    write_metadata(world.directory, metadata)
    for file in range(4):
        (world.directory / f"postdata_{file}.bin").write_bytes(b"\xff" * 1024)

    assert await world.run("-searchForNonce") == 1
    assert "cli: search for nonce failed: nonce not found" in world.said()


async def test_engines_that_fail_are_told_but_exit_in_peace(world: World) -> None:
    class Failing(HashedLabels):
        def labels(self, commitment: bytes, start: int, count: int) -> bytes:
            raise DeviceError("no power", code="smesh.device.kernel")

    world.engine = Failing()
    assert await world.run(*SPACE, *PROVIDER, *IDS, "-yes") == 0
    assert "cli: initialization error failed to compute labels: no power" in world.said()


async def test_shrinking_in_the_middle_of_a_file_is_logged(world: World) -> None:
    space = ["-labelsPerUnit", "50", "-scryptN", "2", "-maxFileSize", "1024"]
    await world.run(*space, "-numUnits", "4", *PROVIDER, *IDS, "-yes")
    await world.run(*space, "-numUnits", "2", *PROVIDER, *IDS, "-yes")

    assert 'truncating file\t{"fileIndex": 1, "labels": 36}' in world.logged()


async def test_providers_are_dumped(world: World) -> None:
    world.providers = (CARD, PROCESSOR)

    assert await world.run("-printProviders") == 0
    assert world.logged() == (
        "([]postrs.Provider) (len=2 cap=2) {\n"
        " (postrs.Provider) {\n  ID: (uint32) 0,\n"
        '  Model: (string) (len=9) "[GPU] a/b",\n  DeviceType: (postrs.DeviceClass) GPU\n },\n'
        " (postrs.Provider) {\n  ID: (uint32) 9,\n"
        '  Model: (string) (len=7) "[CPU] c",\n  DeviceType: (postrs.DeviceClass) CPU\n }\n}\n'
    )


async def test_the_real_surroundings_are_this_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_surroundings(1_700_000_000 * 10**9)

    assert await run_postcli(["-printNumFiles", "-numUnits", "4"], world) == 0
    assert capsys.readouterr().err.endswith(" 64\n")
    assert abs(world.now().timestamp() - 1_700_000_000) < 60
    assert len(world.entropy(3)) == 3
    async with world.open_engines(CPU_PROVIDER_ID, 2) as engines:
        assert engines.checker is not None


async def test_the_sanity_test_proves_and_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On an easy proof of work; 2048 labels hold the 37 good ones mainnet asks for."""
    monkeypatch.setattr("node.post.postcli_surroundings.POW_DIFFICULTY", b"\xff" * 32)
    monkeypatch.setattr("node.post.postcli_surroundings.choose_scan", lambda: PlainScan)
    monkeypatch.setattr("node.post.postcli_surroundings.RecomputedLabels", lambda: recompute)
    world = World(tmp_path)
    world.engine = real_engine()  # type: ignore[assignment]
    arguments = ["-labelsPerUnit", "2048", "-scryptN", "2", "-numUnits", "4", *PROVIDER, *IDS]
    assert await world.run(*arguments, "-yes") == 0

    await asyncio.wait_for(prove_once(FakeRandomX(), tmp_path, 2), 50)


def recompute(commitment: bytes, indices: Sequence[int], scrypt_n: int) -> list[bytes]:
    labels = real_engine(scrypt_n).labels_at([commitment] * len(indices), indices)
    return [labels[at : at + 32] for at in range(0, len(labels), 32)]


class FakeRandomX(RandomX):
    """Every number is a proof of work."""

    def hash(self, data: bytes) -> bytes:
        return bytes(32)
