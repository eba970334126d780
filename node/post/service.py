"""A PoST service: answers the proof requests of a node from one data directory.

``ProofWorker`` is the service without its transport.  The node in the same process calls
it directly; the front that dials a remote node carries requests to it and answers back.

Source: post-rs, crate ``service``; post digest section 13.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from node.base.errors import ConfigError, RejectError, SpacemeshError, UnavailableError
from node.post.machine import (
    Answer,
    CheckProof,
    Idle,
    InProgress,
    MetadataAnswer,
    ProofAnswer,
    ProofMachine,
    Refusal,
    Running,
    StartProof,
)
from node.post.metadata import SpaceMetadata
from node.post.proving import ProofOptions, ProofProgress, open_space
from node.post.verifying import All, Mode, PostClaim, ProofParameters
from node.types.post import Post


class Prover(Protocol):
    """Makes and checks proofs off the loop, such as ``process.PostProcess``."""

    async def prove(
        self,
        directory: Path,
        options: ProofOptions,
        *,
        fast: bool = False,
        remote_pow: str = "",
        progress: Callable[[ProofProgress], None] | None = None,
    ) -> Post:
        """Make a proof."""
        ...

    async def verify(
        self, post: Post, claim: PostClaim, parameters: ProofParameters, mode: Mode
    ) -> None:
        """Raise if a proof does not hold."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """How a service makes proofs."""

    directory: Path
    """Data directory with a complete space."""

    parameters: ProofParameters
    """The network's; ``labels_per_unit`` is replaced by what the metadata says."""

    nonces: int
    """Nonces of a pass, a multiple of 16."""

    threads: int

    fast: bool = False
    """Whether RandomX may take 2080 MiB."""

    remote_pow: str = ""
    """URL of a k2pow worker; empty to search here."""


class ProofWorker:
    """Answers a node's requests; ``run`` must be running as a task of the owner."""

    def __init__(self, options: ServiceOptions, prover: Prover) -> None:
        """Look at the space.

        Raises:
            ConfigError: the network does not admit a space of that size.
            PreconditionError: the space is not complete.
            StoreError: its metadata is damaged.
        """
        self._options = options
        self._prover = prover
        metadata = open_space(options.directory).metadata
        parameters = options.parameters
        if not parameters.min_num_units <= metadata.num_units <= parameters.max_num_units:
            raise ConfigError(
                f"{metadata.num_units} space units in {options.directory}, expected "
                f"{parameters.min_num_units} to {parameters.max_num_units}",
                path="smeshing.smeshing-opts.smeshing-opts-numunits",
            )
        self._machine = ProofMachine(metadata)
        self._progress: ProofProgress | None = None
        self._started = asyncio.Event()
        self._turn = asyncio.Lock()

    @property
    def metadata(self) -> SpaceMetadata:
        """What space this is."""
        return self._machine.metadata

    def get_metadata(self) -> MetadataAnswer:
        """Answer a request for metadata."""
        return self._machine.on_metadata_request()

    def refuse_unknown(self) -> Refusal:
        """Answer a request of no known kind."""
        return self._machine.on_unknown_request()

    async def request_proof(self, challenge: bytes) -> Answer:
        """Answer a request for a proof; one request is worked on at a time."""
        async with self._turn:
            match self._machine.on_proof_request(challenge):
                case StartProof():
                    self._started.set()
                    return InProgress()
                case CheckProof(post, _):
                    return await self._check(post, challenge)
                case answer:
                    return answer

    def describe(self) -> str | ProofProgress:
        """Return the progress of a proof, or ``Idle`` or ``DoneProving`` if there is none."""
        match self._machine.state:
            case Running():
                return self._progress or "Idle"
            case Idle():
                return "Idle"
            case _:
                return "DoneProving"

    async def run(self) -> None:
        """Make the proofs that were asked for."""
        while True:
            state = self._machine.state
            if isinstance(state, Running):
                await self._prove(state.challenge)
            else:
                await self._started.wait()
                self._started.clear()

    async def _prove(self, challenge: bytes) -> None:
        parameters = self._options.parameters
        proof_options = ProofOptions(
            challenge=challenge,
            k1=parameters.k1,
            k2=parameters.k2,
            pow_difficulty=parameters.pow_difficulty,
            nonces=self._options.nonces,
            threads=self._options.threads,
        )
        self._progress = None
        try:
            post = await self._prover.prove(
                self._options.directory,
                proof_options,
                fast=self._options.fast,
                remote_pow=self._options.remote_pow,
                progress=self._note_progress,
            )
        except SpacemeshError as error:
            self._machine.on_failure(str(error))
        else:
            self._machine.on_proof(post)

    def _note_progress(self, progress: ProofProgress) -> None:
        self._progress = progress

    async def _check(self, post: Post, challenge: bytes) -> ProofAnswer | Refusal:
        metadata = self._machine.metadata
        claim = PostClaim(
            smesher=metadata.smesher,
            commitment_atx=metadata.commitment_atx,
            challenge=challenge,
            num_units=metadata.num_units,
        )
        network = self._options.parameters
        parameters = ProofParameters(
            k1=network.k1,
            k2=network.k2,
            pow_difficulty=network.pow_difficulty,
            min_num_units=metadata.num_units,
            max_num_units=metadata.num_units,
            labels_per_unit=metadata.labels_per_unit,
            scrypt_n=network.scrypt_n,
        )
        try:
            await self._prover.verify(post, claim, parameters, All())
        except UnavailableError as error:
            return self._machine.on_check_impossible(str(error))
        except RejectError as error:
            return self._machine.on_checked(str(error))
        return self._machine.on_checked("")
