"""The exception tree of the project.

SpacemeshError              code, message, hint
    DecodeError             bytes do not follow the wire format        gossip: reject
    RejectError             a rule is broken and the bytes prove it    gossip: reject, drop the peer
        EquivocationError   two conflicting signed objects, with the proof
        InvalidPostError    a label of a PoST is wrong, with its index
    IgnoreError             late, early, known, not ours to judge now  gossip: ignore
    NotFoundError           a referenced object is not in the store    gossip: ignore
    UnavailableError        a peer, PoET, PoST worker or device did not answer
    PreconditionError       not synced, already running, low balance, nonce gap
    ConfigError             a knob is wrong
    StoreError              corruption or a failed write: fatal
    UsageError              what the user typed cannot be meant
    WalletError             wallet files and keys
        WrongPasswordError
        WalletFormatError
    DeviceError             GPUs, OpenCL drivers, hardware wallets

Codes are stable dotted names that scripts may rely on; messages name values; hints say
what to do next.  A leaf may narrow the code of one instance (``code=``) without a class.
"""

from typing import ClassVar


class SpacemeshError(Exception):
    """Base of every error this project raises on purpose.

    Attributes:
        code: stable dotted name for scripts.
        hint: what the user can do next; may be empty.
    """

    default_code: ClassVar[str] = "smesh.error"

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.hint = hint


class DecodeError(SpacemeshError):
    """Short, long, over a limit, or a malformed integer."""

    default_code = "smesh.decode"


class RejectError(SpacemeshError):
    """The sender relayed something provably invalid."""

    default_code = "smesh.reject"


class EquivocationError(RejectError):
    """Two conflicting objects signed by one identity.

    Attributes:
        proof: the encoded malfeasance proof.
    """

    default_code = "smesh.reject.equivocation"

    def __init__(self, message: str, *, proof: bytes) -> None:
        super().__init__(message)
        self.proof = proof


class WrongObjectError(RejectError):
    """A peer sent another object than it was asked for: its own fault, not the object's."""

    default_code = "smesh.reject.wrong_object"


class InvalidPostError(RejectError):
    """A label that a PoST names does not satisfy the proof.

    Attributes:
        index: position, within the proof's list of indices, of the label that fails.
    """

    default_code = "smesh.reject.post"

    def __init__(self, message: str, *, index: int) -> None:
        super().__init__(message)
        self.index = index


class IgnoreError(SpacemeshError):
    """Late, early, known, or depending on something we lack."""

    default_code = "smesh.ignore"


class NotFoundError(SpacemeshError):
    """A referenced object is not in the store.

    Attributes:
        kind: what was looked for, such as ``"atx"``.
        key: its identifier.
    """

    default_code = "smesh.not_found"

    def __init__(self, kind: str, key: bytes | str | int, *, hint: str = "") -> None:
        shown = key.hex() if isinstance(key, bytes) else str(key)
        super().__init__(f"{kind} {shown} is not known", hint=hint)
        self.kind = kind
        self.key = key


class UnavailableError(SpacemeshError):
    """A remote party or a worker did not answer in time."""

    default_code = "smesh.unavailable"


class PreconditionError(SpacemeshError):
    """The request is well formed but the state does not allow it now."""

    default_code = "smesh.precondition"


class ConfigError(SpacemeshError):
    """A configuration value is wrong.

    Attributes:
        path: dotted path of the key, such as ``"tortoise.hdist"``.
    """

    default_code = "smesh.config"

    def __init__(self, message: str, *, path: str = "", code: str = "", hint: str = "") -> None:
        super().__init__(message, code=code, hint=hint)
        self.path = path


class StoreError(SpacemeshError):
    """The database is damaged or refused a write; the node stops and recovers from disk."""

    default_code = "smesh.store"


class UsageError(SpacemeshError):
    """An argument that cannot be meant: a malformed address, a negative amount."""

    default_code = "smesh.usage"


class WalletError(SpacemeshError):
    """Something about wallet files or keys."""

    default_code = "smesh.wallet"


class WrongPasswordError(WalletError):
    """The password does not open the file; the file is untouched."""

    default_code = "smesh.wallet.password"


class WalletFormatError(WalletError):
    """The file is not a wallet, or it is damaged; it is untouched."""

    default_code = "smesh.wallet.format"


class DeviceError(SpacemeshError):
    """A compute device or a hardware wallet cannot be used."""

    default_code = "smesh.device"
