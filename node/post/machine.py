"""What a PoST service answers a node: one proof at a time, asked for again and again.

States: *idle*; *running*, a proof is being made for a challenge; *done*, it waits to be
fetched; *failed*.  Inputs: the requests of the node and the end of the work.  Outputs: an
answer, or what has to be done before there is one.

The node polls: while a proof is being made the answer is "no proof yet".  The finished
proof is verified before it is handed out, and then forgotten.  A request for another
challenge is refused; if the proof was finished, it is dropped, so that the next request
starts anew.  A failure is reported once.

Invariants: a proof is handed out once, for the challenge it was made for, after it was
verified; there is never more than one being made.

Source: post-rs, crate ``service``; post digest section 13.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from node.post.metadata import SpaceMetadata
from node.types.post import Post

CHALLENGE_SIZE: Final = 32
"""Bytes of a challenge."""


@dataclass(frozen=True, slots=True)
class MetadataAnswer:
    """What space this service holds."""

    metadata: SpaceMetadata


@dataclass(frozen=True, slots=True)
class InProgress:
    """The proof is being made; ask again."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """There is no proof, and there will be none by waiting."""

    reason: str
    """For our log; the wire has no room for it."""


@dataclass(frozen=True, slots=True)
class ProofAnswer:
    """A verified proof."""

    post: Post
    challenge: bytes
    metadata: SpaceMetadata


@dataclass(frozen=True, slots=True)
class StartProof:
    """Start to make a proof; the answer to the request is ``InProgress``."""

    challenge: bytes


@dataclass(frozen=True, slots=True)
class CheckProof:
    """Verify a proof; the answer to the request is what ``on_checked`` returns."""

    post: Post
    challenge: bytes


Answer: TypeAlias = MetadataAnswer | InProgress | Refusal | ProofAnswer
Output: TypeAlias = Answer | StartProof | CheckProof


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing to do."""


@dataclass(frozen=True, slots=True)
class Running:
    """A proof is being made."""

    challenge: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """A proof waits to be fetched."""

    challenge: bytes
    post: Post


@dataclass(frozen=True, slots=True)
class Failed:
    """No proof could be made."""

    challenge: bytes
    reason: str


State: TypeAlias = Idle | Running | Done | Failed


@dataclass(slots=True)
class ProofMachine:
    """The state of one PoST service."""

    metadata: SpaceMetadata
    """Of the space it proves."""

    state: State = Idle()

    def on_metadata_request(self) -> MetadataAnswer:
        """The node wants to know whom this service serves."""
        return MetadataAnswer(self.metadata)

    def on_unknown_request(self) -> Refusal:
        """The node asked for something that we do not know."""
        return Refusal("request without a kind")

    def on_proof_request(self, challenge: bytes) -> Output:
        """The node wants a proof, or asks again."""
        if len(challenge) != CHALLENGE_SIZE:
            return Refusal(f"challenge has {len(challenge)} bytes, expected {CHALLENGE_SIZE}")
        return self._on_challenge(challenge)

    def on_proof(self, post: Post) -> None:
        """The proof that was started is made."""
        if isinstance(self.state, Running):
            self.state = Done(self.state.challenge, post)

    def on_failure(self, reason: str) -> None:
        """The proof that was started could not be made."""
        if isinstance(self.state, Running):
            self.state = Failed(self.state.challenge, reason)

    def on_check_impossible(self, reason: str) -> Refusal:
        """The finished proof could not be verified now; it is kept for the next request."""
        return Refusal(f"the proof made could not be checked: {reason}")

    def on_checked(self, problem: str) -> ProofAnswer | Refusal:
        """The finished proof was verified.

        Args:
            problem: why it does not hold; empty if it does.
        """
        state = self.state
        self.state = Idle()
        if not isinstance(state, Done):
            return Refusal("no proof was made")
        if problem:
            return Refusal(f"the proof made does not hold: {problem}")
        return ProofAnswer(state.post, state.challenge, self.metadata)

    def _on_challenge(self, challenge: bytes) -> Output:
        match self.state:
            case Idle():
                self.state = Running(challenge)
                return StartProof(challenge)
            case Running(running):
                if running == challenge:
                    return InProgress()
                return Refusal(f"in progress for a different challenge: {running.hex()}")
            case Done(done, post):
                if done == challenge:
                    return CheckProof(post, challenge)
                self.state = Idle()
                return Refusal(f"the proof made was for a different challenge: {done.hex()}")
            case Failed(_, reason):
                self.state = Idle()
                return Refusal(reason)
            case _:
                assert_never(self.state)
