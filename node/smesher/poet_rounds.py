"""An identity's way through a PoET round: registration everywhere, then the best proof.

PoETs are dealt with side by side: one that refuses, hangs or lies costs its own proof and
nothing else.

Source: go-spacemesh, activation/nipost.go; activation digest 8.3.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from node.base.errors import (
    ConfigError,
    NotFoundError,
    RejectError,
    SpacemeshError,
    UnavailableError,
)
from node.config.model.consensus import PoetConfig
from node.crypto.ed25519 import Signer
from node.events import Bus, PoetProofChosen, PoetRegistered, PoetRoundAwaited, WarningRaised
from node.layer_ticker import Clock
from node.poet.registration import RegistrationError
from node.poet.tree import prove_membership
from node.runtime.tasks import for_each
from node.smesher.nipost import (
    ChallengeExpiredError,
    PoetCandidate,
    PoetTimes,
    PoetUnstableError,
    best_candidate,
    jitter_ns,
)
from node.smesher.poets import PoetService
from node.store.db import Database
from node.store.local import PoetRegistration, put_registration, registrations
from node.types.ids import Hash32, SmesherID
from node.types.layer import EpochID

NS_PER_S: Final = 10**9
JITTER_BYTES: Final = 4

log = structlog.get_logger("atxBuilder")


@dataclass
class Troubles:
    """Tells the operator what keeps an identity from its ATX, once."""

    smesher: SmesherID
    bus: Bus
    _last: dict[str, str] = field(default_factory=dict)

    def tell(self, what: str, error: SpacemeshError, *, poet: str = "") -> None:
        """Log trouble; announce it, but not the same again and again."""
        reason = f"PoET {poet}: {error}" if poet else str(error)
        log.warning(what, smesher=self.smesher, reason=reason)
        if self._last.get(poet) != reason:
            self._last[poet] = reason
            message = f"smesher {self.smesher}: {reason}"
            self.bus.publish(WarningRaised(code=error.code, message=message, hint=error.hint))

    def clear(self) -> None:
        """All is well: the same trouble is news when it comes again."""
        self._last.clear()


@dataclass(kw_only=True)
class PoetRounds:
    """What one identity has to do with PoETs."""

    signer: Signer
    local: Database
    clock: Clock
    bus: Bus
    config: PoetConfig
    poets: Sequence[PoetService]
    entropy: Callable[[int], bytes]
    troubles: Troubles

    @property
    def smesher(self) -> SmesherID:
        """Who registers."""
        return self.signer.smesher_id

    async def certify(self) -> None:
        """Get the certificates that PoETs want, ahead of the registration.

        Raises:
            ConfigError: a PoET is not the network's.
        """

        async def certify(poet: PoetService) -> ConfigError | None:
            try:
                await poet.certify(self.smesher)
            except ConfigError as error:
                return error
            except (NotFoundError, RejectError, UnavailableError) as error:
                log.warning("poet_not_certified", poet=poet.address, reason=str(error))
            return None

        await self._with_poets(self.poets, certify)

    async def register(
        self, publish_epoch: EpochID, challenge: Hash32, times: PoetTimes
    ) -> tuple[PoetRegistration, ...]:
        """Register with every configured PoET until the round starts; return where we are in.

        Raises:
            ChallengeExpiredError: the round has started without us.
            ConfigError: a PoET is not the network's; or the round has started, and none of
                the PoETs that know us is configured.
            PoetUnstableError: no PoET took the challenge, and there is still time.
        """
        done = self._registrations()
        known = {registration.address for registration in done}
        missing = [poet for poet in self.poets if poet.address not in known]
        left_ns = times.round_start_ns - self.clock.now_ns()
        if missing and left_ns > 0:
            answered: set[str] = set()

            async def register(poet: PoetService) -> ConfigError | None:
                problem = await self._register_at(poet, challenge, times)
                answered.add(poet.address)
                return problem

            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_ns / NS_PER_S):
                    await self._with_poets(missing, register)
            done = self._registrations()
            for poet in missing:
                if poet.address not in answered:
                    silence = UnavailableError("no answer before the round began")
                    self.troubles.tell("poet_refused", silence, poet=poet.address)
        if done:
            return done
        if self.clock.now_ns() < times.round_start_ns:
            raise PoetUnstableError("no PoET took the challenge")
        strangers = [one.address for one in registrations(self.local, self.smesher)]
        if strangers:
            raise ConfigError(
                f"smesher {self.smesher} is registered with {', '.join(strangers)}, and none "
                f"of these PoETs is configured",
                path="main.poet-servers",
                hint="configure one of them again until the round is over",
            )
        raise ChallengeExpiredError(
            f"the PoET round for epoch {publish_epoch} has started without us"
        )

    async def best_proof(
        self, publish_epoch: EpochID, registered: Sequence[PoetRegistration], times: PoetTimes
    ) -> PoetCandidate:
        """Return the best of the proofs, once every PoET has had its say.

        Raises:
            ChallengeExpiredError: there is no time left to make a PoST.
            PoetUnstableError: no PoET has a proof.
        """
        now_ns = self.clock.now_ns()
        if now_ns >= times.proof_deadline_ns:
            raise ChallengeExpiredError("the PoET proof came too late")
        self.bus.publish(
            PoetRoundAwaited(
                smesher=self.smesher,
                publish_epoch=publish_epoch,
                target_epoch=EpochID(publish_epoch + 1),
                wait_ns=max(0, times.round_end_ns - now_ns),
                until_ns=times.round_end_ns,
            )
        )
        found: list[PoetCandidate] = []
        poets = {poet.address: poet for poet in self.poets}

        async def ask(registration: PoetRegistration) -> None:
            candidate = await self._candidate(poets[registration.address], registration)
            if candidate is not None:
                found.append(candidate)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout((times.publish_end_ns - now_ns) / NS_PER_S):
                await for_each(registered, ask, limit=len(registered))
        best = best_candidate(found)
        if best is None:
            raise PoetUnstableError("no PoET has a proof for our challenge")
        self.bus.publish(
            PoetProofChosen(
                smesher=self.smesher,
                address=best.address,
                round_id=best.round_id,
                ticks=best.ticks,
            )
        )
        return best

    def _registrations(self) -> tuple[PoetRegistration, ...]:
        """Return our registrations with PoETs that are configured."""
        configured = {poet.address for poet in self.poets}
        return tuple(
            registration
            for registration in registrations(self.local, self.smesher)
            if registration.address in configured
        )

    async def _register_at(
        self, poet: PoetService, challenge: Hash32, times: PoetTimes
    ) -> ConfigError | None:
        try:
            receipt = await poet.register(
                self.signer, challenge, deadline_ns=times.proof_deadline_ns
            )
        except ConfigError as error:
            return error
        except (RegistrationError, UnavailableError) as error:
            self.troubles.tell("poet_refused", error, poet=poet.address)
            return None
        registration = PoetRegistration(
            address=poet.address,
            challenge_hash=challenge,
            round_id=receipt.round_id,
            round_end_ns=self.clock.now_ns() + receipt.round_end_ns,
        )
        with self.local.batch() as batch:
            put_registration(batch, self.smesher, registration)
        self.bus.publish(
            PoetRegistered(
                smesher=self.smesher,
                address=poet.address,
                round_id=receipt.round_id,
                round_end_ns=registration.round_end_ns,
            )
        )
        return None

    async def _candidate(
        self, poet: PoetService, registration: PoetRegistration
    ) -> PoetCandidate | None:
        """Wait for the end of a round, and fetch its proof."""
        jitter = jitter_ns(self.config.cycle_gap, self.entropy(JITTER_BYTES))
        await self.clock.sleep_until(registration.round_end_ns + jitter)
        try:
            round_ = await poet.proof(registration.round_id)
            membership = prove_membership(round_.members, registration.challenge_hash)
        except (UnavailableError, NotFoundError, RejectError) as error:
            self.troubles.tell("poet_proof_missing", error, poet=poet.address)
            return None
        return PoetCandidate(
            ref=round_.ref,
            leaf_count=round_.leaf_count,
            ticks=round_.ticks,
            membership=membership,
            address=poet.address,
            round_id=registration.round_id,
        )

    async def _with_poets(
        self,
        poets: Sequence[PoetService],
        work: Callable[[PoetService], Awaitable[ConfigError | None]],
    ) -> None:
        """Deal with several PoETs at once.

        Raises:
            ConfigError: one of them cannot be the one that is meant.
        """
        for error in await for_each(poets, work, limit=max(1, len(poets))):
            if error is not None:
                raise error
