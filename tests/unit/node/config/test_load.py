"""Layers of a configuration, and what is refused."""

import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest

from node.base.errors import ConfigError
from node.config.durations import MAX_DURATION, MINUTE, SECOND, Instant, Nanoseconds
from node.config.genesis import genesis_id
from node.config.load import (
    IGNORED,
    OURS,
    PRESET_FOLDER,
    PRESETS,
    LoadedConfig,
    Override,
    Places,
    _decode,
    load_config,
    to_tree,
)
from node.config.model.consensus import CommitteeUpgrade, EpochWeight, WindowInterval
from node.config.model.node import PoetServer
from node.config.model.root import NodeConfig
from node.config.model.smeshing import CPU_PROVIDER, PowDifficulty
from node.config.schema import leaves
from node.types.layer import LayerID

PLACES = Places(home=Path("/home/alice"), temporary=Path("/tmp"))
DATA = Path(__file__).parents[3] / "data" / "config"


def load_tree(tree: Mapping[str, object], folder: Path, *, lenient: bool = False) -> LoadedConfig:
    file = folder / "config.json"
    file.write_text(json.dumps(tree), encoding="utf-8")
    return load_config(places=PLACES, file=file, lenient=lenient)


def test_without_anything_a_node_runs_on_mainnet() -> None:
    loaded = load_config(places=PLACES)
    config = loaded.config

    assert loaded.preset == config.preset == "mainnet"
    assert config.main.layer_duration == 5 * MINUTE
    assert config.main.layers_per_epoch == 4032
    assert config.main.data_folder == "/home/alice/spacemesh"
    assert config.main.filelock == "/tmp/spacemesh.lock"
    assert config.main.post_valid_delay == MAX_DURATION
    assert config.hare3.committee_upgrade == CommitteeUpgrade(layer=105_720, size=50)
    assert config.tortoise.historical_window_sizes == (WindowInterval(end=30_000, window=10_000),)
    assert config.tortoise.minimal_active_set_weight == (EpochWeight(weight=1_000_000),)
    assert config.beacon.q == Fraction(1, 3)
    assert len(config.main.poet_servers) == 5
    assert {len(server.pubkey) for server in config.main.poet_servers} == {32}
    assert len(config.p2p.bootnodes) == 10
    assert config.post.pow_difficulty.hex().startswith("000dfb23b0979b4b0000")
    assert (len(config.genesis.accounts), sum(config.genesis.accounts.values())) == (
        28,
        150_000_000 * 10**9,
    )
    assert config.genesis.genesis_time is not None
    assert genesis_id(config.genesis.genesis_time, config.genesis.extra_data).hex() == (
        "9eebff023abb17ccb775c602daade8ed708f0a50"
    )


def test_the_standalone_preset_is_a_quick_network() -> None:
    config = load_config(places=PLACES, preset="standalone").config

    assert config.main.standalone
    assert config.main.layer_duration == 6 * SECOND
    assert config.main.layers_per_epoch == 10
    assert config.main.network_hrp == "standalone"
    assert config.main.poet_servers == (PoetServer(address="http://127.0.0.1:10010"),)
    assert (config.post.labels_per_unit, config.post.k3) == (64, 1)
    assert (config.poet.phase_shift, config.poet.cycle_gap) == (30 * SECOND, 30 * SECOND)
    assert config.hare3.round_duration == 100_000_000
    assert config.smeshing.opts.provider == CPU_PROVIDER
    assert config.smeshing.opts.data_dir == "/tmp/spacemesh"
    assert config.genesis.genesis_time is None
    assert config.tortoise.window_size == 1000


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_loads_and_uses_the_names_of_the_model(name: str) -> None:
    loaded = load_config(places=PLACES, preset=name)

    assert loaded.preset == name
    assert loaded.ignored == ()
    assert loaded.origin("main.layer-duration").name == name


def test_the_presets_are_those_of_the_source_tree() -> None:
    configs = Path(__file__).parents[4] / "configs"

    assert {file.name for file in PRESET_FOLDER.glob("*.toml")} == {
        file.name for file in configs.glob("*.toml")
    }


@pytest.mark.parametrize("name", ["go-standalone-chain.json", "go-fastnet-hare4.json"])
def test_the_file_of_a_go_node_loads_unchanged(name: str) -> None:
    file = DATA / name
    written = json.loads(file.read_text(encoding="utf-8"))
    loaded = load_config(places=PLACES, file=file)

    assert loaded.preset == written["preset"]
    assert loaded.config.genesis.accounts == written["genesis"]["accounts"]
    assert loaded.config.genesis.genesis_time == Instant.parse(written["genesis"]["genesis-time"])
    assert loaded.config.main.block_gas_limit == written["main"]["block-gas-limit"]
    assert loaded.config.p2p.listen == (written["p2p"]["listen"],)
    assert loaded.config.hare3.round_duration == Nanoseconds.parse(
        written["hare3"]["round-duration"]
    )


def test_later_layers_win_and_everyone_is_remembered(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        'preset = "standalone"\n[main]\nlayer-duration = "7s"\n[Hare4]\nENABLE = true\n',
        encoding="utf-8",
    )
    loaded = load_config(
        places=PLACES,
        file=file,
        environment={"SPACEMESH_MAIN__LAYER_DURATION": "8s", "HOME": "/root", "SPACEMESH_X": "y"},
        flags=(Override("MAIN.layer-duration", "9s", "--layer-duration"),),
    )

    assert loaded.config.main.layer_duration == 9 * SECOND
    assert loaded.config.hare4.enable
    assert [(str(s.origin), s.value) for s in loaded.explain("main.layer-duration")] == [
        ("default", "30s"),
        ("preset standalone", "6s"),
        (f"file {file}", "7s"),
        ("environment SPACEMESH_MAIN__LAYER_DURATION", "8s"),
        ("flag --layer-duration", "9s"),
    ]
    assert str(loaded.origin("hare4.enable")) == f"file {file}"
    assert str(loaded.origin("main.tick-size")) == "default"


def test_a_preset_flag_beats_the_one_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text('{"preset": "fastnet"}', encoding="utf-8")

    assert load_config(places=PLACES, file=file).config.main.layers_per_epoch == 4
    assert load_config(places=PLACES, file=file, preset="standalone").preset == "standalone"


def test_values_may_be_texts_as_in_the_reference(tmp_path: Path) -> None:
    config = load_tree(
        {
            "main": {
                "metrics": "true",
                "layers-per-epoch": "12",
                "block-gas-limit": "18446744073709551615",
                "layer-duration": 5_000_000_000,
                "atx-versions": {"5": 2},
                "poet-servers": '[{"address": "http://p", "PubKey": "AAAA"}]',
                "db-skip-migrations": "1, 2",
            },
            "genesis": {"accounts": "sm1a=5,sm1b=6", "genesis-time": None},
            "p2p": {"listen": "/ip4/1.2.3.4/tcp/1, /ip4/1.2.3.4/tcp/2", "bootnodes": ""},
            "smeshing": {"smeshing-opts": {"smeshing-opts-provider": ""}},
            "poet": {"retry-delay": "1000"},
            "hare4": None,
            "fetch": {"servers": {"hs/1": {"Queue": 5}}},
            "beacon": {"beacon-q": "2/6"},
        },
        tmp_path,
    ).config

    assert config.main.metrics
    assert config.main.layers_per_epoch == 12
    assert config.main.block_gas_limit == 2**64 - 1
    assert config.main.layer_duration == 5 * SECOND
    assert config.main.atx_versions == {5: 2}
    assert config.main.poet_servers == (PoetServer(address="http://p", pubkey=b"\0\0\0"),)
    assert config.main.db_skip_migrations == (1, 2)
    assert config.genesis.accounts == {"sm1a": 5, "sm1b": 6}
    assert config.p2p.listen == ("/ip4/1.2.3.4/tcp/1", "/ip4/1.2.3.4/tcp/2")
    assert config.p2p.bootnodes == ()
    assert config.smeshing.opts.provider is None
    assert config.poet.retry_delay == 1000
    assert config.fetch.servers["hs/1"].queue == 5
    assert config.beacon.q == Fraction(1, 3)


def test_toml_may_use_its_own_times(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[genesis]\ngenesis-time = 2026-01-01T00:00:00Z\n", encoding="utf-8")

    loaded = load_config(places=PLACES, file=file)

    assert str(loaded.config.genesis.genesis_time) == "2026-01-01T00:00:00Z"


def test_paths_are_expanded_only_at_their_beginning(tmp_path: Path) -> None:
    config = load_tree({"main": {"data-folder": "~", "filelock": "/a/~/<tmp>"}}, tmp_path).config

    assert config.main.data_folder == "/home/alice"
    assert config.main.filelock == "/a/~/<tmp>"


@pytest.mark.parametrize(
    ("tree", "path", "message", "hint"),
    [
        pytest.param(
            {"p2p": {"min-peer": 3}},
            "p2p.min-peer",
            "unknown key p2p.min-peer",
            "did you mean p2p.min-peers?",
            id="near miss",
        ),
        pytest.param(
            {"min-peers": 3},
            "min-peers",
            "unknown key min-peers",
            "did you mean p2p.min-peers?",
            id="in another section",
        ),
        pytest.param(
            {"main": {"qqq": 1}}, "main.qqq", "unknown key main.qqq", "", id="nothing like"
        ),
        pytest.param(
            {"main": {"poet-servers": [{"adress": "x"}]}},
            "main.poet-servers[0].adress",
            "unknown key main.poet-servers[0].adress",
            "did you mean main.poet-servers[0].address?",
            id="in a list",
        ),
        pytest.param(
            {"main": {"poet-server": "x"}},
            "main.poet-server",
            "main.poet-server is no longer used",
            'write poet-servers = [{ address = "...", pubkey = "..." }] instead',
            id="deprecated",
        ),
        pytest.param({"main": 5}, "main", "main is a section, not a value", "", id="section"),
        pytest.param(
            {"hare3": {"round-duration": "5x"}},
            "hare3.round-duration",
            'unknown unit "x" in duration "5x" (file',
            "",
            id="duration",
        ),
        pytest.param(
            {"hare3": {"round-duration": 1.5}},
            "hare3.round-duration",
            "1.5 is no duration",
            "",
            id="float duration",
        ),
        pytest.param(
            {"hare3": {"round-duration": []}},
            "hare3.round-duration",
            "[] is not a duration",
            "",
            id="list as duration",
        ),
        pytest.param(
            {"main": {"block-gas-limit": 2**64}},
            "main.block-gas-limit",
            "18446744073709551616 does not fit into 64 bits",
            "",
            id="over 64 bits",
        ),
        pytest.param(
            {"main": {"layers-per-epoch": -1}},
            "main.layers-per-epoch",
            "expected `int` >= 0",
            "",
            id="negative",
        ),
        pytest.param(
            {"main": {"atx-versions": {"a": 2}}},
            "main.atx-versions",
            "expected `int`, got `str`",
            "",
            id="key of a table",
        ),
        pytest.param(
            {"main": {"poet-servers": "[{"}}, "main.poet-servers", "Expecting", "", id="bad JSON"
        ),
        pytest.param(
            {"logging": {"log-encoder": "xml"}},
            "logging.log-encoder",
            "invalid enum value 'xml'",
            "one of 'console', 'json'",
            id="not a choice",
        ),
        pytest.param(
            {"post": {"post-pow-difficulty": "ff"}},
            "post.post-pow-difficulty",
            "1 bytes, want 32",
            "",
            id="short difficulty",
        ),
        pytest.param(
            {"beacon": {"beacon-q": "1/0"}},
            "beacon.beacon-q",
            "1/0 divides by zero",
            "",
            id="fraction",
        ),
        pytest.param(
            {"genesis": {"genesis-time": 5}},
            "genesis.genesis-time",
            "5 is not an RFC 3339 time",
            "",
            id="time",
        ),
        pytest.param(
            {"p2p": {"listen": {"a": 1}}}, "p2p.listen", "expected `array`", "", id="table as list"
        ),
        pytest.param(
            {"genesis": {"accounts": [1]}},
            "genesis.accounts",
            "expected `object`",
            "",
            id="list as table",
        ),
        pytest.param(
            {"preset": "mainet"}, "preset", "unknown preset", "did you mean mainnet?", id="preset"
        ),
        pytest.param(
            {"preset": "devnet"},
            "preset",
            "unknown preset 'devnet'",
            "there are mainnet, testnet, fastnet, standalone",
            id="no such preset",
        ),
    ],
)
def test_what_is_wrong_is_named(
    tree: dict[str, object], path: str, message: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_tree(tree, tmp_path)

    assert caught.value.path == path
    assert message in str(caught.value)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[main\n", "Expected ']'"),
        (b'{"main": {}', "Expecting"),
        (b'{"hare3": {"x": NaN}}', "NaN is not a number"),
        (b"\xff\xfe", "codec can't decode"),
    ],
)
def test_files_that_are_neither_toml_nor_json(content: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_bytes(content)

    with pytest.raises(ConfigError, match=r"config") as caught:
        load_config(places=PLACES, file=file)

    assert problem in str(caught.value)
    assert caught.value.code == "smesh.config.file"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"opening config file: .*absent\.toml"):
        load_config(places=PLACES, file=tmp_path / "absent.toml")


def test_variables_and_flags_that_name_no_key() -> None:
    environment = {"SPACEMESH_MAIN__LAYER_DURATON": "5s"}
    flags = (Override("main.layer-duraton", "5s", "--set"),)

    with pytest.raises(ConfigError) as caught:
        load_config(places=PLACES, environment=environment)
    assert caught.value.hint == "did you mean SPACEMESH_MAIN__LAYER_DURATION?"
    with pytest.raises(ConfigError) as caught:
        load_config(places=PLACES, flags=flags)
    assert caught.value.hint == "did you mean main.layer-duration?"

    loaded = load_config(places=PLACES, environment=environment, flags=flags, lenient=True)
    assert loaded.unknown == ("SPACEMESH_MAIN__LAYER_DURATON", "main.layer-duraton")


def test_unknown_keys_can_be_tolerated(tmp_path: Path) -> None:
    loaded = load_tree({"main": {"metric": True}, "web": {}}, tmp_path, lenient=True)

    assert loaded.unknown == ("main.metric", "web")


def test_keys_without_effect_are_reported_with_a_reason(tmp_path: Path) -> None:
    loaded = load_tree({"main": {"db-connections": 3}, "api": {"db-connections": 3}}, tmp_path)

    assert loaded.ignored == ("main.db-connections", "api.db-connections")
    assert "LevelDB" in IGNORED["main.db-connections"]


def test_the_tables_of_keys_name_keys() -> None:
    assert set(IGNORED) | OURS <= {leaf.path for leaf in leaves().values()}


def test_a_configuration_survives_its_own_tree(tmp_path: Path) -> None:
    config = load_config(places=PLACES).config
    tree = to_tree(config)

    assert tree["main"]["layer-duration"] == "5m0s"
    assert tree["post"]["post-pow-difficulty"] == config.post.pow_difficulty.hex()
    assert tree["genesis"]["genesis-time"] == "2023-07-14T08:00:00Z"
    assert load_tree(tree, tmp_path).config == config


def test_the_clock_face_comes_from_the_configuration(tmp_path: Path) -> None:
    time = load_config(places=PLACES).config.layer_time(LayerID(500))

    assert time.genesis_ns == 1_689_321_600 * SECOND
    assert (time.layer_duration_ns, time.layers_per_epoch) == (5 * MINUTE, 4032)
    assert time.effective_genesis == 499
    with pytest.raises(ValueError, match="genesis-time is not set"):
        NodeConfig().layer_time()


def test_the_machine_decides_where_a_preset_leaves_it_open() -> None:
    smeshing = load_config(places=PLACES).config.smeshing

    assert [smeshing.proving.threads_on(cpus) for cpus in (1, 2, 16)] == [1, 1, 12]
    assert [smeshing.verifying.workers_on(cpus) for cpus in (1, 2, 16)] == [1, 1, 8]
    assert msgspec.structs.replace(smeshing.proving, threads=5).threads_on(2) == 5


def test_a_kind_without_a_decoder_is_a_mistake_of_ours() -> None:
    with pytest.raises(NotImplementedError, match="complex"):
        _decode(complex, "1j", PLACES)


def test_difficulties_have_32_bytes() -> None:
    with pytest.raises(ValueError, match="want 32"):
        PowDifficulty(b"\0")
