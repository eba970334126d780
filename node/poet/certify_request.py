"""Read what a smesher sends to a certifier, and say what is wrong with it.

The reference's certifier tells a client where in the JSON text it stopped understanding.
Operators compare such texts, so this reads the body as that program does: as a stream,
field by field, with positions.

Source: post-rs, crate ``certifier``; post digest section 15.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from node.base.errors import UsageError
from node.post.verifying import PostClaim
from node.types.post import Post

MAX_U32: Final = 2**32 - 1
MAX_U64: Final = 2**64 - 1

MAX_DEPTH: Final = 127
"""Objects and lists inside each other."""

_ID_SIZE: Final = 32
_QUAD: Final = 4
_SPACE: Final = " \t\n\r"
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_STRING: Final = re.compile(r'"([^"\\\x00-\x1f]|\\.)*"')
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class MalformedRequestError(UsageError):
    """A body that is no request.

    Attributes:
        status: 400 if it is no JSON, 422 if it is other JSON.
    """

    default_code = "smesh.poet.certify_request"

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Mismatch:
    """A value that does not fit its field."""

    reason: str


Converter: TypeAlias = Callable[[Any], object]
"""Turns a JSON value into a field; returns a ``_Mismatch`` where it cannot."""


def read_request(body: bytes) -> tuple[Post, PostClaim]:
    """Return the proof in a body, and what it claims.

    Raises:
        MalformedRequestError: with the reference's text.
    """
    reader = _Reader(body.decode(errors="replace"))
    content = reader.read_object(_REQUEST, "", "struct CertifyRequest")
    reader.expect_end()
    proof, metadata = content["proof"], content["metadata"]
    return (
        Post(nonce=proof["nonce"], indices=proof["indices"], pow=proof["pow"]),
        PostClaim(
            smesher=metadata["node_id"],
            commitment_atx=metadata["commitment_atx_id"],
            challenge=metadata["challenge"],
            num_units=metadata["num_units"],
        ),
    )


def _number(limit: int, name: str) -> Converter:
    def convert(value: Any) -> object:
        if isinstance(value, bool) or not isinstance(value, int):
            return _Mismatch(f"invalid type: {_show(value)}, expected {name}")
        if not 0 <= value <= limit:
            return _Mismatch(f"invalid value: integer `{value}`, expected {name}")
        return value

    return convert


def _base64(size: int | None) -> Converter:
    def convert(value: Any) -> object:
        if not isinstance(value, str):
            return _Mismatch(f"invalid type: {_show(value)}, expected a base64 encoded string")
        decoded = decode_base64(value)
        if isinstance(decoded, bytes) and size is not None and len(decoded) != size:
            return _Mismatch(
                f"Can't convert a Byte Vector of length {len(decoded)} to the output type."
            )
        return decoded

    return convert


def decode_base64(text: str) -> bytes | _Mismatch:
    """Decode padded standard base64, or say what is wrong with it."""
    symbols = text.encode()
    body = symbols.rstrip(b"=")
    for offset, symbol in enumerate(body):
        if chr(symbol) not in _ALPHABET:
            return _Mismatch(f"Invalid symbol {symbol}, offset {offset}.")
    if len(body) % _QUAD == 1:
        return _Mismatch(f"Invalid input length: {len(body)}")
    if len(symbols) - len(body) != -len(body) % _QUAD:
        return _Mismatch("Invalid padding")
    value = 0
    for symbol in body:
        value = value << 6 | _ALPHABET.index(chr(symbol))
    spare = len(body) * 6 % 8
    if value & ((1 << spare) - 1):
        return _Mismatch(f"Invalid last symbol {body[-1]}, offset {len(body) - 1}.")
    return (value >> spare).to_bytes(len(body) * 6 // 8, "big")


_Fields: TypeAlias = "dict[str, Converter | _Fields]"

_REQUEST: Final[_Fields] = {
    "proof": {
        "nonce": _number(MAX_U32, "u32"),
        "indices": _base64(None),
        "pow": _number(MAX_U64, "u64"),
    },
    "metadata": {
        "node_id": _base64(_ID_SIZE),
        "commitment_atx_id": _base64(_ID_SIZE),
        "challenge": _base64(_ID_SIZE),
        "num_units": _number(MAX_U32, "u32"),
    },
}
_STRUCTURES: Final = {"proof": "struct Proof", "metadata": "struct ProofMetadata"}


def _show(value: Any) -> str:
    """Name a JSON value as the reference does."""
    match value:
        case None:
            text = "null"
        case bool():
            text = f"boolean `{str(value).lower()}`"
        case int():
            text = f"integer `{value}`"
        case float():
            text = f"floating point `{value}`"
        case str():
            text = f"string {json.dumps(value, ensure_ascii=False)}"
        case list():
            text = "sequence"
        case _:
            text = "map"
    return text


class _Reader:
    """A position in a JSON text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def read_object(self, fields: _Fields, path: str, name: str) -> dict[str, Any]:
        """Read an object with these fields; others are passed over."""
        self._skip_space()
        if self._peek() != "{":
            value = self._read_any()
            raise self._mismatch(path, f"invalid type: {_show(value)}, expected {name}")
        self._at += 1
        found: dict[str, Any] = {}
        while (key := self._next_key(is_first=not found)) is not None:
            inner = f"{path}.{key}" if path else key
            if key in found and key in fields:
                raise self._mismatch(path, f"duplicate field `{key}`")
            found[key] = self._read_field(fields.get(key), inner)
        for key in fields:
            if key not in found:
                raise self._mismatch(path, f"missing field `{key}`")
        return found

    def expect_end(self) -> None:
        """Check that nothing follows."""
        self._skip_space()
        if self._at < len(self._text):
            raise self._syntax("trailing characters", 1)

    def _read_field(self, field: "Converter | _Fields | None", path: str) -> Any:
        if isinstance(field, dict):
            return self.read_object(field, path, _STRUCTURES[path])
        value = self._read_any()
        if field is None:
            return None
        converted = field(value)
        if isinstance(converted, _Mismatch):
            raise self._mismatch(path, converted.reason)
        return converted

    def _next_key(self, *, is_first: bool) -> str | None:
        """Read up to the value of the next field; None at the end of the object."""
        self._skip_space()
        if self._peek() == "}":
            self._at += 1
            return None
        if not is_first:
            if self._peek() != ",":
                raise self._syntax("expected `,` or `}`", 1, "an object")
            self._at += 1
            self._skip_space()
            if self._peek() == "}":
                raise self._syntax("trailing comma", 1)
        if self._peek() != '"':
            raise self._syntax("key must be a string", 1, "an object")
        key = str(self._read_any())
        self._skip_space()
        if self._peek() != ":":
            raise self._syntax("expected `:`", 1, "an object")
        self._at += 1
        return key

    def _read_any(self) -> Any:
        """Read a whole value of any kind."""
        self._skip_space()
        match self._peek():
            case "{" | "[" as opening:
                self._depth += 1
                if self._depth > MAX_DEPTH:
                    raise self._syntax("recursion limit exceeded", 1)
                value = self.read_object({}, "", "map") if opening == "{" else self._read_list()
                self._depth -= 1
                return value
            case '"':
                return self._read_token(_STRING, "control character found", "a string")
            case "t" | "f" | "n":
                return self._read_token(re.compile("true|false|null"), "expected ident", "a value")
            case _:
                return self._read_token(_NUMBER, "expected value", "a value")

    def _read_token(self, pattern: re.Pattern[str], problem: str, unfinished: str) -> Any:
        match = pattern.match(self._text, self._at)
        if match is None:
            if unfinished == "a string":
                self._at = len(self._text)
            raise self._syntax(problem, 1, unfinished)
        self._at = match.end()
        try:
            return json.loads(match[0])
        except json.JSONDecodeError as error:
            raise self._syntax("invalid escape", 0) from error

    def _read_list(self) -> list[Any]:
        self._at += 1
        values: list[Any] = []
        while True:
            self._skip_space()
            if self._peek() == "]":
                self._at += 1
                return values
            if values:
                if self._peek() != ",":
                    raise self._syntax("expected `,` or `]`", 1, "a list")
                self._at += 1
            values.append(self._read_any())

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip_space(self) -> None:
        rest = self._text[self._at :]
        self._at += len(rest) - len(rest.lstrip(_SPACE))

    def _place(self, ahead: int) -> str:
        """Name the position; columns count bytes, and start anew in every line."""
        before = self._text[: self._at + ahead].encode()
        lines = before.split(b"\n")
        return f"at line {len(lines)} column {len(lines[-1])}"

    def _syntax(self, problem: str, ahead: int, unfinished: str = "") -> MalformedRequestError:
        if unfinished and self._at >= len(self._text):
            problem, ahead = f"EOF while parsing {unfinished}", 0
        return MalformedRequestError(
            HTTPStatus.BAD_REQUEST,
            f"Failed to parse the request body as JSON: {problem} {self._place(ahead)}",
        )

    def _mismatch(self, path: str, reason: str) -> MalformedRequestError:
        where = f"{path}: " if path else ""
        return MalformedRequestError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Failed to deserialize the JSON body into the target type: "
            f"{where}{reason} {self._place(0)}",
        )
