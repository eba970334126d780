"""Layers on disk, and what is computed again from them."""

from pathlib import Path

import pytest

from node.base.errors import StoreError
from node.poet.layer_files import LayerFiles, SparseLayers, choose_keep_from
from node.poet.work import ClearEngine, Frontier

STATEMENT = b"s" * 32
ENGINE = ClearEngine()


@pytest.mark.parametrize(
    ("expected", "keep_from"),
    [(0, 5), (1 << 25, 5), (1 << 31, 6), (1 << 40, 7)],
)
def test_more_is_left_out_of_larger_trees(expected: int, keep_from: int) -> None:
    assert choose_keep_from(expected, ENGINE) == keep_from


def test_appended_nodes_are_found_again(tmp_path: Path) -> None:
    with LayerFiles(tmp_path, 2) as files:
        files.append({2: b"a" * 32 + b"b" * 32, 3: b"c" * 32})
        files.sync()

        assert files.find_node(2, 1) == b"b" * 32
        assert files.find_node(3, 0) == b"c" * 32
        assert files.find_node(2, 2) is None
    assert (tmp_path / "layer_02.bin").stat().st_size == 64


def test_what_was_appended_after_the_checkpoint_is_cut_off(tmp_path: Path) -> None:
    frontier = Frontier(STATEMENT)
    with LayerFiles(tmp_path, 0) as files:
        files.append(ENGINE.extend(frontier, 11, 0))
    with LayerFiles(tmp_path, 0) as files:
        files.cut(5)
        sizes = {path.name: path.stat().st_size // 32 for path in tmp_path.glob("*.bin")}

    assert sizes == {
        "layer_00.bin": 5,
        "layer_01.bin": 2,
        "layer_02.bin": 1,
        "layer_03.bin": 0,
    }


def test_a_file_that_lost_data_is_told(tmp_path: Path) -> None:
    with (
        LayerFiles(tmp_path, 1) as files,
        pytest.raises(StoreError, match=r"layer_01.bin has 0 bytes, 64 were written"),
    ):
        files.cut(4)


def test_missing_nodes_are_computed_again(tmp_path: Path) -> None:
    everything = ENGINE.extend(Frontier(STATEMENT), 13, 0)
    with LayerFiles(tmp_path, 2) as files:
        files.append(ENGINE.extend(Frontier(STATEMENT), 13, 2))
        layers = SparseLayers(files, 13, STATEMENT, ENGINE)

        for height, nodes in everything.items():
            found = [layers.find_node(height, k) for k in range(13 >> height)]
            assert b"".join(node or b"" for node in found) == nodes
        assert layers.find_node(2, 3) is None
        assert layers.find_node(0, 13) is None


def test_a_layer_that_ends_too_early_is_told(tmp_path: Path) -> None:
    with LayerFiles(tmp_path, 1) as files:
        layers = SparseLayers(files, 4, STATEMENT, ENGINE)

        with pytest.raises(StoreError, match="layer 1 ends before leaf 2"):
            layers.find_node(0, 2)
