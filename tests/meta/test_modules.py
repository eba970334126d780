"""The rules of the house that a program can check: sizes, names, places, sources."""

import ast
import re
from pathlib import Path

from tests.support.tree import ROOT, modules, parsed, shown

MAX_LINES = 600

MAX_TEST_LINES = 800
"""Tests are read one by one."""

EMPTY_NAMES = {"base_class", "common", "helper", "helpers", "manager", "misc", "util", "utils"}

POSTPONED = re.compile("^from __future__ import annotations", re.MULTILINE)

ACROSS = {"lists", "rules", "submission", "tampering"}
"""What unit tests of a whole package are about."""

UNIT = ROOT / "tests" / "unit"

SOURCED = ("node/types", "node/vm", "node/crypto", "node/post", "node/poet", "node/consensus")
"""Packages that follow the reference: their nouns, rules and machines say where it is told."""

SOURCED_NAMES = {"wire", "machine", "rules", "rules_v1", "handler", "service"}


def needs_source(path: Path) -> bool:
    if path.name == "__init__.py" or not shown(path).startswith(SOURCED):
        return False
    return shown(path).startswith("node/types") or path.stem in SOURCED_NAMES


def test_no_module_outgrows_ten_screens() -> None:
    for limit, folders in ((MAX_LINES, ("cli", "node", "scripts")), (MAX_TEST_LINES, ("tests",))):
        sizes = {
            shown(path): len(path.read_text(encoding="utf-8").splitlines())
            for path in modules(*folders)
        }
        assert {name: size for name, size in sizes.items() if size > limit} == {}


def test_names_tell_what_is_in_a_module() -> None:
    paths = [*modules("cli", "node", "scripts", "tests")]
    names = {shown(path) for path in paths if EMPTY_NAMES & {path.stem, path.parent.name}}
    assert names == set()


def test_packages_hold_a_docstring_and_nothing_else() -> None:
    for path in modules("cli", "node"):
        if path.name == "__init__.py":
            (statement,) = parsed(path).body
            assert isinstance(statement, ast.Expr), shown(path)
            assert ast.get_docstring(parsed(path)), shown(path)


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for path in modules("cli", "node")}
    assert [shown(f) for f in sorted(folders) if not (f / "__init__.py").is_file()] == []


def test_what_follows_the_reference_names_its_source() -> None:
    silent = [
        shown(path)
        for path in modules("node")
        if needs_source(path) and "Source:" not in path.read_text(encoding="utf-8")
    ]
    assert silent == []


def test_consensus_announces_and_never_listens_to_announcements() -> None:
    listening = [
        shown(path)
        for path in modules("node/consensus")
        if ".subscribe(" in path.read_text(encoding="utf-8")
    ]
    assert listening == []


def test_wire_types_keep_their_annotations_at_run_time() -> None:
    postponed = [
        shown(path)
        for path in modules("node")
        if POSTPONED.search(path.read_text(encoding="utf-8"))
    ]
    assert postponed == []


def known_names(folder: Path) -> set[str]:
    """Return what a test in ``folder`` may be about: the folder and the modules below it.

    A support module of the tests may have a unit test too.
    """
    support = (ROOT / "tests" / "support").glob("*.py")
    below = [*(ROOT / folder).rglob("*.py"), *(path.parent for path in (ROOT / folder).rglob("*"))]
    return {path.stem.strip("_") for path in (*below, *support)} | {folder.name} | ACROSS


def has_subject(test: Path) -> bool:
    """Tell whether each name in ``test_<module>[_and_<module>][_<aspect>]`` is known."""
    known = known_names(test.parent.relative_to(UNIT))
    for part in test.stem.removeprefix("test_").split("_and_"):
        # test_account_online is about account, test_mesh about mesh_client and mesh_server.
        if not any(f"{part}_".startswith(f"{n}_") or n.startswith(f"{part}_") for n in known):
            return False
    return True


def test_unit_tests_mirror_the_packages() -> None:
    tests = sorted(UNIT.rglob("test_*.py"))
    assert [shown(test) for test in tests if not has_subject(test)] == []
