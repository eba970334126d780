"""Building a configuration: defaults, preset, file, environment, flags, the later ones win.

Every layer is a flat table from key to raw value, so that merging is an update and the
origin of each value stays known.  Keys are matched without regard to case; a key that does
not exist is an error that names its nearest neighbour.

Source: go-spacemesh, node (LoadConfig), config/presets; node-config digest sections 1 and 3;
product digest 2.9.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, get_args, get_origin

import msgspec

from node.base.errors import ConfigError
from node.config.durations import Instant, Nanoseconds
from node.config.model.root import NodeConfig
from node.config.model.section import MAX_UINT64, FilePath, Section
from node.config.model.smeshing import PowDifficulty
from node.config.schema import (
    Leaf,
    as_section,
    environment_name,
    fields_by_key,
    leaves,
    unwrap,
)

PRESETS: Final = ("mainnet", "testnet", "fastnet", "standalone")
"""Networks that come with the package."""

BASE_PRESET: Final = "mainnet"
"""What a node runs on when nobody names a preset."""

PRESET_FOLDER: Final = Path(__file__).parent / "presets"
"""A link to ``configs`` in a source tree; a folder of copies in an installed package."""

IGNORED: Final[Mapping[str, str]] = {
    "main.profiler-name": "there is no profile server for Python processes",
    "main.profiler-url": "there is no profile server for Python processes",
    "main.pprof-server": "Go profiles are not served",
    "main.pprof-listener": "Go profiles are not served",
    "main.pprof-mutex-profile": "Go profiles are not served",
    "main.pprof-block-profile": "Go profiles are not served",
    "main.db-connections": "the store is LevelDB and needs no pool",
    "main.db-latency-metering": "the store is LevelDB and runs no queries",
    "main.db-vacuum-state": "the store is LevelDB and compacts itself",
    "main.db-skip-migrations": "the store is LevelDB and has a schema of its own",
    "main.db-allow-schema-drift": "the store is LevelDB and has a schema of its own",
    "main.db-query-cache": "the store is LevelDB and runs no queries",
    "main.db-query-cache-sizes.epoch-atxs": "the store is LevelDB and runs no queries",
    "main.db-query-cache-sizes.atx-blob": "the store is LevelDB and runs no queries",
    "main.db-query-cache-sizes.active-set-blob": "the store is LevelDB and runs no queries",
    "api.db-connections": "the store is LevelDB and needs no pool",
    "p2p.gossip-peer-outbound-queue-size": "the reference does not use it either",
}
"""Keys of the reference that are checked and then have no effect, each with the reason."""

DEPRECATED: Final[Mapping[str, str]] = {
    "main.poet-server": 'write poet-servers = [{ address = "...", pubkey = "..." }] instead',
}
"""Keys of older versions that are refused, each with what to do."""

OURS: Final = frozenset(
    {
        "p2p.backend",
        "tortoise.historical-window-sizes",
        "tortoise.minimal-active-set-weight",
        "hare.mode",
        "hare3.committee-upgrade",
        "hare4.committee-upgrade",
        "syncer.tally-votes-frequency",
    }
)
"""Keys a Go node refuses; files made for one leave them out."""

_AT: Final = re.compile(r" - at (?:`key` in )?`\$\.?([^`]*)`")


@unique
class OriginKind(Enum):
    """Where a value can come from, the weakest first."""

    DEFAULT = "default"
    PRESET = "preset"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one value comes from."""

    kind: OriginKind
    name: str = ""
    """Name of the preset, path of the file, name of the variable or flag."""

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}".rstrip()


@dataclass(frozen=True, slots=True)
class Override:
    """A value set by a variable or a flag."""

    path: str
    """Key, such as ``main.layer-duration``; its case does not matter."""

    value: object
    """As typed, or already of the kind the key wants."""

    name: str
    """Name of the variable or flag, for messages."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A raw value and where it comes from."""

    origin: Origin
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What stands for ``~`` and ``<tmp>`` in paths."""

    home: Path
    temporary: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """A configuration and the history of each of its values."""

    config: NodeConfig

    preset: str
    """Name of the preset it is built on."""

    settings: Mapping[str, tuple[Setting, ...]]
    """By key: the values of all layers that have it, the winner last."""

    ignored: tuple[str, ...]
    """Keys that somebody set though they have no effect; reasons in ``IGNORED``."""

    unknown: tuple[str, ...]
    """Keys that do not exist; empty unless they were to be tolerated."""

    def explain(self, path: str) -> tuple[Setting, ...]:
        """Return every value a key was given, the winner last.

        Raises:
            ConfigError: there is no such key.
        """
        return self.settings[_find_leaf(path).path]

    def origin(self, path: str) -> Origin:
        """Return where the value of a key comes from.

        Raises:
            ConfigError: there is no such key.
        """
        return self.explain(path)[-1].origin


def load_config(
    *,
    places: Places,
    preset: str | None = None,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Sequence[Override] = (),
    lenient: bool = False,
) -> LoadedConfig:
    """Build the configuration of a node.

    Args:
        places: stand for ``~`` and ``<tmp>``.
        preset: from a flag; without it the file's own ``preset``, then ``BASE_PRESET``.
        file: TOML, or the JSON of a Go node.
        environment: variables; those of ``SPACEMESH_<SECTION>__<KEY>`` are used.
        flags: values typed by the user.
        lenient: report unknown keys in the result instead of refusing them.

    Raises:
        ConfigError: an unreadable file, an unknown key or preset, a value of a wrong kind.
    """
    unknown: list[str] = []
    reader = _Reader(unknown if lenient else None)
    from_file: dict[str, object] = {}
    if file is not None:
        from_file = reader.flatten(read_file(file), str(file))
    chosen = preset or str(from_file.get("preset") or "") or BASE_PRESET
    layers = [
        (Origin(OriginKind.DEFAULT), default_values()),
        (Origin(OriginKind.PRESET, chosen), preset_values(chosen)),
        (Origin(OriginKind.FILE, str(file)), from_file),
    ]
    overrides = tuple(environment_overrides(environment or {}, unknown if lenient else None))
    for kind, given in ((OriginKind.ENVIRONMENT, overrides), (OriginKind.FLAG, flags)):
        for override in given:
            found = reader.override(override)
            if found is not None:
                layers.append((Origin(kind, override.name), dict([found])))
    settings: dict[str, list[Setting]] = {}
    for origin, values in layers:
        for path, value in values.items():
            settings.setdefault(path, []).append(Setting(origin, value))
    settings["preset"] = [Setting(Origin(OriginKind.PRESET, chosen), chosen)]
    return LoadedConfig(
        config=_convert({path: found[-1] for path, found in settings.items()}, places),
        preset=chosen,
        settings={path: tuple(found) for path, found in settings.items()},
        ignored=tuple(path for path in IGNORED if _is_set_by_user(settings.get(path, ()))),
        unknown=tuple(unknown),
    )


def read_file(file: Path) -> Mapping[str, object]:
    """Return the content of a TOML or JSON file; its first character tells which.

    Raises:
        ConfigError: the file cannot be read or is neither.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"opening config file: {file}: {error}", code="smesh.config.file"
        ) from error
    try:
        content: dict[str, object] = (
            json.loads(text, parse_constant=_refuse_constant)
            if text.lstrip().startswith("{")
            else tomllib.loads(text)
        )
    except ValueError as error:
        raise ConfigError(f"{file}: {error}", code="smesh.config.file") from error
    return content


def preset_values(name: str) -> dict[str, object]:
    """Return what a preset changes, by key.

    Raises:
        ConfigError: there is no such preset.
    """
    if name not in PRESETS:
        raise ConfigError(
            f"unknown preset {name!r}",
            path="preset",
            hint=_nearest(name, PRESETS) or f"there are {', '.join(PRESETS)}",
        )
    reader = _Reader(None)
    values: dict[str, object] = {}
    for file in (PRESET_FOLDER / f"{name}.toml", PRESET_FOLDER / f"genesis-{name}.toml"):
        if file.is_file():
            values |= reader.flatten(read_file(file), str(file))
    return values


def default_values() -> dict[str, object]:
    """Return the model's defaults, by key."""
    return _Reader(None).flatten(to_tree(NodeConfig()), "defaults")


def to_tree(config: NodeConfig) -> dict[str, Any]:
    """Return a configuration as nested tables of plain values, spelt as in files."""
    tree: dict[str, Any] = msgspec.to_builtins(config, enc_hook=_encode, str_keys=True)
    return tree


def environment_overrides(
    environment: Mapping[str, str], unknown: list[str] | None = None
) -> Iterator[Override]:
    """Yield what ``SPACEMESH_<SECTION>__<KEY>`` variables set, sorted by name.

    Raises:
        ConfigError: a variable of that form names no key; collected in ``unknown`` if given.
    """
    names = {environment_name(path): leaf.path for path, leaf in leaves().items()}
    for name in sorted(environment):
        if not name.startswith("SPACEMESH_") or "__" not in name:
            continue
        if name in names:
            yield Override(names[name], environment[name], name)
        elif unknown is None:
            raise ConfigError(
                f"environment variable {name} names no key",
                path=name,
                hint=_nearest(name, tuple(names)),
                code="smesh.config.unknown_key",
            )
        else:
            unknown.append(name)


class _Reader:
    """Turns nested tables into flat ones, keys spelt right and values in the form decoders want."""

    def __init__(self, unknown: list[str] | None) -> None:
        self._unknown = unknown

    def flatten(self, tree: Mapping[str, object], source: str) -> dict[str, object]:
        """Return the leaves of a tree by path."""
        return dict(self._flatten(NodeConfig, tree, "", source))

    def override(self, override: Override) -> tuple[str, object] | None:
        """Return path and value of one override, None if it is unknown and tolerated."""
        try:
            leaf = _find_leaf(override.path)
        except ConfigError:
            if self._unknown is None:
                raise
            self._unknown.append(override.path)
            return None
        return leaf.path, self._value(override.value, leaf.annotation, leaf.path, override.name)

    def _flatten(
        self, section: type[Section], tree: Mapping[str, object], prefix: str, source: str
    ) -> Iterator[tuple[str, object]]:
        for key, annotation, value in self._known_keys(section, tree, prefix, source):
            path = prefix + key
            inner = as_section(annotation)
            if inner is None:
                yield path, self._value(value, annotation, path, source)
            elif isinstance(value, Mapping):
                yield from self._flatten(inner, value, path + ".", source)
            elif value is not None:
                raise ConfigError(f"{source}: {path} is a section, not a value", path=path)

    def _known_keys(
        self, section: type[Section], tree: Mapping[str, object], prefix: str, source: str
    ) -> Iterator[tuple[str, Any, object]]:
        known = fields_by_key(section)
        for written, value in tree.items():
            found = known.get(written.lower())
            if found is not None:
                yield *found, value
            elif self._unknown is None:
                _refuse_key(prefix + written, source, [prefix + key for key, _ in known.values()])
            else:
                self._unknown.append(prefix + written)

    def _value(self, value: object, annotation: Any, path: str, source: str) -> object:
        """Return a value with the leniencies of the reference's files taken out."""
        form, optional = unwrap(annotation)
        if value is None or (optional and value == ""):
            return None
        section = as_section(form)
        origin = get_origin(form)
        if section is not None or origin in {tuple, Mapping}:
            value = _structured(value, path, source)
        match value:
            case Mapping() if section is not None:
                return {
                    key: self._value(item, inner, f"{path}.{key}", source)
                    for key, inner, item in self._known_keys(section, value, path + ".", source)
                }
            case Mapping():
                of = get_args(form)[-1] if origin is Mapping else object
                return {
                    str(key): self._value(item, of, f"{path}.{key}", source)
                    for key, item in value.items()
                }
            case list() | tuple():
                of = get_args(form)[0] if origin is tuple else object
                return [
                    self._value(item, of, f"{path}[{index}]", source)
                    for index, item in enumerate(value)
                ]
            case _:
                return _scalar(value, path, source)


def _structured(value: object, path: str, source: str) -> object:
    """Return the list or table that a text stands for: JSON, ``a,b`` or ``a=1,b=2``."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text[:1] in {"[", "{"}:
        try:
            return json.loads(text, parse_constant=_refuse_constant)
        except ValueError as error:
            raise ConfigError(f"{source}: {path}: {error}", path=path) from error
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if parts and all("=" in part for part in parts) and not text.startswith("/"):
        return dict(part.split("=", 1) for part in parts)
    return parts


def _scalar(value: object, path: str, source: str) -> object:
    number = value
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        number = int(value)
    if isinstance(number, int) and number > MAX_UINT64:
        raise ConfigError(f"{source}: {path}: {value} does not fit into 64 bits", path=path)
    return value


def _convert(settings: Mapping[str, Setting], places: Places) -> NodeConfig:
    """Decode the winners of all keys."""
    tree: dict[str, Any] = {}
    for path, setting in settings.items():
        *sections, key = path.split(".")
        table = tree
        for section in sections:
            table = table.setdefault(section, {})
        table[key] = setting.value

    def decode(form: type, value: object) -> object:
        return _decode(form, value, places)

    try:
        return msgspec.convert(tree, NodeConfig, dec_hook=decode, strict=False, str_keys=True)
    except msgspec.ValidationError as error:
        raise _explained(error, settings) from error


def _explained(error: msgspec.ValidationError, settings: Mapping[str, Setting]) -> ConfigError:
    """Return the error of a decoder with the key's origin and the values it may have."""
    found = _AT.search(str(error))
    at = found.group(1) if found is not None else ""
    path = next((path for path in settings if at.startswith(path)), at)
    message = _AT.sub("", str(error)).replace("Expected", "expected").replace("Invalid", "invalid")
    origin = f" ({settings[path].origin})" if path in settings else ""
    leaf = leaves().get(path.lower())
    form = unwrap(leaf.annotation)[0] if leaf is not None else None
    hint = f"one of {', '.join(map(repr, get_args(form)))}" if get_origin(form) is Literal else ""
    return ConfigError(f"{at}: {message}{origin}", path=at, hint=hint, code="smesh.config.value")


def _decode(form: type, value: object, places: Places) -> object:
    """Turn a raw value into one of our own kinds.

    Raises:
        TypeError, ValueError: it is not of that kind; msgspec adds where it stands.
    """
    if form is Nanoseconds:
        return _duration(value)
    if form is Instant:
        if isinstance(value, datetime):
            return Instant.of(value)
        return Instant.parse(_text(value, "an RFC 3339 time"))
    if form is Fraction:
        return _fraction(_text(value, 'a fraction such as "1/3"'))
    if form is PowDifficulty:
        return PowDifficulty(bytes.fromhex(_text(value, "64 hexadecimal digits")))
    if form is FilePath:
        return _expand(_text(value, "a path"), places)
    raise NotImplementedError(form.__name__)


def _duration(value: object) -> Nanoseconds:
    match value:
        case bool() | float():
            raise TypeError(f'{value} is no duration such as "1m30s"')
        case int():
            return Nanoseconds(value)
        case str() if value.isascii() and value.removeprefix("-").isdecimal():
            return Nanoseconds(int(value))
        case _:
            return Nanoseconds.parse(_text(value, 'a duration such as "1m30s"'))


def _fraction(text: str) -> Fraction:
    try:
        return Fraction(text)
    except ZeroDivisionError as error:
        raise ValueError(f"{text} divides by zero") from error


def _text(value: object, wanted: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not {wanted}")
    return value


def _expand(text: str, places: Places) -> FilePath:
    for mark, folder in (("~", places.home), ("<tmp>", places.temporary)):
        if text == mark or text.startswith(mark + "/"):
            return FilePath(str(folder / text[len(mark) + 1 :]))
    return FilePath(text)


def _encode(value: object) -> str:
    """Return the text of one of our own kinds; their texts are those of files."""
    return value.hex() if isinstance(value, PowDifficulty) else str(value)


def _find_leaf(path: str) -> Leaf:
    known = leaves()
    leaf = known.get(path.lower())
    if leaf is None:
        _refuse_key(path, "", [leaf.path for leaf in known.values()])
    return leaf


def _refuse_key(path: str, source: str, siblings: Sequence[str]) -> NoReturn:
    prefix = f"{source}: " if source else ""
    instead = DEPRECATED.get(path.lower())
    if instead is not None:
        raise ConfigError(
            f"{prefix}{path} is no longer used",
            path=path,
            hint=instead,
            code="smesh.config.deprecated_key",
        )
    key = path.rpartition(".")[2].lower()
    elsewhere = [leaf.path for leaf in leaves().values() if leaf.key.lower() == key]
    raise ConfigError(
        f"{prefix}unknown key {path}",
        path=path,
        hint=_nearest(path, siblings) or _nearest(path, elsewhere, cutoff=0.0),
        code="smesh.config.unknown_key",
    )


def _nearest(written: str, candidates: Sequence[str], cutoff: float = 0.75) -> str:
    """Return a question with the candidate most like what was written, if one is like it."""
    from difflib import get_close_matches

    lowered = {candidate.lower(): candidate for candidate in candidates}
    found = get_close_matches(written.lower(), list(lowered), n=1, cutoff=cutoff)
    return f"did you mean {lowered[found[0]]}?" if found else ""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _is_set_by_user(settings: Sequence[Setting]) -> bool:
    weak = {OriginKind.DEFAULT, OriginKind.PRESET}
    return any(setting.origin.kind not in weak for setting in settings)
