"""Codes of errors: scripts rely on them, so each means one thing."""

import importlib
import re
from collections import Counter
from collections.abc import Iterator

from node.base.errors import SpacemeshError
from tests.support.tree import modules, shown

CODE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")


def error_classes() -> Iterator[type[SpacemeshError]]:
    """Yield every class of the tree, wherever it is defined."""
    for path in modules("node", "cli"):
        if "default_code" in path.read_text(encoding="utf-8"):
            importlib.import_module(shown(path).removesuffix(".py").replace("/", "."))
    waiting = [SpacemeshError]
    while waiting:
        cls = waiting.pop()
        yield cls
        waiting += cls.__subclasses__()


def own_classes() -> list[type[SpacemeshError]]:
    return [cls for cls in error_classes() if cls.__module__.split(".")[0] in {"node", "cli"}]


def test_no_two_errors_share_a_code() -> None:
    codes = Counter(cls.default_code for cls in own_classes() if "default_code" in vars(cls))
    assert [code for code, count in codes.items() if count > 1] == []


def test_codes_are_dotted_names() -> None:
    assert [c.default_code for c in own_classes() if not CODE.fullmatch(c.default_code)] == []
