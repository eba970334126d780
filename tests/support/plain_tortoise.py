"""The tortoise counted ballot by ballot: slow and clear, to compare the fast one with."""

from node.consensus.atxdata import AtxData
from node.consensus.tortoise.ballots import BAD_BEACON, MALICIOUS, BallotGroup
from node.consensus.tortoise.full import FullMode
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.parameters import TortoiseParameters
from node.consensus.tortoise.verifying import VerifyingMode
from node.consensus.tortoise.votes import BlockInfo, VoteNode


class PlainVerifyingMode(VerifyingMode):
    """Counts each ballot again when opinions change."""

    def recount_after(self, layer: int) -> None:
        state = self._state
        start = state.layer(layer).good_uncounted
        self.total_good = start
        for number in range(layer + 1, state.processed + 1):
            state.layer(number).good_uncounted = start
        for number in range(layer + 1, state.processed + 1):
            for group, row in state.layer(number).rows():
                self.count(group, row)


class PlainFullMode(FullMode):
    """Adds the votes of each ballot at once."""

    def count(self, group: BallotGroup, row: int) -> None:
        if group.marks[row] & BAD_BEACON:
            release = group.layer + self._state.parameters.bad_beacon_delay_layers
            if release > self._state.last:
                self._delayed.setdefault(release, []).append((group, row))
                return
        if group.marks[row] & MALICIOUS:
            return
        weight, height = group.weight(row), group.references[row].height
        node = group.votes_of(row)
        while node is not None and node.layer > self._state.evicted:
            if not node.abstain:
                self._add(node, weight, height)
            node = node.previous

    def _add(self, node: VoteNode, weight: int, height: int) -> None:
        layer = self._state.layer(node.layer)
        supports_any = False
        for block in layer.blocks:
            if block.height > height:
                continue
            if any(supported is block for supported in node.supported):
                supports_any = True
                block.margin += weight
            else:
                block.margin -= weight
        layer.empty += -weight if supports_any else weight

    def add_late_block(self, block: BlockInfo) -> None:
        state = self._state
        state.insert_block(block)
        for number in range(block.layer + 1, self.counted + 1):
            for group, row in state.layer(number).rows():
                if block.height > group.references[row].height:
                    continue
                node = group.votes_of(row)
                while node is not None and node.layer >= block.layer:
                    if node.layer == block.layer and not node.abstain:
                        block.margin -= group.weight(row)
                    node = node.previous


def plain_tortoise(parameters: TortoiseParameters, atx_data: AtxData) -> Tortoise:
    """Return a tortoise that counts ballot by ballot."""
    tortoise = Tortoise(parameters, atx_data)
    tortoise._verifying = PlainVerifyingMode(tortoise._state, tortoise._thresholds)
    tortoise._full = PlainFullMode(tortoise._state, tortoise._thresholds)
    return tortoise
