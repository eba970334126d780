"""Account versions and rewards: by layer, newest, reverted."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import NotFoundError
from node.store import accounts, rewards
from node.store.db import LevelDB
from node.types.account import Account
from node.types.amounts import MAX_U64
from node.types.layer import MAX_LAYER, LayerID
from node.types.reward import Reward
from tests.support.store_records import account, address, reward, smesher

L = [LayerID(number) for number in range(40)]


def write(db: LevelDB, *versions: Account) -> None:
    with db.batch(sync=False) as batch:
        for version in versions:
            accounts.put_account(batch, version)


def revert(db: LevelDB, layer: LayerID) -> None:
    with db.batch(sync=False) as batch:
        accounts.revert_accounts(batch, db, layer)
        rewards.revert_rewards(batch, db, layer)


def test_the_newest_version_is_the_account(db: LevelDB) -> None:
    write(db, account(1, 0, 5), account(1, 21, 7), account(2, 0, 1))
    assert accounts.get_account(db, address(1)) == account(1, 21, 7)
    assert accounts.get_account(db, address(1), at_layer=L[20]) == account(1, 0, 5)
    assert accounts.has_account(db, address(2))
    assert list(accounts.account_versions(db, address(1))) == [
        account(1, 0, 5),
        account(1, 21, 7),
    ]


def test_an_account_that_never_was_is_not_found(db: LevelDB) -> None:
    assert not accounts.has_accounts(db)
    write(db, account(1, 21, 7))
    assert accounts.has_accounts(db)
    assert not accounts.has_account(db, address(2))
    assert accounts.find_account(db, address(1), at_layer=L[20]) is None
    with pytest.raises(NotFoundError, match="account"):
        accounts.get_account(db, address(2))


def test_a_snapshot_shows_every_account_as_it_was(db: LevelDB) -> None:
    write(db, account(1, 0, 5), account(1, 21, 7), account(2, 22, 1), account(3, 5), account(3, 6))
    assert list(accounts.accounts_at(db, L[21])) == [account(1, 21, 7), account(3, 6)]
    assert list(accounts.accounts_at(db, L[5])) == [account(1, 0, 5), account(3, 5)]
    assert len(list(accounts.accounts_at(db))) == 3
    assert list(accounts.accounts_at(db, MAX_LAYER))[1] == account(2, 22, 1)


def test_an_empty_layer_has_no_snapshot(db: LevelDB) -> None:
    assert list(accounts.accounts_at(db, L[5])) == []


def test_accounts_come_by_the_layer_of_their_last_change(db: LevelDB) -> None:
    assert list(accounts.newest_accounts(db)) == []
    assert accounts.find_latest_account_layer(db) is None
    write(db, account(1, 0), account(1, 21), account(2, 22), account(3, 0), account(4, 21))
    assert list(accounts.newest_accounts(db)) == [
        account(2, 22),
        account(1, 21),
        account(4, 21),
        account(3, 0),
    ]
    assert list(accounts.accounts_written_in(db, L[0])) == [account(1, 0), account(3, 0)]
    assert accounts.find_latest_account_layer(db) == 22


versions = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 9), st.integers(0, 9)), max_size=20)


@given(versions, st.integers(0, 9))
def test_reverting_leaves_what_was_written_up_to_the_layer(
    written: list[tuple[int, int, int]], to: int
) -> None:
    with TemporaryDirectory() as folder, LevelDB(Path(folder)) as db:
        expected: dict[tuple[int, int], Account] = {}
        for number, layer, balance in written:
            write(db, account(number, layer, balance))
            expected[number, layer] = account(number, layer, balance)
        before = {
            number: accounts.find_account(db, address(number), at_layer=LayerID(to))
            for number in range(5)
        }
        revert(db, LayerID(to))
        for number in range(5):
            assert accounts.find_account(db, address(number)) == before[number]
            kept = [
                version
                for (who, at), version in sorted(expected.items())
                if who == number and at <= to
            ]
            assert list(accounts.account_versions(db, address(number))) == kept


def pay(db: LevelDB, *paid: Reward) -> None:
    with db.batch(sync=False) as batch:
        rewards.put_rewards(batch, paid)


def test_rewards_are_found_from_every_side(db: LevelDB) -> None:
    one, two, later = reward(20, 1, 1), reward(20, 2, 1), reward(21, 1, 2)
    pay(db, one, two)
    pay(db, later)
    assert list(rewards.rewards_in_layer(db, L[20])) == [one, two]
    assert list(rewards.rewards_between(db, L[0], L[39], newest_first=True)) == [later, two, one]
    assert rewards.find_reward(db, smesher(1), L[21]) == later
    assert rewards.find_reward(db, smesher(2), L[21]) is None
    assert list(rewards.rewards_of_smesher(db, smesher(1), L[0], L[39])) == [one, later]
    assert list(rewards.rewards_of_smesher(db, smesher(1), L[0], L[20])) == [one]
    assert list(rewards.rewards_of_coinbase(db, address(1), L[0], L[39], newest_first=True)) == [
        two,
        one,
    ]
    assert rewards.find_latest_reward_layer(db) == 21


def test_two_rewards_of_a_smesher_in_a_layer_are_added_up(db: LevelDB) -> None:
    pay(db, reward(20, total=100), reward(20, total=MAX_U64))
    (found,) = rewards.rewards_in_layer(db, L[20])
    assert found.total_reward == 99
    assert found.layer_reward == 50 + MAX_U64 // 2


def test_what_is_reverted_during_a_scan_is_left_out(db: LevelDB) -> None:
    pay(db, reward(20))
    pay(db, reward(21))
    write(db, account(1, 20), account(2, 20), account(2, 19))
    paid = rewards.rewards_of_smesher(db, smesher(1), L[0], L[39])
    changed = accounts.accounts_written_in(db, L[20])
    assert next(paid) == reward(20)
    assert next(changed) == account(1, 20)
    revert(db, L[19])
    assert list(paid) == []
    assert list(changed) == []


def test_reverting_takes_rewards_back(db: LevelDB) -> None:
    assert rewards.find_latest_reward_layer(db) is None
    pay(db, reward(20))
    pay(db, reward(21))
    revert(db, L[20])
    assert list(rewards.rewards_between(db, L[0], L[39])) == [reward(20)]
    assert list(rewards.rewards_of_smesher(db, smesher(1), L[0], L[39])) == [reward(20)]
    assert list(rewards.rewards_of_coinbase(db, address(1), L[21], L[39])) == []
