"""The user's folders and own settings file.

The file holds defaults of the command line, and profiles that replace some of them:

    [smcli]
    network = "mainnet"

    [profile.test]
    network = "testnet"
    node = ["testnet.example:9092"]

Source: product digest 2.7 and 2.9.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import msgspec

from node.base.errors import ConfigError

APPLICATION: Final = "spacemesh"
"""Name of the folders the platform gives us."""

GO_SMCLI_FOLDER: Final = ".spacemesh"
"""Folder below the user's home in which smcli of Go keeps wallets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where the user's files are."""

    config: Path
    """Settings."""

    data: Path
    """Wallets."""

    state: Path
    """Data of nodes, records of processes, logs."""

    @property
    def settings_file(self) -> Path:
        """The user's own settings."""
        return self.config / "config.toml"

    @property
    def wallets(self) -> Path:
        """Where new wallets go."""
        return self.data / "wallets"

    @property
    def nodes(self) -> Path:
        """Where started nodes are recorded."""
        return self.state / "nodes"


class UserSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"
):
    """Defaults of the command line; empty: not set."""

    network: str = ""
    """Network that commands are about."""

    node: tuple[str, ...] = ()
    """Public API endpoints, HOST:PORT; later ones are used when earlier ones do not answer."""

    private: str = ""
    """Private API endpoint, HOST:PORT."""

    wallet: str = ""
    """Wallet file."""

    data_folder: str = ""
    """Data folder of nodes started here."""

    config: str = ""
    """Configuration file of the node."""

    @property
    def config_file(self) -> Path | None:
        """The configuration file of the node, if one is set."""
        return Path(self.config).expanduser() if self.config else None

    @property
    def wallet_file(self) -> Path | None:
        """The wallet file, if one is set."""
        return Path(self.wallet).expanduser() if self.wallet else None


def find_folders(environment: Mapping[str, str]) -> Folders:
    """Return the user's folders: below ``SMCLI_HOME``, else where the platform keeps them."""
    home = environment.get("SMCLI_HOME")
    if home:
        base = Path(home)
        return Folders(config=base, data=base, state=base / "state")
    import platformdirs

    return Folders(
        config=platformdirs.user_config_path(APPLICATION),
        data=platformdirs.user_data_path(APPLICATION),
        state=platformdirs.user_state_path(APPLICATION),
    )


def read_settings(file: Path, profile: str | None = None) -> UserSettings:
    """Return the settings of a file with a profile's values over the general ones.

    A file that does not exist sets nothing.

    Raises:
        ConfigError: the file is wrong, or there is no such profile.
    """
    content: dict[str, Any] = {}
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if profile is None:
            return UserSettings()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: {error}", code="smesh.config.file") from error
    for section in content:
        if section not in {"smcli", "profile"}:
            raise _unknown(file, section, ("smcli", "profile"))
    profiles = content.get("profile", {})
    if profile is not None and profile not in profiles:
        raise ConfigError(
            f"{file}: there is no profile {profile!r}",
            path=f"profile.{profile}",
            hint=f"profiles are {', '.join(profiles)}" if profiles else "it has no profiles",
        )
    values = dict(content.get("smcli", {}))
    _check_keys(file, "smcli", values)
    if profile is not None:
        _check_keys(file, f"profile.{profile}", profiles[profile])
        values |= profiles[profile]
    try:
        return msgspec.convert(values, UserSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {error}", code="smesh.config.value") from error


def _check_keys(file: Path, section: str, values: Mapping[str, object]) -> None:
    known = tuple(field.encode_name for field in msgspec.structs.fields(UserSettings))
    for key in values:
        if key not in known:
            raise _unknown(file, f"{section}.{key}", tuple(f"{section}.{one}" for one in known))


def _unknown(file: Path, path: str, known: tuple[str, ...]) -> ConfigError:
    found = get_close_matches(path, known, n=1)
    return ConfigError(
        f"{file}: unknown key {path}",
        path=path,
        hint=f"did you mean {found[0]}?" if found else f"keys are {', '.join(known)}",
        code="smesh.config.unknown_key",
    )
