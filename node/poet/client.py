"""What a smesher calls: a PoET, wherever it runs.

:class:`PoetClient` is the port; :class:`LocalPoetClient` reaches a server in this process.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from node.base.errors import NotFoundError, PreconditionError, UnavailableError
from node.config.model.consensus import PoetConfig
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer
from node.poet.registration import (
    Certificate,
    PowParams,
    SubmitRequest,
    find_pow_nonce,
)
from node.poet.server import PoetInfo, PoetServer, RoundProof, SubmitReceipt
from node.poet.tree import compute_statement, members_of_round
from node.runtime.retry import Backoff, Growth, retry
from node.types.ids import EdSignature, Hash32
from node.types.poet import PoetProofMessage

NO_RETRY: Final = Backoff(first_ns=0, attempts=1)
"""Every failure is final."""


class PoetClient(Protocol):
    """One PoET, as a smesher sees it."""

    @property
    def address(self) -> str:
        """What the configuration and the journal call it."""

    async def info(self) -> PoetInfo:
        """Return phase shift, cycle gap, key and certifier.

        Raises:
            UnavailableError: it does not answer.
        """

    async def pow_params(self) -> PowParams:
        """Return what a proof of work must satisfy.

        Raises:
            UnavailableError: it does not answer.
        """

    async def submit(self, request: SubmitRequest) -> SubmitReceipt:
        """Register for the open round.

        Raises:
            RegistrationError: it does not take the submission.
            UnavailableError: it does not answer.
        """

    async def proof(self, round_id: str) -> RoundProof:
        """Return the proof of a round.

        Raises:
            NotFoundError: there is none, or none yet.
            UnavailableError: it does not answer.
        """


@dataclass(frozen=True, slots=True)
class LocalPoetClient:
    """A server in this process.

    A round's proof is ready a moment after the round's end, so it is asked for again while
    it is not there, as it would be from a server elsewhere.
    """

    server: PoetServer
    address: str = "in-process"
    backoff: Backoff = NO_RETRY
    random_below: Callable[[int], int] = field(default=lambda _bound: 0)

    async def info(self) -> PoetInfo:
        """See PoetClient."""
        return self.server.info()

    async def pow_params(self) -> PowParams:
        """See PoetClient."""
        return self.server.pow_params()

    async def submit(self, request: SubmitRequest) -> SubmitReceipt:
        """See PoetClient; while the server does not run, it is asked again without end."""

        async def ask() -> SubmitReceipt:
            try:
                return await self.server.submit(request)
            except PreconditionError as error:
                raise UnavailableError(f"PoET {self.address}: {error}") from error

        endless = replace(self.backoff, growth=Growth.CONSTANT, attempts=None)
        backoff = self.backoff if self.backoff is NO_RETRY else endless
        return await retry(ask, backoff, random_below=self.random_below)

    async def proof(self, round_id: str) -> RoundProof:
        """See PoetClient."""

        async def ask() -> RoundProof:
            return self.server.proof(round_id)

        return await retry(ask, self.backoff, random_below=self.random_below, on=(NotFoundError,))


def poet_backoff(config: PoetConfig) -> Backoff:
    """Return how often and how long a PoET is asked again.

    Source: poet digest section 8 (default client).
    """
    return Backoff(
        first_ns=config.retry_delay,
        growth=Growth.LINEAR,
        # As long as the last wait: the reference knows no other bound.
        limit_ns=config.retry_delay * max(1, config.retry_max),
        attempts=1 + config.retry_max,
        spread_percent=100,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofOfWork:
    """What lets a smesher in without a certificate."""

    params: PowParams
    nonce: int


def make_submission(
    signer: Signer,
    challenge: bytes,
    permission: Certificate | ProofOfWork,
    *,
    deadline_ns: int | None = None,
) -> SubmitRequest:
    """Return the signed wish to have a challenge in the open round."""
    request = SubmitRequest(
        challenge=challenge,
        pubkey=signer.smesher_id,
        signature=signer.sign(Domain.POET, challenge),
        prefix=signer.genesis_id + bytes([Domain.POET]),
        deadline_ns=deadline_ns,
    )
    if isinstance(permission, Certificate):
        return replace(request, certificate=permission)
    return replace(request, pow_params=permission.params, nonce=permission.nonce)


async def register(
    client: PoetClient,
    signer: Signer,
    challenge: bytes,
    *,
    deadline_ns: int | None = None,
    certificate: Certificate | None = None,
) -> SubmitReceipt:
    """Sign a challenge and register it, by certificate or else by proof of work.

    The search for the proof of work blocks: 2^difficulty digests of 0.4 ms.

    Args:
        client: where.
        signer: who.
        challenge: hash of the NIPoST challenge.
        deadline_ns: latest end of the round that is of use, ns unix.
        certificate: from the certifier that ``info`` names, if there is one.

    Raises:
        RegistrationError: refused; UNAUTHENTICATED means the certificate is of no use.
        UnavailableError: the PoET does not answer.
    """
    permission: Certificate | ProofOfWork
    if certificate is None:
        params = await client.pow_params()
        nonce = find_pow_nonce(params, signer.smesher_id, challenge)
        permission = ProofOfWork(params=params, nonce=nonce)
    else:
        permission = certificate
    return await client.submit(
        make_submission(signer, challenge, permission, deadline_ns=deadline_ns)
    )


def make_proof_message(answer: RoundProof, round_id: str) -> PoetProofMessage:
    """Return a round's proof as nodes store and exchange it.

    The statement is rebuilt from the members, and with it the proof has to verify.
    Nobody signs it: the signature is zero.
    """
    return PoetProofMessage(
        proof=answer.proof,
        poet_service_id=bytes(answer.service_pubkey),
        round_id=round_id,
        statement=Hash32(compute_statement(members_of_round(answer.members)).ljust(32, b"\0")),
        signature=EdSignature.zero(),
    )
