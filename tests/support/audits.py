"""Recorded databases for tests of the audit: unpacked, changed, signed anew, audited."""

import json
import lzma
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from node.base import scale
from node.checkpoint.audit.context import AuditContext, KnownBlock
from node.checkpoint.audit.crews import RememberingCrew
from node.checkpoint.audit.findings import AuditReport, Ledger, ObjectKind
from node.checkpoint.audit.run import open_audited
from node.checkpoint.audit.verdicts import Verdicts
from node.checkpoint.audit.work import Tools
from node.crypto.ed25519 import Signer, private_key_of
from node.poet.work import ClearEngine
from node.store.statesql import state_rows
from node.types.ids import PADDED_SIZE
from node.types.layer import LayerID
from scripts.vectors.tamper import Auditor

DATA = Path(__file__).parent.parent / "data"
AUDIT = DATA / "audit"
CHAIN_CONFIG = AUDIT / "chain-config.json"
NETWORK_CONFIG = AUDIT / "network-config.json"


TOOLS = Tools(make_poet_engine=ClearEngine)
"""Compiled at their first use, for all tests of a process."""

CREW = RememberingCrew(TOOLS)
"""Does no work twice: most tests change something else."""

Found = tuple[ObjectKind, str]
"""Kind and rule of a difference."""


@cache
def auditor(config: Path) -> Auditor:
    """Return what audits files of a network."""
    return Auditor(config, CREW)


@cache
def chain_signer() -> Signer:
    """Return the recorded chain's only smesher."""
    meta = json.loads((DATA / "vectors" / "chain" / "meta.json").read_text(encoding="utf-8"))
    seed = bytes.fromhex(meta["smesher_seed"])
    return Signer(private_key_of(seed), bytes.fromhex(meta["accounts"]["genesis_id"]))


class Recorded:
    """A copy of a recorded database that may be changed."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.sql"
        self.path.write_bytes(lzma.decompress((AUDIT / f"{name}.sql.xz").read_bytes()))
        self.config = NETWORK_CONFIG if name == "malfeasance" else CHAIN_CONFIG

    def run(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a query and return its rows."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return connection.execute(query, values).fetchall()

    def value(self, query: str, *values: Any) -> Any:
        """Return the first column of the first row."""
        return self.run(query, *values)[0][0]

    def rewrite(self, table: str, column: str, where: str, change: Callable[[Any], Any]) -> None:
        """Change one column of the rows that a condition selects."""
        query = f"SELECT rowid, {column} FROM {table} WHERE {where}"
        for rowid, value in self.run(query):
            update = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"
            self.run(update, change(value), rowid)

    def audit(self) -> AuditReport:
        """Audit the file as it is now."""
        return auditor(self.config).audit(self.path)

    def differences(self) -> list[Found]:
        """Audit the file; return kind and rule of every difference, in order."""
        return [(finding.kind, finding.rule) for finding in self.audit().findings]

    # --- objects, changed and put in their place ---

    def put_ballot(self, layer: int, ballot: Any) -> None:
        """Replace the ballot of a layer, with all columns."""
        self.run(
            "UPDATE ballots SET id = ?, atx = ?, layer = ?, pubkey = ?, ballot = ? WHERE layer = ?",
            ballot.id.ljust(PADDED_SIZE, b"\0"),
            ballot.atx_id,
            ballot.layer,
            ballot.smesher,
            scale.encode(ballot),
            layer,
        )


def unchecked(report: AuditReport, kind: ObjectKind) -> dict[str, int]:
    """Return what was not checked of a kind."""
    return next(dict(one.unchecked) for one in report.kinds if one.kind is kind)


@contextmanager
def surroundings(recorded: Recorded, *, valid: bool = True) -> Iterator[AuditContext]:
    """Lend what earlier checkers leave, with a decision about the block of layer 21."""
    with open_audited(recorded.path) as file:
        context = AuditContext(
            file=file,
            parameters=auditor(recorded.config).parameters,
            ledger=Ledger(),
            verdicts=Verdicts(CREW),
            report=lambda *_: None,
        )
        for row in context.look(state_rows.BLOCKS, "1"):
            decided = valid if row.layer == LayerID(21) else row.valid
            known = KnownBlock(row.id, row.block.tick_height, decided)
            context.facts.blocks.setdefault(row.layer, []).append(known)
        for certificate in context.look(state_rows.CERTIFICATES, "1"):
            context.facts.certified.setdefault(certificate.layer, {})[certificate.block] = True
        yield context


def told_by(context: AuditContext) -> list[tuple[ObjectKind, str, str]]:
    """Return kind, rule and object of all differences."""
    return [(one.kind, one.rule, one.id) for one in context.ledger.findings]
