"""One PoET for several smeshers: what is asked once, and how they get in."""

import asyncio
from dataclasses import dataclass, field

import pytest

from node.base.errors import NotFoundError, RejectError, UnavailableError
from node.config.durations import Nanoseconds
from node.config.model.consensus import PoetConfig
from node.events import Bus, PoetProofDownloaded
from node.poet.registration import (
    Certificate,
    Certifier,
    PowParams,
    Refusal,
    RegistrationError,
    SubmitRequest,
    find_pow_nonce,
)
from node.poet.server import PoetInfo, RoundProof, SubmitReceipt
from node.runtime.workers import InlineWorkers
from node.sim.virtual_time import simulate
from node.smesher.poets import PoetService
from node.types.ids import Hash32, PublicKey, SmesherID
from node.types.poet import PoetProofMessage
from tests.support.activation import poet_round
from tests.support.chain import NS, signer

CHALLENGE = Hash32(b"\x05" * 32)
CERTIFIER = Certifier(url="http://certifier", pubkey=b"\x09" * 32)
SHIFT = 20 * NS
CONFIG = PoetConfig(
    phase_shift=Nanoseconds(SHIFT),
    info_cache_ttl=Nanoseconds(10 * NS),
    pow_params_cache_ttl=Nanoseconds(5 * NS),
)


@dataclass
class Clock:
    now: int = 1

    def now_ns(self) -> int:
        return self.now

    async def sleep_until(self, instant_ns: int) -> None:
        self.now = max(self.now, instant_ns)


@dataclass
class Poet:
    """A PoET that counts its requests."""

    address: str = "poet"
    certifier: Certifier | None = None
    refusals: list[RegistrationError] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    submitted: list[SubmitRequest] = field(default_factory=list)
    hangs: bool = False
    is_silent: bool = False

    async def info(self) -> PoetInfo:
        self.asked.append("info")
        if self.is_silent:
            await asyncio.Event().wait()
        return PoetInfo(
            service_pubkey=PublicKey(bytes(32)),
            phase_shift_ns=SHIFT,
            cycle_gap_ns=0,
            certifier=self.certifier,
        )

    async def pow_params(self) -> PowParams:
        self.asked.append("pow_params")
        return PowParams(difficulty=3, challenge=b"work")

    async def submit(self, request: SubmitRequest) -> SubmitReceipt:
        self.submitted.append(request)
        if self.refusals:
            raise self.refusals.pop(0)
        return SubmitReceipt(round_id="3", round_end_ns=NS)

    async def proof(self, round_id: str) -> RoundProof:
        self.asked.append(f"proof {round_id}")
        if self.hangs:
            await asyncio.Event().wait()
        members = (bytes(CHALLENGE),)
        return RoundProof(
            proof=poet_round(members).proof, members=members, service_pubkey=PublicKey(bytes(32))
        )


@dataclass
class Proofs:
    """Stores proofs, or finds them wrong."""

    stored: list[PoetProofMessage] = field(default_factory=list)
    wrong: bool = False

    async def store(self, message: PoetProofMessage) -> object:
        if self.wrong:
            raise RejectError("the proof does not hold")
        self.stored.append(message)
        return None


@dataclass
class Certificates:
    """Gives out certificates, numbered."""

    failure: NotFoundError | RejectError | UnavailableError | None = None
    given: int = 0
    dropped: list[SmesherID] = field(default_factory=list)
    is_silent: bool = False

    async def get(self, smesher: SmesherID, certifier: Certifier) -> Certificate:
        assert certifier == CERTIFIER
        if self.failure is not None:
            raise self.failure
        if self.is_silent:
            await asyncio.Event().wait()
        self.given += 1
        return Certificate(data=bytes([self.given]), signature=b"")

    def drop(self, smesher: SmesherID, certifier: Certifier) -> None:
        self.dropped.append(smesher)


@dataclass
class World:
    poet: Poet = field(default_factory=Poet)
    proofs: Proofs = field(default_factory=Proofs)
    clock: Clock = field(default_factory=Clock)
    bus: Bus = field(default_factory=Bus)
    certificates: Certificates = field(default_factory=Certificates)

    def service(self, config: PoetConfig = CONFIG) -> PoetService:
        return PoetService(
            client=self.poet,
            proofs=self.proofs,
            clock=self.clock,
            bus=self.bus,
            config=config,
            tick_size=10,
            workers=InlineWorkers(),
            certificates=self.certificates,
        )


async def register(service: PoetService, number: int = 1) -> None:
    await service.register(signer(number), CHALLENGE, deadline_ns=7)


# --- what is remembered ---


async def test_what_a_poet_says_of_itself_is_believed_for_a_while() -> None:
    world = World()
    service = world.service()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(register(service, 1))
        tasks.create_task(register(service, 2))
    assert world.poet.asked == ["info", "pow_params"]
    world.clock.now += 5 * NS
    await register(service)
    assert world.poet.asked == ["info", "pow_params", "pow_params"]
    world.clock.now += 5 * NS
    await register(service)
    assert world.poet.asked == ["info", "pow_params", "pow_params", "info", "pow_params"]


async def test_a_proof_is_fetched_and_announced_once_for_all_smeshers() -> None:
    world = World()
    service = world.service()
    with world.bus.subscribe(PoetProofDownloaded) as events:
        async with asyncio.TaskGroup() as tasks:
            both = [tasks.create_task(service.proof("4")) for _ in range(2)]
        first, second = (task.result() for task in both)
        assert events.take() == PoetProofDownloaded(
            address="poet", round_id="4", ticks=first.leaf_count // 10
        )
        assert events.take() is None
    assert first == second
    assert (first.ref, first.members) == (world.proofs.stored[0].proof.ref, (bytes(CHALLENGE),))
    assert world.poet.asked == ["proof 4"]
    await service.proof("5")
    await service.proof("4")
    assert world.poet.asked == ["proof 4", "proof 5", "proof 4"]


async def test_a_proof_that_does_not_hold_is_not_remembered() -> None:
    world = World()
    service = world.service()
    world.proofs.wrong = True
    with pytest.raises(RejectError):
        await service.proof("4")
    world.proofs.wrong = False
    assert (await service.proof("4")).leaf_count > 0


async def test_a_request_may_take_so_long() -> None:
    world = World()
    world.poet.hangs = True
    config = PoetConfig(phase_shift=Nanoseconds(SHIFT), request_timeout=Nanoseconds(NS // 100))
    with pytest.raises(UnavailableError, match=r"did not answer in 0.01 s"):
        await world.service(config).proof("4")


def test_a_poet_may_take_so_long_to_say_what_it_is() -> None:
    world = World()
    world.poet.is_silent = True
    config = PoetConfig(phase_shift=Nanoseconds(SHIFT), request_timeout=Nanoseconds(12 * NS))
    with pytest.raises(UnavailableError, match="PoET poet did not answer in 12 s"):
        simulate(world.service(config).info())


def test_without_a_limit_a_certificate_is_not_waited_for_for_ever() -> None:
    world = World()
    world.poet.is_silent = True
    with pytest.raises(UnavailableError, match="PoET poet did not answer in 60 s"):
        simulate(world.service().certify(signer(1).smesher_id))


def test_where_the_certifier_is_silent_work_is_done() -> None:
    world = World()
    world.poet.certifier = CERTIFIER
    world.certificates.is_silent = True
    simulate(register(world.service()))
    (request,) = world.poet.submitted
    assert request.certificate is None
    assert request.pow_params.difficulty == 3


# --- how smeshers get in ---


async def test_without_a_certifier_work_is_done() -> None:
    world = World()
    await register(world.service())
    (request,) = world.poet.submitted
    params = PowParams(difficulty=3, challenge=b"work")
    assert request.pow_params == params
    assert request.nonce == find_pow_nonce(params, signer(1).smesher_id, CHALLENGE)
    assert (request.certificate, request.deadline_ns) == (None, 7)


@pytest.mark.parametrize("certifier", [None, Certifier(url="", pubkey=b"")])
async def test_a_certifier_without_a_key_is_none(certifier: Certifier | None) -> None:
    world = World()
    world.poet.certifier = certifier
    assert await world.service().certify(signer(1).smesher_id) is None


async def test_who_asks_no_certifiers_has_no_certificate() -> None:
    world = World()
    world.poet.certifier = CERTIFIER
    service = world.service()
    service.certificates = None
    assert await service.certify(signer(1).smesher_id) is None
    world.poet.refusals = [RegistrationError(Refusal.UNAUTHENTICATED, "who are you")]
    await register(service)
    assert [request.certificate for request in world.poet.submitted] == [None, None]


async def test_a_certificate_lets_in_without_work() -> None:
    world = World()
    world.poet.certifier = CERTIFIER
    await register(world.service())
    (request,) = world.poet.submitted
    assert request.certificate == Certificate(data=b"\x01", signature=b"")
    assert world.poet.asked == ["info"]


@pytest.mark.parametrize(
    "failure", [NotFoundError("post", b""), RejectError("no"), UnavailableError("away")]
)
async def test_where_no_certificate_is_to_be_had_work_is_done(
    failure: NotFoundError | RejectError | UnavailableError,
) -> None:
    world = World()
    world.poet.certifier = CERTIFIER
    world.certificates.failure = failure
    await register(world.service())
    (request,) = world.poet.submitted
    assert request.certificate is None
    assert request.pow_params.difficulty == 3


async def test_a_certificate_that_is_refused_is_replaced_once() -> None:
    world = World()
    world.poet.certifier = CERTIFIER
    world.poet.refusals = [RegistrationError(Refusal.UNAUTHENTICATED, "expired")]
    service = world.service()
    await register(service)
    sent = [request.certificate for request in world.poet.submitted]
    assert [one and one.data for one in sent] == [b"\x01", b"\x02"]
    assert world.certificates.dropped == [signer(1).smesher_id]
    world.poet.refusals = [RegistrationError(Refusal.UNAUTHENTICATED, "no")] * 2
    with pytest.raises(RegistrationError):
        await register(service)


async def test_any_other_refusal_is_final() -> None:
    world = World()
    world.poet.refusals = [RegistrationError(Refusal.ALREADY_EXISTS, "conflicting registration")]
    with pytest.raises(RegistrationError, match="conflicting"):
        await register(world.service())
    assert len(world.poet.submitted) == 1
