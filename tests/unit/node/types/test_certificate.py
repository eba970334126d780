"""What certify messages derive from their fields."""

from node.base import scale
from node.types.certificate import CertifyContent, CertifyMessage
from node.types.ids import (
    BlockID,
    EdSignature,
    SmesherID,
    VrfSignature,
)
from node.types.layer import LayerID


def test_a_certify_message_signs_its_content() -> None:
    content = CertifyContent(
        layer=LayerID(1), block_id=BlockID.zero(), eligibility_count=2, proof=VrfSignature.zero()
    )
    message = CertifyMessage(
        content=content, signature=EdSignature.zero(), smesher=SmesherID.zero()
    )
    assert message.signed_bytes() == scale.encode(content)
