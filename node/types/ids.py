"""Names for the byte strings that identify and sign things.

All are ``bytes`` of a fixed ``SIZE``: they hash, sort and compare as bytes, print as
short hex, and cannot be built with a wrong length.

Source: go-spacemesh, common/types; codec digest section 2.
"""

from typing import ClassVar, Final, Self


class FixedBytes(bytes):
    """A byte string of exactly ``SIZE`` bytes."""

    __slots__ = ()
    SIZE: ClassVar[int]

    def __new__(cls, value: bytes) -> Self:
        """Raise ValueError unless ``value`` has ``SIZE`` bytes."""
        if len(value) != cls.SIZE:
            raise ValueError(f"{cls.__name__}: {len(value)} bytes, want {cls.SIZE}")
        return bytes.__new__(cls, value)

    @classmethod
    def zero(cls) -> Self:
        """Return the value of zero bytes, which stands for "none" on the wire."""
        return cls(bytes(cls.SIZE))

    def __str__(self) -> str:
        return self.hex()[:10]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.hex()})"


class Hash32(FixedBytes):
    """A 32-byte digest."""

    __slots__ = ()
    SIZE = 32


class AtxID(FixedBytes):
    """Identifier of an activation transaction."""

    __slots__ = ()
    SIZE = 32


class SmesherID(FixedBytes):
    """Ed25519 public key of a smesher."""

    __slots__ = ()
    SIZE = 32


class TransactionID(FixedBytes):
    """BLAKE3 digest of a transaction's raw bytes."""

    __slots__ = ()
    SIZE = 32


class PublicKey(FixedBytes):
    """Ed25519 public key of an account."""

    __slots__ = ()
    SIZE = 32


class PoetRef(FixedBytes):
    """Identifier of a PoET proof: the digest of the proof without its envelope."""

    __slots__ = ()
    SIZE = 32


class GenesisID(FixedBytes):
    """What tells one network from another."""

    __slots__ = ()
    SIZE = 20


class BallotID(FixedBytes):
    """First 20 bytes of the digest of a ballot's signed part."""

    __slots__ = ()
    SIZE = 20


class ProposalID(FixedBytes):
    """First 20 bytes of the digest of a proposal's signed bytes."""

    __slots__ = ()
    SIZE = 20


class BlockID(FixedBytes):
    """First 20 bytes of the digest of a block."""

    __slots__ = ()
    SIZE = 20


class EdSignature(FixedBytes):
    """Ed25519 signature."""

    __slots__ = ()
    SIZE = 64


class VrfSignature(FixedBytes):
    """ECVRF proof."""

    __slots__ = ()
    SIZE = 80


class Beacon(FixedBytes):
    """Four random bytes an epoch agrees on."""

    __slots__ = ()
    SIZE = 4


class BeaconProposal(FixedBytes):
    """First four bytes of the VRF proof that proposes a beacon."""

    __slots__ = ()
    SIZE = 4


class CompactProposalID(FixedBytes):
    """First four bytes of a proposal's identifier, as hare 4 names it."""

    __slots__ = ()
    SIZE = 4


NO_ATX: Final = AtxID.zero()
"""Previous ATX of an initial ATX."""
NO_BALLOT: Final = BallotID.zero()
"""Reference ballot of a reference ballot."""
NO_BLOCK: Final = BlockID.zero()
"""Hare agreed on nothing; also the block of an empty layer."""
NO_SMESHER: Final = SmesherID.zero()
"""No identity: the atx of the golden ATX's owner."""

PADDED_SIZE: Final = 32


def padded(identifier: BallotID | ProposalID | BlockID) -> bytes:
    """Return a 20-byte identifier with 12 zero bytes on the right.

    This form is hashed in lists of proposals and blocks, and is the key of fetch requests.
    """
    return identifier.ljust(PADDED_SIZE, b"\0")
