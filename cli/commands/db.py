"""``smcli db``: databases of nodes."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import command, make_group
from cli.context import Context
from cli.errors import CheckFailedError, InterruptError
from cli.records import Result, Table

if TYPE_CHECKING:
    from node.checkpoint.audit.findings import AuditReport, Finding, Summary

app = make_group("Look into the databases of nodes.")


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """What was done with the objects of one kind."""

    kind: str
    table: str
    """Table of the file; empty: the file itself."""

    objects: int
    parts: dict[str, int]
    """Further counts, such as the ATXs of each version."""

    checks: int
    """Comparisons that were made."""

    by_rule: dict[str, int]
    """The same by rule."""

    unchecked: dict[str, int]
    """What does not follow from the file: reason and number."""

    differences: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it should be."""

    kind: str
    id: str
    rule: str
    ours: str
    recorded: str


@command(app)
def audit(
    context: Context,
    *,
    state: Annotated[
        Path, typer.Argument(metavar="STATE.SQL", help="State database of a go-spacemesh node.")
    ],
    jobs: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Processors to work on; 0: all, for a small file one."
        ),
    ] = 0,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write down in this file what is checked, and go on where an audit with it "
            "was interrupted. It is removed in the end.",
        ),
    ] = None,
) -> Result:
    """Compute everything in a state database again and compare.

    Give the node's configuration with --config. Every ATX, ballot, block, certificate and
    transaction is decoded; identifiers, hashes, signatures and proofs of space and time are
    checked; all blocks are applied from genesis, and state roots, accounts and rewards
    compared. The file is only read. Ends with exit code 11 if something differs.

    Memory: 0.5 GiB, and 0.1 GiB for each processor.
    """
    # Deferred: half of the node is imported, which no other command of the group needs.
    from node.checkpoint.audit.crews import make_crew
    from node.checkpoint.audit.parameters import AuditParameters
    from node.checkpoint.audit.progress_file import open_progress
    from node.checkpoint.audit.run import audit as run_audit
    from node.checkpoint.audit.run import open_audited, subject_of

    with ExitStack() as stack:
        file = stack.enter_context(open_audited(state))
        parameters = AuditParameters.of(context.config().config)
        context.output.meta.genesis_id = parameters.genesis_id
        notes = None
        if resume is not None:
            notes = stack.enter_context(open_progress(resume, subject_of(state, parameters)))
        crew = stack.enter_context(make_crew(jobs, state.stat().st_size))
        progress = stack.enter_context(context.output.progress())
        try:
            report = run_audit(file, parameters, crew=crew, notes=notes, report=progress.update)
        except KeyboardInterrupt:
            hint = "the same command goes on from here"
            if resume is None:
                hint = "with --resume FILE the next one can go on where it was interrupted"
            raise InterruptError("interrupted", hint=hint) from None
    if resume is not None:
        resume.unlink()
    context.output.meta.layer = report.last_layer
    result = _result(report)
    if report.is_clean:
        return result
    first = report.findings[0]
    several = f"{report.differences} differences" if report.differences > 1 else "one difference"
    raise CheckFailedError(
        f"{several} found; the first: {first.kind} {first.id}, {first.rule}",
        report=result,
        code="smesh.check_failed.audit",
        hint="do not run a node on this database; get it from another source, or sync anew",
    )


def _result(report: "AuditReport") -> Result:
    kinds = [_row(summary) for summary in report.kinds]
    findings = [_difference(finding) for finding in report.findings]
    data = {
        "genesis_id": report.genesis_id,
        "first_layer": report.first_layer,
        "last_layer": report.last_layer,
        "state_root": report.state_root,
        "objects": sum(kind.objects for kind in kinds),
        "checks": sum(kind.checks for kind in kinds),
        "differences": report.differences,
        "kinds": kinds,
        "findings": findings,
    }
    columns = {
        "kind": "kind",
        "objects": "objects",
        "checks": "checks",
        "unchecked": "unchecked",
        "differences": "differences",
    }
    rows = [
        {
            "kind": kind.kind,
            "objects": kind.objects,
            "checks": kind.checks,
            "unchecked": sum(kind.unchecked.values()),
            "differences": kind.differences,
        }
        for kind in kinds
    ]
    table = Table(rows=rows, columns=columns, key="kinds", notes=tuple(_notes(report)))
    return Result(data=data, human=table)


def _row(summary: "Summary") -> KindRow:
    return KindRow(
        kind=summary.kind.value,
        table=summary.table,
        objects=summary.objects,
        parts=dict(summary.parts),
        checks=sum(summary.checks.values()),
        by_rule=dict(summary.checks),
        unchecked=dict(summary.unchecked),
        differences=sum(summary.findings.values()),
    )


def _difference(finding: "Finding") -> Difference:
    return Difference(
        kind=finding.kind.value,
        id=finding.id,
        rule=finding.rule,
        ours=finding.ours,
        recorded=finding.recorded,
    )


def _notes(report: "AuditReport") -> Iterator[str]:
    """Yield the lines below the table: what was applied, what is open, what differs."""
    if report.last_layer is None:
        yield "No layer is applied in this file."
    else:
        root = "unknown" if report.state_root is None else report.state_root.hex()
        yield f"Applied layers {report.first_layer} to {report.last_layer}, state root {root}."
    for summary in report.kinds:
        parts = ", ".join(f"{number} {part}" for part, number in summary.parts.items())
        if parts:
            yield f"{summary.kind}: {parts}."
    for summary in report.kinds:
        for reason, number in summary.unchecked.items():
            yield f"Not checked, {summary.kind}, {number} times: {reason}."
    if report.is_clean:
        yield "Nothing differs."
        return
    yield f"{report.differences} differences, by rule:"
    for summary in report.kinds:
        for rule, number in summary.findings.items():
            yield f"  {summary.kind}, {rule}: {number}"
    kept = len(report.findings)
    yield "In full:" if kept == report.differences else f"The first {kept} in full:"
    for finding in report.findings:
        yield f"  {finding.kind} {finding.id}"
        yield f"    rule      {finding.rule}"
        yield f"    computed  {finding.ours}"
        yield f"    recorded  {finding.recorded}"
