"""Differences between a file and what we compute, and how much was compared."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, unique
from typing import Final

from node.base.errors import DecodeError, IgnoreError, RejectError
from node.types.ids import GenesisID, Hash32
from node.types.layer import LayerID

KEPT_FINDINGS: Final = 100
"""Differences that are told in full; all are counted."""

STORED: Final = "stored as valid"
"""What a file says of an object that breaks a rule."""
STORED_ROW: Final = "a row"
"""What a file says of an object that nothing calls for."""
PRESENT: Final = "in the file"
"""Rule: what is named by something that is verified is there."""
NOTHING: Final = "nothing"
"""Stands for a value that is not there."""


@unique
class ObjectKind(StrEnum):
    """Every kind of object in the file: one for each table, and the file itself."""

    FILE = "file"
    POET = "PoET proof"
    ATX = "ATX"
    ATX_BLOB = "ATX bytes"
    POST = "PoST of an ATX"
    MARRIAGE = "marriage"
    MALFEASANCE = "malfeasance proof"
    SECOND_MALFEASANCE = "malfeasance proof, second format"
    ACTIVE_SET = "active set"
    BALLOT = "ballot"
    BEACON = "beacon"
    BLOCK = "block"
    CERTIFICATE = "certificate"
    LAYER = "layer"
    ACCOUNT = "account version"
    REWARD = "reward"
    TRANSACTION = "transaction"
    BLOCK_TRANSACTION = "transaction of a block"
    PROPOSAL_TRANSACTION = "transaction of a proposal"
    TOUCHED_ACCOUNT = "account of a transaction"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference."""

    kind: ObjectKind

    id: str
    """Which object: its identifier in hex, or what tells it from others of its kind."""

    rule: str
    """What was compared or broken, such as ``signature`` or ``state root``."""

    ours: str
    """What we compute, or how the rule is broken."""

    recorded: str
    """What the file says."""


@dataclass(slots=True)
class Tally:
    """What was done with the objects of one kind."""

    objects: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    """Further counts, such as the ATXs of each version."""

    checks: Counter[str] = field(default_factory=Counter)
    """How often each rule was applied."""

    unchecked: Counter[str] = field(default_factory=Counter)
    """What does not follow from the file, with the reason, and how often."""

    findings: Counter[str] = field(default_factory=Counter)
    """Differences by rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The tally of one kind, for reports."""

    kind: ObjectKind
    table: str
    """Name of the table in the file."""

    objects: int
    parts: Mapping[str, int]
    checks: Mapping[str, int]
    unchecked: Mapping[str, int]
    findings: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What an audit found."""

    genesis_id: GenesisID

    first_layer: LayerID | None
    """First layer that was applied, None if there is none."""

    last_layer: LayerID | None
    state_root: Hash32 | None
    """Of the last applied layer, as we compute it."""

    kinds: tuple[Summary, ...]

    findings: tuple[Finding, ...]
    """The first differences, in the order in which they were found."""

    differences: int
    """How many there are in all."""

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing differs."""
        return not self.differences


class Ledger:
    """Takes what checkers compare."""

    def __init__(self, kept: int = KEPT_FINDINGS) -> None:
        self.tallies = {kind: Tally() for kind in ObjectKind}
        self.findings: list[Finding] = []
        self.differences = 0
        self._kept = kept

    def count(self, kind: ObjectKind, part: str, number: int = 1) -> None:
        """Count parts of objects, such as the messages of certificates."""
        self.tallies[kind].parts[part] += number

    def skip(self, kind: ObjectKind, reason: str) -> None:
        """Count something that does not follow from the file."""
        self.tallies[kind].unchecked[reason] += 1

    def compare(
        self, kind: ObjectKind, identifier: object, rule: str, ours: object, recorded: object
    ) -> bool:
        """Compare two values; return whether they are equal."""
        self.tallies[kind].checks[rule] += 1
        if ours == recorded:
            return True
        self._add(kind, identifier, rule, ours, recorded)
        return False

    def compare_all(
        self, kind: ObjectKind, identifier: object, pairs: Mapping[str, tuple[object, object]]
    ) -> bool:
        """Compare pairs of values (ours, recorded), each by the rule it stands under."""
        equal = [self.compare(kind, identifier, rule, *pair) for rule, pair in pairs.items()]
        return all(equal)

    def judge(
        self, kind: ObjectKind, identifier: object, rule: str, check: Callable[[], object]
    ) -> bool:
        """Apply a rule that raises where it is broken; return whether it holds."""
        self.tallies[kind].checks[rule] += 1
        try:
            check()
        except (RejectError, IgnoreError, DecodeError) as error:
            self._add(kind, identifier, rule, str(error), STORED)
            return False
        return True

    def hold(self, kind: ObjectKind, identifier: object, rule: str, problem: str) -> bool:
        """Record that a rule was applied, and how it is broken if there is a problem."""
        self.tallies[kind].checks[rule] += 1
        if problem:
            self._add(kind, identifier, rule, problem, STORED)
        return not problem

    def fail(
        self, kind: ObjectKind, identifier: object, rule: str, ours: object, recorded: object
    ) -> None:
        """Record a difference."""
        self.tallies[kind].checks[rule] += 1
        self._add(kind, identifier, rule, ours, recorded)

    def miss(self, kind: ObjectKind, identifier: object, named_by: str) -> None:
        """Record that an object is not in the file though what names it proves it was made."""
        self.fail(kind, identifier, PRESENT, f"named by {named_by}", NOTHING)

    def _add(
        self, kind: ObjectKind, identifier: object, rule: str, ours: object, recorded: object
    ) -> None:
        self.differences += 1
        self.tallies[kind].findings[rule] += 1
        if len(self.findings) < self._kept:
            self.findings.append(
                Finding(
                    kind=kind,
                    id=shown(identifier),
                    rule=rule,
                    ours=shown(ours),
                    recorded=shown(recorded),
                )
            )


def shown(value: object) -> str:
    """Return a value in full, as a report tells it."""
    match value:
        case None:
            return NOTHING
        case bytes():
            return value.hex() or "no bytes"
        case Enum():
            return str(value.value)
        case tuple():
            return ", ".join(map(shown, value)) or "none"
        case "":
            return "no text"
        case _:
            return str(value)
