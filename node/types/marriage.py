"""Marriages: identities that share their fate.

Source: go-spacemesh, sql/marriage and common/types/marriage.
"""

from dataclasses import dataclass

from node.base.scale import U32
from node.types.ids import AtxID, EdSignature, SmesherID


@dataclass(frozen=True, slots=True, kw_only=True)
class Marriage:
    """One identity's place in a marriage."""

    smesher: SmesherID
    marriage_atx: AtxID

    index: U32
    """Position among the certificates of the marriage ATX."""

    target: SmesherID
    """Signer of the marriage ATX."""

    signature: EdSignature
