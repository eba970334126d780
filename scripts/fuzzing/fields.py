"""Changes of one field of a wire object, so that what is signed again still decodes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final, TypeVar

from node.base import scale
from scripts.fuzzing.draws import Draws

T = TypeVar("T")

EDGES: Final = (0, 1, 2, 3, 63, 64, 255, 256, 65_535, 1 << 30, (1 << 32) - 1, (1 << 64) - 1)
MOST_TRIES: Final = 20

Path = tuple[str | int, ...]
"""Names of fields and positions in tuples, from the outside in."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value inside an object, with the name of the field it is in."""

    path: Path
    owner: str
    value: Any


def leaves(value: Any, path: Path = (), owner: str = "") -> Iterator[Leaf]:
    """Yield everything inside an object that can be changed."""
    if path:
        yield Leaf(path, owner, value)
    if is_dataclass(value):
        for field in fields(value):
            name = f"{type(value).__name__}.{field.name}"
            yield from leaves(getattr(value, field.name), (*path, field.name), name)
    elif isinstance(value, tuple):
        for place, item in enumerate(value):
            yield from leaves(item, (*path, place), f"{owner}[]")


def put(value: Any, path: Path, new: Any) -> Any:
    """Return ``value`` with what is at ``path`` replaced."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return (*value[:step], put(value[step], rest, new), *value[step + 1 :])
    return replace(value, **{step: put(getattr(value, step), rest, new)})


class FieldChanger:
    """Changes fields of objects of one kind; valid objects lend their values."""

    def __init__(self, donors: Sequence[Any]) -> None:
        """Remember the values of each field."""
        self._values: dict[str, list[Any]] = {}
        for donor in donors:
            for leaf in leaves(donor):
                self._values.setdefault(leaf.owner, []).append(leaf.value)

    def change(self, draws: Draws, value: T) -> tuple[str, T]:
        """Return (name of the field, ``value`` with that field changed); it can be encoded."""
        places = list(leaves(value))
        for _ in range(MOST_TRIES):
            leaf = draws.choose(places)
            changed = put(value, leaf.path, self._other(draws, leaf))
            try:
                scale.encode(changed)
            except (ValueError, TypeError, LookupError, AttributeError):
                continue
            return leaf.owner, changed
        return "nothing", value

    def _other(self, draws: Draws, leaf: Leaf) -> Any:
        kind = draws.below(4)
        if kind == 0 or leaf.value is None:
            return draws.choose(self._values.get(leaf.owner) or [leaf.value])
        match leaf.value:
            case bool():
                return not leaf.value
            case int():
                near = (leaf.value + 1, max(0, leaf.value - 1), draws.below(1 << 16))
                return type(leaf.value)(draws.choose((*near, *EDGES)))
            case bytes():
                return self._other_bytes(draws, leaf.value)
            case tuple():
                return self._other_tuple(draws, leaf.value)
            case _:
                return None

    def _other_bytes(self, draws: Draws, value: bytes) -> bytes:
        cls: type[bytes] = type(value)
        size = len(value) if hasattr(cls, "SIZE") else draws.below(2 * len(value) + 2)
        match draws.below(3):
            case 0:
                return bytes.__new__(cls, size)
            case 1 if value and size == len(value):
                at = draws.below(size)
                flipped = bytes([value[at] ^ 1 << draws.below(8)])
                return bytes.__new__(cls, value[:at] + flipped + value[at + 1 :])
            case _:
                return bytes.__new__(cls, draws.bytes(size))

    def _other_tuple(self, draws: Draws, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if not value:
            return value
        at = draws.below(len(value))
        match draws.below(4):
            case 0:
                return ()
            case 1:
                return value[:at] + value[at + 1 :]
            case 2:
                return (*value[:at], value[at], *value[at:])
            case _:
                return value[::-1]
