"""The work tree's nodes on disk: one file for each layer, appended to as the work goes on.

    <directory>/layer_05.bin    the nodes of height 5, 32 bytes each, in order

Layers below the lowest kept one are not stored: whoever needs such a node computes the
subtree again (:class:`SparseLayers`), which is a matter of a few thousand labels.

Source: PoET digest sections 8 and 12.3.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final, Self

from node.base.errors import StoreError
from node.poet.tree import NODE_SIZE
from node.poet.work import Engine, Frontier
from node.runtime.files import sync_folder

LOWEST_KEPT: Final = 5
"""Below this layer files would be larger than they are useful: 32 leaves take 0.5 ms."""
HEIGHT_OF_LAYERS_KEPT: Final = 26
"""So many layers are kept of a large tree: 2^27 nodes at most, 4 GiB."""


def choose_keep_from(expected_leaves: int, engine: Engine) -> int:
    """Return the lowest layer to keep for work of about this size.

    What is not kept must be computed again when the round ends, while nodes wait.
    """
    wanted = expected_leaves.bit_length() - HEIGHT_OF_LAYERS_KEPT
    return min(max(wanted, LOWEST_KEPT), engine.deepest_layer)


class LayerFiles:
    """Files of the layers from ``keep_from`` on."""

    def __init__(self, directory: Path, keep_from: int) -> None:
        self.keep_from = keep_from
        self._directory = directory
        self._files: dict[int, BinaryIO] = {}
        self._changed: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def cut(self, leaf_count: int) -> None:
        """Drop what was appended after the tree had ``leaf_count`` leaves.

        Raises:
            StoreError: a file is shorter than it was then.
        """
        for height in range(self.keep_from, max(self.keep_from, leaf_count.bit_length())):
            size = (leaf_count >> height) * NODE_SIZE
            found = os.fstat(self._file(height).fileno()).st_size
            if found < size:
                raise StoreError(
                    f"{self._path(height)} has {found} bytes, {size} were written",
                    hint="the disk lost data; remove the folder to do the round's work anew",
                )
        for path in self._directory.glob("layer_*.bin"):
            height = int(path.stem.removeprefix("layer_"))
            os.truncate(path, (leaf_count >> height) * NODE_SIZE)

    def append(self, layers: Mapping[int, bytes]) -> None:
        """Append new nodes, by layer."""
        for height, nodes in layers.items():
            self._file(height).write(nodes)
            self._changed.add(height)

    def sync(self) -> None:
        """Have everything on disk before this returns."""
        for height in sorted(self._changed):
            file = self._files[height]
            file.flush()
            os.fsync(file.fileno())
        self._changed.clear()
        sync_folder(self._directory)

    def find_node(self, height: int, index: int) -> bytes | None:
        """Return a kept node; see NodeSource."""
        file = self._file(height)
        file.flush()
        node = os.pread(file.fileno(), NODE_SIZE, index * NODE_SIZE)
        return node if len(node) == NODE_SIZE else None

    def _file(self, height: int) -> BinaryIO:
        if height not in self._files:
            self._files[height] = self._path(height).open("a+b")
        return self._files[height]

    def _path(self, height: int) -> Path:
        return self._directory / f"layer_{height:02}.bin"


class SparseLayers:
    """Every complete node of a tree of which only the upper layers are kept."""

    def __init__(self, kept: LayerFiles, leaf_count: int, statement: bytes, engine: Engine) -> None:
        self._kept = kept
        self._leaf_count = leaf_count
        self._statement = statement
        self._engine = engine
        self._subtrees: dict[int, dict[int, bytes]] = {}

    def find_node(self, height: int, index: int) -> bytes | None:
        """See NodeSource."""
        if (index + 1) << height > self._leaf_count:
            return None
        if height >= self._kept.keep_from:
            return self._kept.find_node(height, index)
        levels_down = self._kept.keep_from - height
        subtree = index >> levels_down
        start = (index - (subtree << levels_down)) * NODE_SIZE
        return self._subtree(subtree)[height][start : start + NODE_SIZE]

    def _subtree(self, number: int) -> dict[int, bytes]:
        """Compute the layers under node ``number`` of the lowest kept layer again."""
        if number not in self._subtrees:
            first = number << self._kept.keep_from
            count = min(1 << self._kept.keep_from, self._leaf_count - first)
            frontier = Frontier(self._statement, first)
            for height in range(self._kept.keep_from, first.bit_length()):
                if first >> height & 1:
                    node = self._kept.find_node(height, (first >> height) - 1)
                    if node is None:
                        raise StoreError(f"layer {height} ends before leaf {first}")
                    frontier.park(height, node)
            self._subtrees[number] = self._engine.extend(frontier, count, 0)
        return self._subtrees[number]
