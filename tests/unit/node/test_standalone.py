import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from node.base.errors import ConfigError, PreconditionError, RejectError
from node.config.durations import Instant
from node.config.load import Override, Places, load_config
from node.config.model.root import NodeConfig
from node.layer_ticker import SystemClock
from node.poet.prover import InlineProver
from node.poet.work import ClearEngine
from node.post.difficulty import compute_vrf_difficulty
from node.post.labels import MAX_INDEX
from node.standalone import (
    LAST_PART,
    SourceNonces,
    Standalone,
    check_standalone,
    keep_beacons,
    keep_coins,
    open_standalone,
    poet_schedule,
)
from node.store.layers import find_weak_coin, put_weak_coin
from node.types.ids import AtxID, SmesherID
from node.types.layer import EpochID, LayerID

NS = 10**9
COINBASE = "standalone1qqqqqqp3qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqvqtwcg"
FAR_AWAY = 4_000_000_000 * NS
"""Genesis in the year 2096: nothing happens in these tests."""


def _config(folder: Path, **settings: str) -> NodeConfig:
    values = {
        "genesis.genesis-time": str(Instant(FAR_AWAY)),
        "main.data-folder": str(folder / "data"),
        "main.filelock": str(folder / "data" / "LOCK"),
        "smeshing.smeshing-opts.smeshing-opts-datadir": str(folder / "post"),
        "smeshing.smeshing-opts.smeshing-opts-scrypt.N": "2",
        **{key.replace("__", "."): value for key, value in settings.items()},
    }
    return load_config(
        places=Places(home=folder, temporary=folder),
        preset="standalone",
        flags=[Override(key, value, "test") for key, value in values.items()],
    ).config


@asynccontextmanager
async def _opened(config: NodeConfig) -> AsyncIterator[Standalone]:
    async with open_standalone(
        config, clock=SystemClock(), poet_prover=InlineProver(ClearEngine())
    ) as standalone:
        yield standalone


def test_a_network_of_several_machines_is_refused(tmp_path: Path) -> None:
    config = _config(tmp_path)
    several = replace_main(config, standalone=False)
    with pytest.raises(ConfigError, match="one process only") as failed:
        check_standalone(several)
    assert failed.value.hint


def replace_main(config: NodeConfig, **changed: object) -> NodeConfig:
    return msgspec.structs.replace(config, main=msgspec.structs.replace(config.main, **changed))


def test_a_genesis_time_is_needed(tmp_path: Path) -> None:
    config = _config(tmp_path)
    without = msgspec.structs.replace(
        config, genesis=msgspec.structs.replace(config.genesis, genesis_time=None)
    )
    with pytest.raises(ConfigError, match="genesis-time is not set"):
        check_standalone(without)


async def test_a_new_folder_gets_an_identity_and_a_first_beacon(tmp_path: Path) -> None:
    config = _config(tmp_path)
    async with _opened(config) as standalone:
        node = standalone.node
        (first,) = node.environment.identities.signers()
        assert node.beacon.find_beacon(EpochID(2)) == node.genesis_id[:4]
        assert (tmp_path / "data" / "genesis.json").exists()
        backend = standalone.api_backend("1")
        assert backend.genesis_id == node.genesis_id
        assert backend.peers() == 0
        assert backend.smeshing.is_smeshing
    async with _opened(config) as again:
        (second,) = again.node.environment.identities.signers()
        assert second.smesher_id == first.smesher_id


async def test_a_start_tells_the_tortoise_the_first_beacon_again(tmp_path: Path) -> None:
    config = _config(tmp_path)
    for _ in range(2):
        async with _opened(config) as standalone:
            node = standalone.node
            expected = node.beacon.find_beacon(EpochID(2))
            assert expected is not None
            assert node.tortoise._state.epoch(EpochID(2)).beacon == expected


async def test_a_stop_leaves_no_epoch_without_a_beacon(tmp_path: Path) -> None:
    started_ns = SystemClock().now_ns() - 245 * NS
    config = _config(tmp_path, **{"genesis__genesis-time": str(Instant(started_ns // NS * NS))})
    async with _opened(config) as standalone:
        found = [standalone.node.beacon.find_beacon(EpochID(epoch)) for epoch in (2, 4, 5)]
        assert None not in found
        assert len(set(found)) == 3
        assert standalone.node.beacon.find_beacon(EpochID(6)) is None


class EndedError(Exception):
    """The time of a test is over."""


class Leaping:
    """A clock that is where one wants to sleep until, for a while."""

    def __init__(self, now_ns: int, ends_ns: int) -> None:
        self._now_ns = now_ns
        self._ends_ns = ends_ns

    def now_ns(self) -> int:
        return self._now_ns

    async def sleep_until(self, instant_ns: int) -> None:
        if instant_ns > self._ends_ns:
            raise EndedError
        self._now_ns = instant_ns


async def test_an_epoch_without_atxs_does_not_take_the_next_one_along(tmp_path: Path) -> None:
    clock = Leaping(FAR_AWAY, FAR_AWAY + 290 * NS)
    prover = InlineProver(ClearEngine())
    async with open_standalone(_config(tmp_path), clock=clock, poet_prover=prover) as standalone:
        beacon = standalone.node.beacon
        assert beacon.find_beacon(EpochID(3)) is None
        with pytest.raises(EndedError):
            await keep_beacons(standalone.node)
        found = [beacon.find_beacon(EpochID(epoch)) for epoch in (2, 3, 4)]
        assert None not in found
        assert len(set(found)) == 3
        assert beacon.find_beacon(EpochID(5)) is None


async def test_no_layer_ends_without_a_weak_coin(tmp_path: Path) -> None:
    first = 20
    clock = Leaping(FAR_AWAY + first * 6 * NS, FAR_AWAY + (first + 4) * 6 * NS)
    prover = InlineProver(ClearEngine())
    async with open_standalone(_config(tmp_path), clock=clock, poet_prover=prover) as standalone:
        node = standalone.node
        thrown = LayerID(first + 1)
        with node.db.batch() as batch:
            put_weak_coin(batch, thrown, coin=True)
        with pytest.raises(EndedError):
            await keep_coins(node)
        coins = [find_weak_coin(node.db, LayerID(number)) for number in range(19, 25)]
        assert (coins[0], coins[2], coins[5]) == (None, True, None)
        assert None not in coins[1:5]
        assert (clock.now_ns() - FAR_AWAY) % (6 * NS) == 6 * NS - 6 * NS // LAST_PART


async def test_a_folder_belongs_to_one_network(tmp_path: Path) -> None:
    async with _opened(_config(tmp_path)):
        pass
    other = _config(tmp_path, **{"genesis__genesis-extra-data": "other"})
    with pytest.raises(ConfigError):
        async with _opened(other):
            pass


async def test_a_folder_is_used_by_one_process(tmp_path: Path) -> None:
    config = _config(tmp_path)
    async with _opened(config):
        with pytest.raises(PreconditionError):
            async with _opened(config):
                pass


@pytest.mark.parametrize("key", ["data-folder", "filelock"])
async def test_a_place_that_cannot_be_used_is_named(tmp_path: Path, key: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    config = _config(tmp_path, **{f"main__{key}": str(file / "inside")})
    with pytest.raises(ConfigError, match=r"file/inside cannot be used: ") as failed:
        async with _opened(config):
            pass
    assert (failed.value.path, failed.value.code) == (f"main.{key}", "smesh.config.folder")
    assert key in failed.value.hint


async def test_rewards_need_an_account(tmp_path: Path) -> None:
    config = _config(tmp_path, **{"smeshing__smeshing-coinbase": ""})
    with pytest.raises(ConfigError, match="no coinbase account provided"):
        async with _opened(config):
            pass


async def test_without_smeshing_nothing_is_initialised(tmp_path: Path) -> None:
    config = _config(tmp_path, **{"smeshing__smeshing-start": "false"})
    async with _opened(config) as standalone:
        assert not standalone.supervised.is_smeshing


@pytest.mark.slow
async def test_everything_runs_until_it_is_cancelled(tmp_path: Path) -> None:
    async with _opened(_config(tmp_path)) as standalone:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await standalone.run()


def test_rounds_of_the_poet_follow_the_epochs(tmp_path: Path) -> None:
    schedule = poet_schedule(_config(tmp_path), FAR_AWAY)
    assert schedule.epoch_ns == 60 * NS
    assert schedule.genesis_ns == FAR_AWAY


class OneLabel:
    """A source whose every label is the same."""

    def __init__(self, label: bytes) -> None:
        self.label = label
        self.asked = 0

    async def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        self.asked += 1
        return self.label * count

    async def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        self.asked += 1
        return self.label * len(indices)


async def test_vrf_nonces_are_judged_by_their_label() -> None:
    smesher, commitment = SmesherID(b"s" * 32), AtxID(b"c" * 32)
    assert compute_vrf_difficulty(64)
    good = OneLabel(bytes(32))
    await SourceNonces(source=good).check_nonce(smesher, commitment, num_labels=64, nonce=7)
    assert good.asked == 1
    bad = OneLabel(b"\xff" * 32)
    with pytest.raises(RejectError, match="nonce"):
        await SourceNonces(source=bad).check_nonce(smesher, commitment, num_labels=64, nonce=7)
    with pytest.raises(RejectError, match="invalid labels range"):
        await SourceNonces(source=bad).check_nonce(
            smesher, commitment, num_labels=64, nonce=MAX_INDEX
        )
    assert bad.asked == 1
