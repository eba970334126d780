"""Checks of certify messages and of certificates.

Source: go-spacemesh, blocks/certifier.go; certifier digest 4.3 and 4.5.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from node.base.errors import IgnoreError, RejectError
from node.types.certificate import Certificate, CertifyMessage
from node.types.layer import LayerID

MAX_SEATS: Final = 1 << 16
"""Seats are summed up in 16 bits, as the reference does."""

IsVouched: TypeAlias = Callable[[CertifyMessage], bool]
"""Tells whether a message's signature and seats are what they claim to be."""


def threshold_of(committee_size: int) -> int:
    """Return the seats that make a certificate."""
    return committee_size // 2 + 1


def check_layer(
    layer: LayerID, current: LayerID, effective_genesis: LayerID, buffer_layers: int
) -> None:
    """Check that a certify message is for a layer near the current one.

    Raises:
        IgnoreError: it is not.
    """
    start = current - (buffer_layers + 1)
    if current <= buffer_layers + 1:
        start = effective_genesis
    if not start <= layer <= current + buffer_layers:
        raise IgnoreError(f"certify message for layer {layer} in layer {current}")


def check_certificate(
    layer: LayerID, certificate: Certificate, threshold: int, is_vouched: IsVouched
) -> None:
    """Check that enough seats vouch for a certificate's block.

    Messages for other layers or blocks, repeated smeshers and bad signatures do not count;
    the reference lets the first two pass, but honest nodes never send them.

    Raises:
        RejectError: there are too few seats.
    """
    seats = 0
    smeshers = set()
    for message in certificate.signatures:
        content = message.content
        same = (content.layer, content.block_id) == (layer, certificate.block_id)
        if same and message.smesher not in smeshers and is_vouched(message):
            smeshers.add(message.smesher)
            seats += content.eligibility_count
    if seats % MAX_SEATS < threshold:
        raise RejectError(f"certificate of layer {layer} has {seats} seats, {threshold} are needed")
