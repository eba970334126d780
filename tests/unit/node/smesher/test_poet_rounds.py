"""An identity among PoETs: registration, failures, and the proof that counts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.base.errors import (
    ConfigError,
    NotFoundError,
    UnavailableError,
)
from node.events import (
    PoetProofChosen,
    WarningRaised,
)
from node.poet.registration import Refusal, RegistrationError
from node.smesher.nipost import (
    ChallengeExpiredError,
    PoetTimes,
    PoetUnstableError,
    challenge_of,
)
from node.store.local import (
    registrations,
)
from node.types.layer import EpochID
from tests.support.activation import (
    TICKS,
)
from tests.support.chain import NS, TIME
from tests.support.smeshing import (
    GAP,
    GRACE,
    SHIFT,
    SMESHER,
    Heard,
    Poet,
    Smesher,
    start,
)


@pytest.fixture
def smesher(tmp_path: Path) -> Iterator[Smesher]:
    smesher = Smesher(tmp_path)
    yield smesher
    smesher.close()


async def test_of_several_poets_the_one_with_the_most_work_counts(smesher: Smesher) -> None:
    smesher.poets = [
        Poet(smesher.clock, "low", 160),
        Poet(smesher.clock, "high", 320),
        Poet(smesher.clock, "refuses"),
        Poet(smesher.clock, "silent"),
    ]
    smesher.poets[2].refusal = RegistrationError(Refusal.UNAUTHENTICATED, "no")
    smesher.poets[3].proofless = UnavailableError("gone")
    heard = Heard(smesher.bus)
    await smesher.run_until(start(2) + SHIFT - GRACE)
    chosen = [event for event in heard.all() if isinstance(event, PoetProofChosen)]
    assert [(event.address, event.ticks) for event in chosen] == [("high", 2 * TICKS)]
    assert smesher.atx().tick_count == 2 * TICKS


async def test_a_registration_is_kept_over_a_restart(smesher: Smesher) -> None:
    await smesher.first_proof()
    pending = await smesher.builder()._challenge()
    times = PoetTimes.of(EpochID(2), TIME, phase_shift_ns=SHIFT, cycle_gap_ns=GAP)
    challenge = challenge_of(pending).challenge_hash()
    first = await smesher.builder().rounds.register(EpochID(2), challenge, times)
    smesher.clock.clock.now = times.round_start_ns + 1
    assert await smesher.builder().rounds.register(EpochID(2), challenge, times) == first
    assert len(smesher.poets[0].submitted) == 1


async def test_without_any_poet_it_is_tried_again_until_the_round_starts(
    smesher: Smesher,
) -> None:
    smesher.poets[0].refusal = RegistrationError(Refusal.UNAUTHENTICATED, "no")
    await smesher.first_proof()
    builder = smesher.builder()
    with pytest.raises(PoetUnstableError, match="no PoET took"):
        await builder._nipost(await builder._challenge())
    smesher.clock.clock.now = start(1) + SHIFT
    with pytest.raises(ChallengeExpiredError, match="started without us"):
        await builder._nipost(await builder._challenge())
    smesher.poets[0].refusal = None
    await smesher.run_until(start(3) + SHIFT - GRACE)
    assert smesher.atx().publish_epoch == 3


async def test_a_poet_that_hangs_costs_its_own_registration_only(smesher: Smesher) -> None:
    smesher.poets = [Poet(smesher.clock, "hangs"), Poet(smesher.clock, "works")]
    smesher.poets[0].hangs = True
    await smesher.first_proof()
    builder = smesher.builder()
    pending = await builder._challenge()
    smesher.clock.clock.now = start(1) + SHIFT - NS // 100
    heard = Heard(smesher.bus)
    await builder._nipost(pending)
    assert [one.address for one in registrations(smesher.local, SMESHER)] == ["works"]
    (warning,) = [event for event in heard.all() if isinstance(event, WarningRaised)]
    assert warning.message.endswith("PoET hangs: no answer before the round began")


async def test_a_poet_of_another_network_ends_the_node(smesher: Smesher) -> None:
    smesher.poets[0].shift_ns = SHIFT + NS
    with pytest.raises(ConfigError, match="start 21 s after an epoch, not 20 s"):
        await smesher.builder().run()
    smesher.poets[0].shift_ns = SHIFT
    builder = smesher.builder()
    pending = await builder._challenge()
    smesher.poets[0].shift_ns = SHIFT + NS
    with pytest.raises(ConfigError):
        await builder._nipost(pending)


async def test_trouble_with_poets_is_announced_once(smesher: Smesher) -> None:
    smesher.poets[0].refusal = RegistrationError(Refusal.RESOURCE_EXHAUSTED, "full")
    heard = Heard(smesher.bus)
    await smesher.run_until(start(1) + SHIFT - GRACE + 3 * NS)
    told = [event for event in heard.all() if isinstance(event, WarningRaised)]
    assert [event.message for event in told] == [
        f"smesher {SMESHER}: PoET poet: full",
        f"smesher {SMESHER}: no PoET took the challenge",
    ]
    assert told[0].code == "smesh.poet.refused"


async def test_an_unstable_poet_costs_a_moment_only(smesher: Smesher) -> None:
    smesher.poets[0].refusal = RegistrationError(Refusal.UNAUTHENTICATED, "no")
    await smesher.run_until(start(1) + SHIFT - GRACE + 3 * NS)
    assert smesher.clock.now_ns() == start(1) + SHIFT - GRACE + 3 * NS


async def test_without_a_proof_of_the_round_there_is_no_atx(smesher: Smesher) -> None:
    smesher.poets[0].proofless = NotFoundError("proof of round", b"1")
    await smesher.first_proof()
    builder = smesher.builder()
    pending = await builder._challenge()
    with pytest.raises(PoetUnstableError, match="has a proof"):
        await builder._nipost(pending)
    smesher.clock.clock.now = start(3) - GAP
    with pytest.raises(ChallengeExpiredError, match="too late"):
        await builder._nipost(pending)


async def test_a_proof_we_are_not_a_member_of_is_of_no_use(smesher: Smesher) -> None:
    smesher.poets[0].shifted = b"\7" * 32
    await smesher.first_proof()
    builder = smesher.builder()
    with pytest.raises(PoetUnstableError):
        await builder._nipost(await builder._challenge())


async def test_a_poet_that_left_the_configuration_is_not_asked(smesher: Smesher) -> None:
    await smesher.first_proof()
    builder = smesher.builder()
    pending = await builder._challenge()
    times = PoetTimes.of(EpochID(2), TIME, phase_shift_ns=SHIFT, cycle_gap_ns=GAP)
    await builder.rounds.register(EpochID(2), challenge_of(pending).challenge_hash(), times)
    smesher.poets = []
    with pytest.raises(PoetUnstableError):
        await smesher.builder()._nipost(pending)
    smesher.clock.clock.now = times.round_start_ns
    with pytest.raises(ConfigError, match="registered with poet, and none of these"):
        await smesher.builder().run()


async def test_a_poet_that_cannot_be_asked_at_the_start_is_asked_again(smesher: Smesher) -> None:
    smesher.poets[0].silence = UnavailableError("connection refused")
    await smesher.first_proof()
    builder = smesher.builder()
    await builder.rounds.certify()
    pending = await builder._challenge()
    with pytest.raises(PoetUnstableError, match="no PoET took"):
        await builder._nipost(pending)
    smesher.poets[0].silence = None
    await builder._nipost(pending)
    assert len(smesher.poets[0].submitted) == 1
