"""PoETs that fail: as a smesher meets them, switched while a simulation runs."""

import asyncio
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from node.base.errors import UnavailableError
from node.poet.client import PoetClient
from node.poet.registration import PowParams, Refusal, RegistrationError, SubmitRequest
from node.poet.server import PoetInfo, RoundProof, SubmitReceipt


class Mood(Enum):
    """What is wrong with a PoET."""

    WELL = auto()
    REFUSES = auto()
    """It takes no registrations."""

    AWAY = auto()
    """It does not answer."""

    HANGS = auto()
    """It takes challenges and gives proofs, but never ends its answers."""

    LIES = auto()
    """Its proofs do not hold."""


@dataclass
class Moods:
    """The moods of PoETs by address; shared by the clients of all nodes that meet them."""

    moods: dict[str, Mood] = field(default_factory=dict)

    def of(self, address: str) -> Mood:
        """Return a PoET's mood."""
        return self.moods.get(address, Mood.WELL)


@dataclass(frozen=True)
class MoodyPoet:
    """A client of a PoET with moods."""

    client: PoetClient
    moods: Moods

    @property
    def address(self) -> str:
        """See PoetClient."""
        return self.client.address

    async def info(self) -> PoetInfo:
        """See PoetClient."""
        self._check_there()
        return await self.client.info()

    async def pow_params(self) -> PowParams:
        """See PoetClient."""
        self._check_there()
        return await self.client.pow_params()

    async def submit(self, request: SubmitRequest) -> SubmitReceipt:
        """See PoetClient."""
        if await self._mood() is Mood.REFUSES:
            raise RegistrationError(Refusal.RESOURCE_EXHAUSTED, "the round is full")
        return await self.client.submit(request)

    async def proof(self, round_id: str) -> RoundProof:
        """See PoetClient."""
        mood = await self._mood()
        answer = await self.client.proof(round_id)
        if mood is Mood.LIES:
            proof = replace(answer.proof, leaf_count=answer.proof.leaf_count * 2)
            return replace(answer, proof=proof)
        return answer

    async def _mood(self) -> Mood:
        self._check_there()
        mood = self.moods.of(self.address)
        if mood is Mood.HANGS:
            await asyncio.Event().wait()
        return mood

    def _check_there(self) -> None:
        if self.moods.of(self.address) is Mood.AWAY:
            raise UnavailableError(f"PoET {self.address}: connection refused")
