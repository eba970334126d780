"""The lock pins everything that pyproject.toml asks for, with hashes."""

import re
import tomllib
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.tree import ROOT


@dataclass(frozen=True, slots=True)
class Pin:
    version: str
    hashes: int


def pins() -> dict[str, Pin]:
    """Return what the lock installs."""
    text = (ROOT / "scripts" / "requirements.lock").read_text(encoding="utf-8")
    found: dict[str, Pin] = {}
    for entry in text.replace("\\\n", " ").splitlines():
        match = re.match(r"([\w.-]+)(?:\[[\w,]+\])?==([^\s;]+)", entry)
        if match:
            pin = Pin(match[2], entry.count("--hash=sha256:"))
            found[canonicalize_name(match[1])] = pin
    return found


def wanted() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [
        Requirement(text)
        for text in (*project["dependencies"], *project["optional-dependencies"]["dev"])
    ]


def test_every_dependency_is_locked_at_an_allowed_version() -> None:
    locked = pins()
    for requirement in wanted():
        pin = locked.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement} is not locked: run scripts/lock"
        assert requirement.specifier.contains(pin.version), f"{requirement}, locked {pin.version}"


def test_every_pin_has_its_hashes() -> None:
    assert [name for name, pin in pins().items() if pin.hashes == 0] == []
