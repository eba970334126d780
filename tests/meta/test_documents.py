"""What the documents say of the tree is so."""

import ast
import importlib
import re
from collections.abc import Iterator

from tests.support.tree import ROOT, parsed

README = ROOT / "README.md"
ARCHITECTURE = ROOT / "node" / "README.md"

PLACE = re.compile(r"(?:cli|node|scripts|tests|configs|\.ci)/[\w./-]*\w/?")
"""A path as the documents write it, from the root."""

INSIDE = re.compile(r"[a-z_0-9]+(?:/[a-z_0-9]+)*\.py")
"""A path as node/README.md writes it, from node."""


def spans(text: str) -> list[str]:
    """Return what stands between single backticks."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)


def rows(text: str, heading: str) -> list[list[str]]:
    """Return the code spans of each row of the table whose first heading cell is ``heading``."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(f"| {heading} |"):
            break
    next(lines)
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([span for cell in line.split("|")[1:4] for span in spans(cell)])
    return found


def calls(name: str) -> Iterator[list[ast.expr]]:
    """Yield the arguments of every call of ``name`` in the composition root."""
    for node in ast.walk(parsed(ROOT / "node" / "app.py")):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node.args


def constant(expression: ast.expr) -> str:
    """Return the value of a constant that node.app knows, or the text of anything else."""
    text = ast.unparse(expression)
    return str(getattr(importlib.import_module("node.app"), text, text))


def test_paths_in_the_documents_exist() -> None:
    named = {
        place
        for span in spans(README.read_text(encoding="utf-8"))
        for place in PLACE.findall(span)
        if "<" not in span
    }
    assert len(named) > 20
    assert [place for place in sorted(named) if not (ROOT / place).exists()] == []


def test_modules_in_the_architecture_exist() -> None:
    named = {
        place
        for span in spans(ARCHITECTURE.read_text(encoding="utf-8"))
        for place in INSIDE.findall(span)
    } - {"wire.py", "rules.py", "machine.py", "ports.py", "handler.py", "service.py"}
    missing = [
        place
        for place in sorted(named)
        if not (ROOT / "node" / place).exists() and not (ROOT / "node/consensus" / place).exists()
    ]
    assert missing == []


def test_the_table_of_gossip_is_that_of_the_node() -> None:
    wired = [
        [
            constant(topic),
            ast.unparse(edge).removeprefix("self."),
            ast.unparse(gate)[len("Gate.") :],
        ]
        for topic, edge, gate in calls("Route")
    ]
    documented = rows(ARCHITECTURE.read_text(encoding="utf-8"), "Topic")
    assert sorted(documented) == sorted(wired)


def test_the_table_of_fetched_objects_is_that_of_the_node() -> None:
    (table,) = (
        node.value
        for node in ast.walk(parsed(ROOT / "node" / "app.py"))
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "validators"
        and isinstance(node.value, ast.Dict)
    )
    wired = [
        [ast.unparse(hint)[len("Hint.") :], ast.unparse(edge).removeprefix("self.")]
        for hint, edge in zip(table.keys, table.values, strict=True)
        if hint is not None
    ]
    assert sorted(rows(ARCHITECTURE.read_text(encoding="utf-8"), "Hint")) == sorted(wired)
