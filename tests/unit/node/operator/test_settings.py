"""The user's folders and settings."""

from pathlib import Path

import pytest

from node.base.errors import ConfigError
from node.operator.settings import UserSettings, find_folders, read_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(
        '[smcli]\nnetwork = "mainnet"\nnode = ["a:1", "b:2"]\nwallet = "~/w.json"\n'
        'config = "/c.toml"\ndata-folder = "/data"\n'
        '[profile.test]\nnetwork = "testnet"\n[profile.typo]\nnetwrk = "x"\n',
        encoding="utf-8",
    )
    return path


def test_settings_and_profiles(file: Path) -> None:
    settings = read_settings(file)
    assert settings.network == "mainnet"
    assert settings.node == ("a:1", "b:2")
    assert settings.wallet_file == Path.home() / "w.json"
    assert settings.config_file == Path("/c.toml")
    assert settings.data_folder == "/data"
    profile = read_settings(file, "test")
    assert (profile.network, profile.node) == ("testnet", ("a:1", "b:2"))


def test_without_a_file_nothing_is_set(tmp_path: Path) -> None:
    settings = read_settings(tmp_path / "absent.toml")
    assert settings == UserSettings()
    assert settings.wallet_file is None
    assert settings.config_file is None


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ('[smcli]\nnetwrk = "x"', "unknown key smcli.netwrk", "did you mean smcli.network?"),
        ("[smcl]", "unknown key smcl", "did you mean smcli?"),
        ("[zzz]", "unknown key zzz", "keys are smcli, profile"),
        ("[smcli", "Expected ']'", ""),
        ("[smcli]\nnetwork = 5", "Expected `str`, got `int`", ""),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str, message: str, hint: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_settings(file)
    assert message in str(caught.value)
    assert caught.value.hint == hint


def test_a_profile_must_exist_and_be_right(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no profile 'none'") as caught:
        read_settings(file, "none")
    assert caught.value.hint == "profiles are test, typo"
    with pytest.raises(ConfigError, match=r"unknown key profile\.typo\.netwrk"):
        read_settings(file, "typo")
    with pytest.raises(ConfigError) as caught:
        read_settings(tmp_path / "absent.toml", "test")
    assert caught.value.hint == "it has no profiles"


def test_folders_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = find_folders({"SMCLI_HOME": str(tmp_path)})
    assert (own.settings_file, own.nodes) == (tmp_path / "config.toml", tmp_path / "state/nodes")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/c")
    monkeypatch.setenv("XDG_DATA_HOME", "/d")
    monkeypatch.setenv("XDG_STATE_HOME", "/s")
    folders = find_folders({})
    assert folders.config == Path("/c/spacemesh")
    assert folders.wallets == Path("/d/spacemesh/wallets")
    assert folders.nodes == Path("/s/spacemesh/nodes")
