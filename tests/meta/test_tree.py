"""The tree stays portable: nothing in it names one machine, and its files stay small."""

import os
import re

from tests.support.tree import ROOT, all_files, shown

MAX_DATA_BYTES = 100_000

BINARY = {".xz", ".db", ".bin"}

MACHINE = re.compile(
    r"(?<![\w.$}/])/(?:root|work|Users|mnt|srv|opt)/"  # folders of one machine
    r"|/home/(?!(?:alice|user)\b)"  # these two stand for anyone
    r"|pypi\.(?:org|python)|pythonhosted|--(?:extra-)?index-url"  # pip knows its own
)
"""What must not be written down; the tests of this file are allowed to."""


def test_nothing_names_a_machine_or_a_registry() -> None:
    named = []
    for path in all_files():
        if path.suffix in BINARY or shown(path) == "tests/meta/test_tree.py":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if MACHINE.search(line):
                named.append(f"{shown(path)}:{number}: {line.strip()[:80]}")
    assert named == []


def test_data_of_tests_stays_small() -> None:
    large = [
        shown(path)
        for path in (ROOT / "tests" / "data").rglob("*")
        if path.is_file() and path.stat().st_size > MAX_DATA_BYTES
    ]
    assert large == []


def test_commands_can_be_run() -> None:
    commands = [
        *(path for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix),
        ROOT / ".ci" / "run",
    ]
    assert {path.name for path in commands} >= {"setup", "test", "run", "lock", "bench"}
    for path in commands:
        assert path.read_bytes().startswith(b"#!/bin/"), shown(path)
        assert os.access(path, os.X_OK), shown(path)
