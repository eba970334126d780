"""The weak coin of the beacon."""

import pytest

from node.base.errors import IgnoreError
from node.consensus.beacon.rules import Miner, weak_coin_vrf_input
from node.consensus.beacon.weakcoin import WeakCoin
from node.consensus.beacon.wire import WeakCoinMessage
from node.crypto.ed25519 import Signer, private_key_of
from node.types.ids import AtxID, SmesherID, VrfSignature
from node.types.layer import EpochID

GOLDEN_SEED = "290581ccf0371cf3b39a8596ac842731714b7be3d9904a5e26993a44f1abd6e3"
GOLDEN_PROOF = (
    "78f523319fd2cdf3812a3bc3905561acb2f7f1b7e47de71f92811d7bb82460e5999a048051cefa2d1b6f3f16656de8"
    "3c2756b7539b33fa563a3e8fea5130235e66e8dce914d69bd40f13174f3914ad07"
)
SIGNER = Signer(private_key_of(bytes.fromhex(GOLDEN_SEED)), bytes(20))
EPOCH = EpochID(1)
MINER = Miner(atx_id=AtxID.zero(), weight=1, num_units=6, received_ns=0, nonce=1, malicious=False)
BAD = Miner(atx_id=AtxID.zero(), weight=1, num_units=6, received_ns=0, nonce=1, malicious=True)


def find(_: EpochID, smesher: SmesherID) -> Miner | None:
    return {SIGNER.smesher_id: MINER, SmesherID(b"\x01" * 32): BAD}.get(smesher)


def throw(unit: int, round_: int = 1, epoch: int = 1) -> WeakCoinMessage:
    proof = SIGNER.vrf_sign(weak_coin_vrf_input(1, EpochID(epoch), round_, unit))
    return WeakCoinMessage(
        epoch=EpochID(epoch),
        round=round_,
        unit=unit,
        smesher=SIGNER.smesher_id,
        vrf_signature=proof,
    )


def by_size(*units: int) -> list[WeakCoinMessage]:
    return sorted(map(throw, units), key=lambda m: int.from_bytes(m.vrf_signature, "little"))


def opened() -> WeakCoin:
    coin = WeakCoin(last_round=4, find_miner=find)
    coin.start_epoch(EPOCH)
    coin.start_round(1)
    return coin


def test_the_golden_proof() -> None:
    assert throw(0).vrf_signature.hex() == GOLDEN_PROOF


def test_the_smallest_proof_decides() -> None:
    small, middle, large = by_size(0, 1, 2)
    coin = opened()
    coin.on_message(middle)
    with pytest.raises(IgnoreError, match="not the smallest"):
        coin.on_message(large)
    coin.on_message(small)
    assert not coin.is_smallest(large.vrf_signature)
    assert coin.finish_round() is bool(small.vrf_signature[0] & 1)
    assert coin.finish_round() is None


def test_one_unit_more_than_there_is_passes_as_in_the_reference() -> None:
    opened().on_message(throw(6))
    with pytest.raises(IgnoreError, match="unit 7"):
        opened().on_message(throw(7))


def test_strangers_malicious_smeshers_and_wrong_proofs_are_refused() -> None:
    def sent_by(smesher: bytes) -> WeakCoinMessage:
        return WeakCoinMessage(
            epoch=EPOCH,
            round=1,
            unit=0,
            smesher=SmesherID(smesher),
            vrf_signature=VrfSignature.zero(),
        )

    for smesher in (b"\x01" * 32, b"\x02" * 32):
        with pytest.raises(IgnoreError, match="not allowed"):
            opened().on_message(sent_by(smesher))
    with pytest.raises(IgnoreError, match="wrong VRF proof"):
        opened().on_message(sent_by(SIGNER.smesher_id))


def test_messages_for_the_next_round_wait_for_it() -> None:
    coin = opened()
    coin.on_message(throw(0, round_=2))
    with pytest.raises(IgnoreError):
        coin.on_message(throw(0, round_=3))
    assert coin.finish_round() is None
    coin.on_message(throw(9, round_=2))
    coin.on_message(throw(1, round_=3))
    coin.start_round(2)
    assert coin.finish_round() is not None


def test_messages_for_the_next_epoch_wait_between_epochs_and_in_the_last_round() -> None:
    coin = WeakCoin(last_round=1, find_miner=find)
    coin.on_message(throw(0, round_=0, epoch=1))
    coin.start_epoch(EPOCH)
    with pytest.raises(IgnoreError):
        coin.on_message(throw(0, epoch=2))
    coin.start_round(1)
    coin.on_message(throw(0, epoch=2))
    coin.finish_round()
    coin.finish_epoch()
    with pytest.raises(IgnoreError):
        coin.on_message(throw(0, epoch=3))


def test_the_buffer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.consensus.beacon.weakcoin.BUFFERED_MESSAGES", 1)
    coin = opened()
    coin.on_message(throw(0, round_=2))
    with pytest.raises(IgnoreError):
        coin.on_message(throw(1, round_=2))
