"""What a run found."""

from dataclasses import dataclass, field


class CaseError(Exception):
    """A case in which a decoder or handler did what it must not do."""

    def __init__(self, told: str, reason: str, data: bytes) -> None:
        """Say what was sent and what came of it."""
        super().__init__(f"{told}: {reason}")
        self.told = told
        self.reason = reason
        self.data = data


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A failed case, with what it takes to run it again."""

    target: str
    seed: int
    case: int
    told: str
    reason: str
    data: bytes

    @property
    def command(self) -> str:
        """Return the command that runs the case again."""
        return f"scripts/fuzz {self.target} --seed {self.seed} --case {self.case}"


@dataclass(kw_only=True)
class Report:
    """What became of the cases of a target."""

    target: str
    cases: int = 0
    seconds: float = 0.0
    outcomes: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def count(self, outcome: str) -> None:
        """Take note of one case."""
        self.cases += 1
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
