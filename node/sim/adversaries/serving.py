"""Wrong answers to the questions of others.

Whoever asks must not be harmed: what is malformed or was not asked for costs the peer its
connection, and what is merely missing is asked for elsewhere.
"""

from collections.abc import Callable
from typing import Final

from node.base import scale
from node.base.errors import IgnoreError
from node.net.ports import PeerID, RequestHandler
from node.sim.adversaries.end import Stage, Tactic

LONG: Final = 5000


class WrongAnswers(Tactic):
    """Answers every other question in a way that is drawn: cut, padded, made up, or late."""

    def __init__(self, stage: Stage) -> None:
        """Begin with no answers."""
        super().__init__(stage)
        self.wrong = 0
        """Answers that were not what was asked for."""

    async def answer(
        self, protocol: str, peer: PeerID, data: bytes, honest: RequestHandler
    ) -> bytes:
        """See Tactic."""
        answer = await honest(peer, data)
        random = self.stage.random
        if random.below(2):
            return answer
        self.wrong += 1
        drawn = random.below(len(WAYS) + 1)
        if drawn == len(WAYS):
            raise IgnoreError("I know and do not tell")
        return WAYS[drawn](answer, random(LONG))


def _changed(answer: bytes, noise: bytes) -> bytes:
    if not answer:
        return noise[:1]
    place = int.from_bytes(noise[:4], "little") % len(answer)
    return answer[:place] + bytes([answer[place] ^ (1 + noise[4] % 255)]) + answer[place + 1 :]


WAYS: Final[tuple[Callable[[bytes, bytes], bytes], ...]] = (
    lambda answer, _: answer[: len(answer) // 2],
    lambda answer, noise: answer + noise[:1],
    lambda _, noise: noise,
    lambda _, __: b"",
    lambda _, noise: scale.compact(len(noise) // 20) + noise,
    _changed,
)
"""What becomes of an answer; of the answer and some random bytes."""
