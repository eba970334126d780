"""A PoET as all smeshers of a node deal with it: what it says is remembered, its proofs kept.

Source: go-spacemesh, activation/poet.go (poetService); PoET digest 10, activation digest 8.4.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import structlog

from node.base.errors import ConfigError, NotFoundError, RejectError, UnavailableError
from node.config.model.consensus import PoetConfig
from node.crypto.ed25519 import Signer
from node.events import Bus, PoetProofDownloaded
from node.layer_ticker import Clock
from node.poet.client import PoetClient, ProofOfWork, make_proof_message, make_submission
from node.poet.registration import (
    Certificate,
    Certifier,
    PowParams,
    Refusal,
    RegistrationError,
    find_pow_nonce,
)
from node.poet.server import PoetInfo, SubmitReceipt
from node.runtime.workers import Workers
from node.smesher.ports import CertificateSource, PoetProofs
from node.types.ids import Hash32, PoetRef, SmesherID

NS_PER_S: Final = 10**9
CERTIFY_LIMIT_NS: Final = 60 * NS_PER_S
"""Longest wait for a certificate where requests have no limit.

Nothing else ends it, and work lets a smesher in as well; the attempts of the default
configuration take 44 s.
"""

log = structlog.get_logger("poet")

T = TypeVar("T")


@dataclass(slots=True)
class _Remembered(Generic[T]):
    """An answer that is believed for some time; of several who ask at once, one asks."""

    lasts_ns: int
    clock: Clock
    _answer: list[T] = field(default_factory=list)
    _until_ns: int = 0
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the answer, an old one if it is not too old."""
        async with self._asking:
            if not self._answer or self.clock.now_ns() >= self._until_ns:
                self._answer[:] = [await ask()]
                self._until_ns = self.clock.now_ns() + self.lasts_ns
            return self._answer[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetRound:
    """The proof of a round: valid, and in our store."""

    ref: PoetRef
    leaf_count: int
    ticks: int

    members: tuple[bytes, ...]
    """Challenges, in the order of the statement's tree."""


@dataclass(kw_only=True)
class PoetService:
    """One PoET."""

    client: PoetClient
    proofs: PoetProofs
    clock: Clock
    bus: Bus
    config: PoetConfig
    tick_size: int

    workers: Workers
    """Searches for proofs of work."""

    certificates: CertificateSource | None = None
    """Without it, the smeshers register by proof of work alone."""

    _info: _Remembered[PoetInfo] = field(init=False)
    _pow_params: _Remembered[PowParams] = field(init=False)
    _fetching: asyncio.Lock = field(default_factory=asyncio.Lock)
    _last: dict[str, PoetRound] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Remember nothing yet."""
        self._info = _Remembered(self.config.info_cache_ttl, self.clock)
        self._pow_params = _Remembered(self.config.pow_params_cache_ttl, self.clock)

    @property
    def address(self) -> str:
        """What the configuration and the journal call it."""
        return self.client.address

    async def info(self) -> PoetInfo:
        """Return what the PoET says of itself.

        Raises:
            ConfigError: its rounds start at other times than we are configured for.
            UnavailableError: it does not answer, or takes too long.
        """
        async with self._limited(self.config.request_timeout):
            info = await self._info.get(self.client.info)
        if info.phase_shift_ns != self.config.phase_shift:
            raise ConfigError(
                f"the rounds of PoET {self.address} start {info.phase_shift_ns / NS_PER_S:g} s "
                f"after an epoch, not {self.config.phase_shift / NS_PER_S:g} s",
                path="poet.phase-shift",
                code="smesh.config.phase_shift",
                hint="the PoET is of another network, or phase-shift is wrong",
            )
        return info

    async def certify(self, smesher: SmesherID) -> Certificate | None:
        """Return a smesher's certificate for this PoET, or None if it wants none.

        It never waits for ever, whatever is configured.

        Raises:
            ConfigError: see ``info``.
            NotFoundError: there is no PoST to be certified.
            RejectError: the certifier refuses, or what it says is of no use.
            UnavailableError: PoET or certifier do not answer, or take too long.
        """
        async with self._limited(self.config.request_timeout or CERTIFY_LIMIT_NS):
            certifier = await self._certifier()
            if certifier is None or self.certificates is None:
                return None
            return await self.certificates.get(smesher, certifier)

    async def register(
        self, signer: Signer, challenge: Hash32, *, deadline_ns: int
    ) -> SubmitReceipt:
        """Register a challenge for the open round.

        Args:
            signer: whose challenge it is.
            challenge: hash of the NIPoST challenge.
            deadline_ns: latest end of the round that is of use, ns unix.

        Raises:
            ConfigError: see ``info``.
            RegistrationError: it does not take the challenge.
            UnavailableError: it does not answer.
        """
        await self.info()
        try:
            return await self._submit(signer, challenge, deadline_ns)
        except RegistrationError as error:
            if error.refusal is not Refusal.UNAUTHENTICATED:
                raise
            log.warning("poet_certificate_refused", poet=self.address, reason=str(error))
        certifier = await self._certifier()
        if certifier is not None and self.certificates is not None:
            self.certificates.drop(signer.smesher_id, certifier)
        return await self._submit(signer, challenge, deadline_ns)

    async def proof(self, round_id: str) -> PoetRound:
        """Return the proof of a round; each is fetched once, whoever asks.

        Raises:
            NotFoundError: there is none, or none yet.
            RejectError: it does not hold.
            UnavailableError: the PoET does not answer, or takes too long.
        """
        async with self._limited(self.config.request_timeout), self._fetching:
            known = self._last.get(round_id)
            if known is None:
                known = await self._fetch(round_id)
                self._last = {round_id: known}
            return known

    async def _fetch(self, round_id: str) -> PoetRound:
        answer = await self.client.proof(round_id)
        message = make_proof_message(answer, round_id)
        await self.proofs.store(message)
        ticks = answer.proof.leaf_count // self.tick_size
        self.bus.publish(PoetProofDownloaded(address=self.address, round_id=round_id, ticks=ticks))
        return PoetRound(
            ref=message.proof.ref,
            leaf_count=answer.proof.leaf_count,
            ticks=ticks,
            members=answer.members,
        )

    async def _certifier(self) -> Certifier | None:
        """Return whose certificates the PoET takes; one without a key is none."""
        certifier = (await self.info()).certifier
        return certifier if certifier is not None and certifier.pubkey else None

    async def _submit(self, signer: Signer, challenge: Hash32, deadline_ns: int) -> SubmitReceipt:
        permission = await self._permission(signer.smesher_id, challenge)
        return await self.client.submit(
            make_submission(signer, challenge, permission, deadline_ns=deadline_ns)
        )

    async def _permission(self, smesher: SmesherID, challenge: Hash32) -> Certificate | ProofOfWork:
        """Return a certificate, or work where there is none."""
        try:
            certificate = await self.certify(smesher)
        except (NotFoundError, RejectError, UnavailableError) as error:
            log.warning("poet_not_certified", poet=self.address, reason=str(error))
        else:
            if certificate is not None:
                return certificate
        async with self._limited(self.config.request_timeout):
            params = await self._pow_params.get(self.client.pow_params)
        nonce = await self.workers.run(find_pow_nonce, params, smesher, challenge)
        return ProofOfWork(params=params, nonce=nonce)

    @asynccontextmanager
    async def _limited(self, limit_ns: int) -> AsyncIterator[None]:
        """Give up what is asked after so long; 0: never."""
        try:
            async with asyncio.timeout(limit_ns / NS_PER_S if limit_ns else None):
                yield
        except TimeoutError as error:
            raise UnavailableError(
                f"PoET {self.address} did not answer in {limit_ns / NS_PER_S:g} s",
                hint="see whether it runs; poet-request-timeout says how long it is waited for",
            ) from error
