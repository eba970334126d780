"""Bounded maps."""

import pytest

from node.base.lru import LruMap


def test_the_entry_used_longest_ago_leaves() -> None:
    cache = LruMap[str, int](2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert list(cache) == ["a", "c"]
    assert "b" not in cache
    assert cache.get("b") is None


def test_setting_again_does_not_grow_the_map() -> None:
    cache = LruMap[str, int](2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.put("a", 3)
    assert len(cache) == 2
    assert list(cache) == ["b", "a"]


def test_looking_with_in_does_not_keep_an_entry() -> None:
    cache = LruMap[str, int | None](1)
    cache.put("a", None)
    assert "a" in cache
    assert cache.get("a") is None
    cache.put("b", 1)
    assert "a" not in cache


def test_entries_can_be_removed() -> None:
    cache = LruMap[str, int](2)
    cache.put("a", 1)
    assert cache.pop("a") == 1
    assert cache.pop("a") is None
    cache.put("b", 1)
    cache.clear()
    assert len(cache) == 0


def test_there_must_be_room_for_one() -> None:
    with pytest.raises(ValueError, match="capacity 0"):
        LruMap[str, int](0)
