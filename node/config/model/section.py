"""What all sections share: frozen, strict about keys, with the reference's key names."""

from typing import Annotated, Final, TypeAlias

import msgspec

UInt8: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << 8) - 1)]
UInt16: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << 16) - 1)]
UInt32: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
"""A number of things, or an unsigned 64-bit quantity; ``load`` checks the upper bound."""
Port: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << 16) - 1)]
Percent: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=100)]
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]
"""A fraction of something else; may exceed one."""

MAX_UINT32: Final = (1 << 32) - 1
MAX_UINT64: Final = (1 << 64) - 1


class Section(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"
):
    """A group of keys; field names become kebab-case keys unless a field names its own."""


class FilePath(str):
    """A path as written; ``load`` expands a leading ``~`` and ``<tmp>``."""

    __slots__ = ()
