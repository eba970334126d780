"""The work against figures of the reference, and the clear engine's bookkeeping."""

import hashlib

import pytest

from node.poet.tree import NODE_SIZE
from node.poet.work import (
    ClearEngine,
    Frontier,
    compute_label,
    inner_hash,
    select_leaves,
)

STATEMENT = b"hello world, this is a challenge"
LABELS = [
    "1ae76a359be94b11a6d6b8f0d5cec6b495e3ce9660649babec21607316b68eec",
    "259b890ebd751a6434278d8780b0f87463707a177e3e6aa57946ea59a3b09368",
    "1707002fc3413ea43c5a11b295cc43ab73ebde82a495c3f689b309c80162c437",
    "4b4e7f27c16649ff3e816ae3dbc328435bb2c891411c85ed1b672dacfb31f4b5",
]


def test_first_labels_are_the_references() -> None:
    layers = ClearEngine().extend(Frontier(STATEMENT), 4, 0)

    assert [layers[0][32 * k : 32 * k + 32].hex() for k in range(4)] == LABELS


def test_label_hashes_the_leaf_number_and_the_parked_nodes() -> None:
    digest = hashlib.sha256(b"salt" + bytes(7) + b"\x03" + b"parked").digest()
    for _ in range(399):
        digest = hashlib.sha256(digest).digest()

    assert compute_label(b"salt", 3, b"parked") == digest


def test_inner_hash_is_the_references() -> None:
    inner = inner_hash(b"a123123123mskofvuw098e71bnj91273")

    assert inner(b"left-one", b"right-one").hex() == (
        "670196b573a99378513df4eefdbd84b4b59be86482a8df3802bafa334c760629"
    )


def test_chosen_leaves_are_the_references() -> None:
    chosen = select_leaves(b"challenge this", 30_000_000_000)

    assert len(chosen) == 150
    assert chosen[:3] == (372874902, 457991559, 502072454)
    assert chosen[-1] == 29697937404
    assert sum(chosen) == 2319729731188


@pytest.mark.parametrize(
    ("leaf_count", "chosen"),
    [
        pytest.param(0, (), id="no leaf"),
        pytest.param(2, (0, 1), id="fewer than asked for"),
        pytest.param(3, (0, 1, 2), id="exactly as many: drawn until all are hit"),
    ],
)
def test_small_trees_are_opened_in_full(leaf_count: int, chosen: tuple[int, ...]) -> None:
    assert select_leaves(b"root", leaf_count, 3) == chosen


def test_only_layers_from_the_lowest_kept_one_are_returned() -> None:
    layers = ClearEngine().extend(Frontier(STATEMENT), 8, 2)

    assert {height: len(nodes) // NODE_SIZE for height, nodes in layers.items()} == {2: 2, 3: 1}


def test_work_in_parts_is_the_work_at_once() -> None:
    engine, parts = ClearEngine(), Frontier(STATEMENT)
    joined: dict[int, bytes] = {}
    for count in (1, 2, 3, 5):
        for height, nodes in engine.extend(parts, count, 0).items():
            joined[height] = joined.get(height, b"") + nodes
    at_once = Frontier(STATEMENT)

    assert joined == engine.extend(at_once, 11, 0)
    assert parts == at_once
