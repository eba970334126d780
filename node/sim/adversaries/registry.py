"""All adversaries by name, and who plays which part in a world.

cast = Cast(parts={3: "double-ballots"}, seed=7)
world = World(..., adjust=cast.adjust)
honest = [one for one in world.nodes.values() if cast.is_honest(one.number)]
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from node.environment import Environment
from node.sim.adversaries.activations import (
    ForgedPoets,
    WrongMemberships,
    WrongPosts,
    register_twice,
)
from node.sim.adversaries.end import Stage, Tactic, tampered
from node.sim.adversaries.equivocation import (
    DoubleAtxs,
    DoubleBallots,
    DoubleHareMessages,
    ManyAtxs,
)
from node.sim.adversaries.noise import MalformedBytes, OldMessages, Spam
from node.sim.adversaries.serving import WrongAnswers
from node.sim.adversaries.voting import (
    BalancingBallots,
    SplitBeacons,
    WithheldBallots,
    with_false_beacons,
)
from node.sim.links import Randomness


@dataclass(frozen=True, slots=True, kw_only=True)
class Adversary:
    """One way to break the protocol."""

    name: str

    does: str
    """What, in a sentence."""

    join: Callable[[Environment, Randomness], Environment]
    """Returns what the node of an adversary stands on."""

    is_convicted: bool = False
    """Whether every honest node ends with a proof against it."""

    is_cut_off: bool = False
    """Whether peers drop it: from then on it is not there."""


def _tactic(make: Callable[[Stage], Tactic]) -> Callable[[Environment, Randomness], Environment]:
    def join(environment: Environment, random: Randomness) -> Environment:
        return tampered(environment, random, make)

    return join


_ALL: Final = (
    Adversary(
        name="double-atxs",
        does="publishes two ATXs in every epoch, one to each half of its peers",
        join=_tactic(DoubleAtxs),
        is_convicted=True,
    ),
    Adversary(
        name="many-atxs",
        does="publishes more ATXs in every epoch than all others together",
        join=_tactic(ManyAtxs),
        is_convicted=True,
    ),
    Adversary(
        name="double-ballots",
        does="publishes two ballots in every layer, one to each half of its peers",
        join=_tactic(DoubleBallots),
        is_convicted=True,
    ),
    Adversary(
        name="double-hare",
        does="sends two hare messages in every round, one to each half of its peers",
        join=_tactic(DoubleHareMessages),
        is_convicted=True,
    ),
    Adversary(
        name="wrong-post",
        does="names wrong labels in the PoSTs of all its ATXs but the first",
        join=_tactic(WrongPosts),
        is_convicted=True,
    ),
    Adversary(
        name="wrong-previous",
        does="publishes nothing but initial ATXs",
        join=register_twice,
        is_convicted=True,
    ),
    Adversary(
        name="wrong-membership",
        does="proves membership in a PoET's round where there is none",
        join=_tactic(WrongMemberships),
        is_cut_off=True,
    ),
    Adversary(
        name="forged-poet",
        does="refers to PoET proofs that it made up",
        join=_tactic(ForgedPoets),
        is_cut_off=True,
    ),
    Adversary(
        name="withheld-ballots",
        does="keeps its proposals back and sends those of several layers at once",
        join=_tactic(WithheldBallots),
    ),
    Adversary(
        name="balancing-ballots",
        does="votes for whichever side of the last layer is weaker",
        join=_tactic(BalancingBallots),
    ),
    Adversary(
        name="split-beacons",
        does="tells each half of its peers something else about the beacon",
        join=_tactic(SplitBeacons),
    ),
    Adversary(
        name="false-beacons",
        does="votes, proposes and certifies with beacons that nobody agreed on",
        join=with_false_beacons,
    ),
    Adversary(
        name="malformed",
        does="sends malformed bytes of every type under ever new names",
        join=_tactic(MalformedBytes),
    ),
    Adversary(
        name="spam",
        does="repeats all its messages in the name of unknown identities",
        join=_tactic(Spam),
    ),
    Adversary(
        name="old-messages",
        does="sends old messages of everybody again and again",
        join=_tactic(OldMessages),
    ),
    Adversary(
        name="wrong-answers",
        does="answers every other question wrongly",
        join=_tactic(WrongAnswers),
        is_cut_off=True,
    ),
)

ADVERSARIES: Final[Mapping[str, Adversary]] = {one.name: one for one in _ALL}
"""Every adversary by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who plays which part in a world; everybody else is honest."""

    parts: Mapping[int, str]
    """Names of adversaries by the number of their nodes."""

    seed: int

    def is_honest(self, number: int) -> bool:
        """Tell whether a node plays no part."""
        return number not in self.parts

    def adjust(self, number: int, environment: Environment) -> Environment:
        """Return what a node stands on; see ``World.adjust``."""
        if self.is_honest(number):
            return environment
        random = Randomness(b"adversary %d of %d" % (number, self.seed))
        return ADVERSARIES[self.parts[number]].join(environment, random)


def draw_cast(seed: int, *, nodes: int, adversaries: int) -> Cast:
    """Return a cast that a seed determines.

    Args:
        seed: of the run.
        nodes: how many there are.
        adversaries: how many of them, the last ones, are adversaries.
    """
    random = Randomness(b"cast %d" % seed)
    names = sorted(ADVERSARIES)
    parts = {
        number: names[random.below(len(names))] for number in range(nodes - adversaries, nodes)
    }
    return Cast(parts=parts, seed=seed)
