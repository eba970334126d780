"""Asking again for layers that the tortoise cannot decide."""

import asyncio
from pathlib import Path

from node.base.errors import IgnoreError, UnavailableError
from node.config.durations import Nanoseconds
from node.config.model.sync import SyncerConfig
from node.net.fetch.wire import LAYER_DATA
from node.store.ballots import count_ballots
from node.sync.layers import ASKED_PEERS
from node.sync.revisits import REVISITED_LAYERS
from node.types.ids import BallotID
from node.types.layer import LayerID
from tests.support.sync import NS, PlainMesh, ScriptedPeer, SyncWorld, key_of

LAYER = LayerID(11)
STALE = SyncerConfig(max_stale_duration=Nanoseconds(10 * NS))


def counts(world: SyncWorld) -> list[int]:
    return [peer.count(LAYER_DATA) for peer in world.others]


def layers_asked(peer: ScriptedPeer) -> list[int]:
    return [request.layer for protocol, request in peer.asked if protocol == LAYER_DATA]


def test_the_ballots_of_every_peer_come_in_but_once(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=ASKED_PEERS + 2, config=STALE)
    ballots = world.give_ballots(LAYER, ASKED_PEERS + 2)
    for peer, ballot in zip(world.others, ballots, strict=True):
        peer.ballots[LAYER] = (ballot,)

    async def main() -> None:
        revisits = world.downloads.revisits
        await revisits.revisit(LAYER, LAYER)
        assert count_ballots(world.db, LAYER) == ASKED_PEERS
        await revisits.revisit(LAYER, LAYER)
        assert count_ballots(world.db, LAYER) == ASKED_PEERS + 2
        await revisits.revisit(LAYER, LAYER)

    world.run(main)
    assert counts(world) == [1] * len(world.others)


def test_an_old_answer_is_asked_for_again(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, peers=1, config=STALE)

    async def main() -> None:
        revisits = world.downloads.revisits
        await revisits.revisit(LAYER, LAYER)
        await asyncio.sleep(9)
        await revisits.revisit(LAYER, LAYER)
        assert counts(world) == [1]
        await asyncio.sleep(2)
        await revisits.revisit(LAYER, LAYER)
        assert counts(world) == [2]

    world.run(main)


def test_what_was_told_of_decided_layers_is_forgotten(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, config=STALE)

    async def main() -> None:
        revisits = world.downloads.revisits
        await revisits.revisit(LayerID(9), LAYER)
        await revisits.revisit(LAYER, LAYER)
        assert set(revisits._told) == {LAYER}

    world.run(main)


def test_a_silent_peer_costs_one_request_in_a_round(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, config=STALE)
    silent, *others = world.others
    silent.silent.add(LAYER_DATA)

    async def main() -> None:
        await world.downloads.revisits.revisit(LayerID(9), LAYER)
        assert layers_asked(silent) == [9]
        assert [layers_asked(peer) for peer in others] == [[9, 10, 11]] * 2
        silent.silent.clear()
        await world.downloads.revisits.revisit(LayerID(9), LAYER)

    world.run(main)
    assert layers_asked(silent) == [9, 9, 10, 11]
    assert [layers_asked(peer) for peer in others] == [[9, 10, 11]] * 2


def test_a_round_ends_when_nobody_answers(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, config=STALE)
    for peer in world.others:
        peer.silent.add(LAYER_DATA)

    async def main() -> None:
        await world.downloads.revisits.revisit(LayerID(9), LAYER)

    world.run(main)
    assert counts(world) == [1, 1, 1]


def test_what_failed_is_asked_for_in_the_next_round_but_not_what_was_refused(
    tmp_path: Path,
) -> None:
    world = SyncWorld(tmp_path, peers=1, config=STALE)
    failing, _ = world.give_ballots(LayerID(10))
    refused, _ = world.give_ballots(LAYER)
    world.refused[key_of(failing)] = UnavailableError("busy")
    world.refused[key_of(refused)] = IgnoreError("not for us")

    async def main() -> None:
        revisits = world.downloads.revisits
        await revisits.revisit(LayerID(10), LAYER)
        world.refused.clear()
        await revisits.revisit(LayerID(10), LAYER)
        assert count_ballots(world.db, LayerID(10)) == 2
        assert count_ballots(world.db, LAYER) == 1

    world.run(main)
    assert layers_asked(world.others[0]) == [10, 11, 10]


def test_a_round_is_bounded_and_the_next_goes_on(tmp_path: Path) -> None:
    world = SyncWorld(
        tmp_path, peers=1, config=SyncerConfig(max_stale_duration=Nanoseconds(3600 * NS))
    )

    async def main() -> None:
        last = LayerID(REVISITED_LAYERS + 20)
        await world.downloads.revisits.revisit(LayerID(1), last)
        assert layers_asked(world.others[0]) == list(range(1, REVISITED_LAYERS + 1))
        await world.downloads.revisits.revisit(LayerID(1), last)
        assert layers_asked(world.others[0]) == list(range(1, last + 1))

    world.run(main)


def test_layers_that_stay_undecided_are_completed_in_the_course_of_catching_up(
    tmp_path: Path,
) -> None:
    mesh = PlainMesh(latest=LayerID(11), processed=LayerID(11), undecided=LayerID(8))
    world = SyncWorld(tmp_path, mesh=mesh)
    ballots = world.give_ballots(9)

    def then() -> None:
        assert count_ballots(world.db, LayerID(9)) == 2

    world.serve(4, then)
    assert ballots[0] in world.others[0].ballots[9]
    assert {8, 9} <= set(layers_asked(world.others[0]))


def test_decided_layers_are_not_asked_for_again(tmp_path: Path) -> None:
    mesh = PlainMesh(latest=LayerID(11), processed=LayerID(11), undecided=LayerID(10))
    world = SyncWorld(tmp_path, mesh=mesh)
    world.serve(4)
    assert counts(world) == [0, 0, 0]


def test_nothing_is_asked_for_while_there_is_much_to_process(tmp_path: Path) -> None:
    mesh = PlainMesh(latest=LayerID(11), processed=LayerID(9), undecided=LayerID(8))
    world = SyncWorld(tmp_path, mesh=mesh)
    world.service._last_synced = LayerID(11)

    async def main() -> None:
        await world.service._revisit_layers()

    world.run(main)
    assert counts(world) == [0, 0, 0]


def test_who_lists_what_does_not_exist_is_dropped_here_too(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, config=STALE)
    world.give_ballots(LAYER)
    world.others[0].ballots[LAYER] = (BallotID(b"\7" * 20),)

    async def main() -> None:
        await world.downloads.revisits.revisit(LAYER, LAYER)
        assert count_ballots(world.db, LAYER) == 2

    world.run(main)
    assert [world.end.has_dropped(peer.name) for peer in world.others] == [True, False, False]
