"""What keys there are: the model as a flat table of dotted paths, and the words about each.

A leaf is what a file sets as a whole: a value, a list, or a table whose keys are data
(accounts, versions).  Paths are spelt as in files: ``main.layer-duration``.
"""

import ast
import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from node.config.model.root import NodeConfig
from node.config.model.section import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One key."""

    path: str
    """Dotted, as in files."""

    annotation: Any
    """Annotation of the field."""

    section: type[Section]
    """The struct it is in."""

    attribute: str
    """Name of the field in Python."""

    @property
    def key(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


@cache
def leaves() -> Mapping[str, Leaf]:
    """Return every leaf by its path in lower case, in the order of the model."""
    return {leaf.path.lower(): leaf for leaf in _leaves_of(NodeConfig, "")}


@cache
def fields_by_key(section: type[Section]) -> Mapping[str, tuple[str, Any]]:
    """Return key as spelt and annotation for every key of a section, by its lower case."""
    hints = get_type_hints(section, include_extras=True)
    return {
        field.encode_name.lower(): (field.encode_name, hints[field.name])
        for field in msgspec.structs.fields(section)
    }


def as_section(annotation: Any) -> type[Section] | None:
    """Return the section an annotation names, None if it names a value."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return None


def unwrap(annotation: Any) -> tuple[Any, bool]:
    """Return an annotation without bounds and without ``None``, and whether it had that."""
    if get_origin(annotation) is Annotated:
        return unwrap(get_args(annotation)[0])
    if get_origin(annotation) in {types.UnionType, typing.Union}:
        inner = [part for part in get_args(annotation) if part is not type(None)]
        return unwrap(inner[0])[0], True
    return annotation, False


def documentation(leaf: Leaf) -> str:
    """Return what the model says about a key, in one line."""
    return _field_words(leaf.section).get(leaf.attribute, "")


def environment_name(path: str) -> str:
    """Return the variable that sets a key: ``SPACEMESH_MAIN__LAYER_DURATION``."""
    return "SPACEMESH_" + path.replace(".", "__").replace("-", "_").upper()


def _leaves_of(section: type[Section], prefix: str) -> Iterator[Leaf]:
    hints = get_type_hints(section, include_extras=True)
    for field in msgspec.structs.fields(section):
        annotation = hints[field.name]
        path = prefix + field.encode_name
        inner = as_section(annotation)
        if inner is None:
            yield Leaf(path=path, annotation=annotation, section=section, attribute=field.name)
        else:
            yield from _leaves_of(inner, path + ".")


@cache
def _field_words(section: type[Section]) -> Mapping[str, str]:
    """Read the strings under the fields of a section, those of its bases included."""
    words: dict[str, str] = {}
    for base in reversed(section.__mro__):
        if not issubclass(base, Section):
            continue
        tree = ast.parse(inspect.getsource(base)).body[0]
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for field, below in pairwise(body):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    words[name] = " ".join(text.split())
    return words
