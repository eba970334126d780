"""What transactions derive from their fields."""

from node.base.hashing import hash32
from node.types.address import NO_ADDRESS
from node.types.transaction import LayerLimits, RawTransaction, TransactionHeader


def test_a_header_tells_what_it_may_cost() -> None:
    header = TransactionHeader(
        principal=NO_ADDRESS,
        template=NO_ADDRESS,
        method=16,
        nonce=0,
        layer_limits=LayerLimits(min=0, max=0),
        max_gas=100,
        gas_price=3,
        max_spend=7,
    )
    assert (header.fee, header.spending) == (300, 307)


def test_a_transactions_id_is_over_its_raw_bytes() -> None:
    assert RawTransaction.of(b"raw").id == hash32(b"raw")
