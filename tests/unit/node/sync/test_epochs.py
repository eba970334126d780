"""What is wanted of an epoch's ATXs."""

from node.sync.epochs import EpochDownload, Fetched
from node.types.ids import AtxID
from tests.support.store_records import atx_id


def download(**changed: object) -> EpochDownload:
    plain = EpochDownload(until_ns=100, requests_limit=2)
    for name, value in changed.items():
        setattr(plain, name, value)
    return plain


def ids(*numbers: int) -> list[AtxID]:
    return [atx_id(number) for number in numbers]


def test_an_epoch_is_complete_after_a_late_list() -> None:
    epoch = download()
    assert not epoch.is_complete
    epoch.on_list("peer", 2, [], 100)
    epoch.on_all_asked()
    assert not epoch.is_complete
    epoch.on_list("peer", 2, [], 101)
    assert not epoch.is_complete
    epoch.on_all_asked()
    assert epoch.is_complete
    assert (epoch.total, epoch.downloaded) == (2, 2)


def test_who_is_asked_last_may_know_more() -> None:
    epoch = download()
    epoch.on_list("peer", 1, ids(1), 101)
    epoch.on_fetched({atx_id(1): Fetched.STORED})
    assert not epoch.is_complete
    epoch.on_list("peer", 2, ids(2), 102)
    epoch.on_all_asked()
    assert not epoch.is_complete
    epoch.on_fetched({atx_id(2): Fetched.STORED})
    assert epoch.is_complete


def test_what_was_listed_before_a_start_is_not_listed_again() -> None:
    epoch = EpochDownload(until_ns=100, requests_limit=2, wanted={atx_id(1): 0}, listed_ns=101)
    assert not epoch.is_complete
    epoch.on_fetched({atx_id(1): Fetched.STORED})
    assert epoch.is_complete


def test_what_is_missing_is_asked_for_until_it_is_here() -> None:
    epoch = download()
    epoch.on_list("peer", 3, ids(1, 2, 3), 101)
    epoch.on_all_asked()
    assert epoch.take_changes() == dict.fromkeys(ids(1, 2, 3), 0)
    assert epoch.next_batch(2) == tuple(ids(1, 2))
    epoch.on_fetched({atx_id(1): Fetched.FAILED, atx_id(2): Fetched.STORED})
    assert epoch.next_batch(5) == tuple(ids(3, 1))
    assert epoch.take_changes() == {atx_id(1): 1, atx_id(2): None}
    assert epoch.take_changes() == {}
    assert (epoch.total, epoch.downloaded) == (3, 1)
    epoch.on_fetched({atx_id(1): Fetched.FAILED, atx_id(3): Fetched.INVALID})
    assert epoch.is_complete
    assert (epoch.total, epoch.downloaded) == (3, 1)
    assert epoch.take_changes() == dict.fromkeys(ids(1, 3))


def test_a_list_makes_all_attempts_new() -> None:
    epoch = download()
    epoch.on_list("peer", 2, ids(1, 2), 101)
    epoch.on_fetched({atx_id(1): Fetched.FAILED, atx_id(2): Fetched.INVALID})
    epoch.take_changes()
    epoch.on_list("peer", 2, ids(1, 2), 102)
    assert epoch.wanted == dict.fromkeys(ids(1, 2), 0)
    assert epoch.take_changes() == dict.fromkeys(ids(1, 2), 0)
    epoch.on_list("peer", 2, ids(1, 2), 103)
    assert epoch.take_changes() == {}
    epoch.on_fetched(dict.fromkeys(ids(1, 2, 9), Fetched.STORED))
    assert epoch.downloaded == 2
