"""What survives in the server's database."""

from collections.abc import Iterator
from pathlib import Path

import plyvel
import pytest

from node.base.errors import StoreError
from node.poet.round import Phase, RoundStatus
from node.poet.round_store import RoundStore
from node.types.poet import PoetMerkleProof, PoetProof

PROOF = PoetProof(
    merkle_proof=PoetMerkleProof(root=b"root", proven_leaves=(), proof_nodes=()), leaf_count=7
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RoundStore]:
    with RoundStore(tmp_path / "db") as opened:
        yield opened


def test_members_come_in_the_order_of_their_node_ids(store: RoundStore) -> None:
    store.add_members(255, {b"\xff" * 32: b"1" * 32, b"\x00" * 32: b"2" * 32})
    store.add_members(255, {b"\x01" * 32: b"3" * 32})
    store.add_members(256, {b"\x02" * 32: b"4" * 32})

    assert list(store.members(255).values()) == [b"2" * 32, b"3" * 32, b"1" * 32]
    assert store.members(254) == {}


def test_keys_are_made_once(tmp_path: Path) -> None:
    with RoundStore(tmp_path / "db") as store:
        assert store.service_key(b"key") == b"key"
        assert store.pow_challenges(b"pow") == (b"pow",)
    with RoundStore(tmp_path / "db") as store:
        assert store.service_key(b"other") == b"key"
        assert store.pow_challenges(b"other") == (b"pow",)


def test_a_proof_ends_its_round_and_becomes_the_pow_challenge(store: RoundStore) -> None:
    store.pow_challenges(b"pow")
    store.add_members(3, {b"n" * 32: b"c" * 32})
    store.put_round(RoundStatus(3, Phase.EXECUTING, b"s"))
    assert store.unfinished() == (RoundStatus(3, Phase.EXECUTING, b"s"),)
    assert store.find_proof(3) is None

    store.finish_round(3, b"s", PROOF)

    assert store.find_proof(3) == PROOF
    assert store.unfinished() == (RoundStatus(3, Phase.FINISHED, b"s"),)
    assert store.pow_challenges(b"") == (b"root", b"pow")
    assert store.members(3) == {b"n" * 32: b"c" * 32}


def test_of_the_rounds_that_are_over_only_the_last_is_told(store: RoundStore) -> None:
    for round_id, phase in enumerate((Phase.FINISHED, Phase.SKIPPED, Phase.FINISHED, Phase.OPEN)):
        store.put_round(RoundStatus(round_id, phase))

    assert store.unfinished() == (RoundStatus(3, Phase.OPEN), RoundStatus(2, Phase.FINISHED))


def test_a_first_proof_without_a_pow_challenge_leaves_none_before(store: RoundStore) -> None:
    store.finish_round(0, b"s", PROOF)

    assert store.pow_challenges(b"") == (b"root",)


def test_a_database_in_use_is_not_opened_twice(tmp_path: Path, store: RoundStore) -> None:
    with pytest.raises(StoreError, match="PoET database"):
        RoundStore(tmp_path / "db")


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    database = plyvel.DB(str(tmp_path / "db"), create_if_missing=True)
    database.put(b"v", b"\x02")
    database.close()

    with pytest.raises(StoreError, match="version 02"):
        RoundStore(tmp_path / "db")


@pytest.mark.parametrize("value", [b"", b"\x24\x00"], ids=["short", "no such phase"])
def test_a_damaged_record_is_told(tmp_path: Path, value: bytes) -> None:
    with RoundStore(tmp_path / "db"):
        pass
    database = plyvel.DB(str(tmp_path / "db"))
    database.put(b"r" + bytes(3) + b"\x05", value)
    database.close()

    with (
        RoundStore(tmp_path / "db") as store,
        pytest.raises(StoreError, match="round 5"),
    ):
        store.unfinished()


def test_a_failed_write_is_a_store_error(
    store: RoundStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDisk:
        def put(self, key: bytes, value: bytes) -> None:
            assert key
            assert value

        def write(self) -> None:
            raise plyvel.Error("no space left")

    class Database:
        def write_batch(self, *, sync: bool) -> FullDisk:
            assert sync
            return FullDisk()

    with monkeypatch.context() as patch:
        patch.setattr(store, "_db", Database())
        with pytest.raises(StoreError, match="no space left"):
            store.add_members(0, {b"n" * 32: b"c" * 32})
