"""What every command shares; tests replace its factories.

Nothing heavy is imported here: configuration, settings and network libraries are loaded by
the methods that need them.
"""

import os
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cli.formats import Format
from cli.node_api import OpenApi, open_api
from cli.options import Options
from cli.output import Output, Style, wants_color
from cli.prompts import Prompts, SecretSource, SystemTerminal, Terminal
from node.base.errors import UsageError

if TYPE_CHECKING:
    from node.config.load import LoadedConfig, Places
    from node.operator.settings import Folders, UserSettings

T = TypeVar("T")


def _environment() -> Mapping[str, str]:
    return os.environ


@dataclass(slots=True, kw_only=True)
class Context:
    """One run of ``smcli``."""

    environment: Mapping[str, str] = field(default_factory=_environment)
    terminal: Terminal = field(default_factory=SystemTerminal)
    clock: Callable[[], int] = time.time_ns
    """Returns unix nanoseconds."""

    monotonic: Callable[[], int] = time.monotonic_ns
    random: Callable[[int], bytes] = os.urandom
    """Returns so many unpredictable bytes."""

    node_program: tuple[str, ...] = (sys.executable, "-P", "-m", "node")
    """What ``node start`` runs."""

    open_api: OpenApi = open_api
    """Connects to a node; ``cli.node_api.connect`` is what commands use."""

    options: Options = field(default_factory=Options)
    """Options of the command, over those before it, over the environment."""

    output: Output = field(default_factory=Output)
    command: str = ""
    """Words of the command joined by dots, such as ``wallet.read``."""

    _settings: "UserSettings | None" = None
    _config: "LoadedConfig | None" = None

    def begin(self, command: str, options: Options, *, streams: bool) -> None:
        """Take the options of a command that is about to run."""
        self.command = command
        self.options = options.over(self.options).over(Options.of_environment(self.environment))
        chosen = self.options
        self.output = Output(
            style=Style(
                json=bool(chosen.json),
                quiet=bool(chosen.quiet),
                verbose=chosen.verbose or 0,
                color=wants_color(self.environment, no_color=bool(chosen.no_color)),
                full=bool(chosen.full),
                format=chosen.format or Format.TABLE,
                fields=tuple(
                    one.strip() for one in (chosen.fields or "").split(",") if one.strip()
                ),
                get=chosen.get,
            ),
            streams=streams,
            monotonic=self.monotonic,
        )

    @property
    def prompts(self) -> Prompts:
        """Questions to the user."""
        return Prompts(
            terminal=self.terminal,
            environment=self.environment,
            assume_yes=bool(self.options.yes),
            warn=lambda message, code: self.output.warn(message, code=code),
        )

    @property
    def password_source(self) -> SecretSource:
        """Where the options say the password is."""
        return SecretSource(
            stdin=bool(self.options.password_stdin),
            file=self.options.password_file,
            descriptor=self.options.password_fd,
        )

    @property
    def folders(self) -> "Folders":
        """The user's folders, from ``SMCLI_HOME`` or the platform's conventions."""
        from node.operator.settings import find_folders

        return find_folders(self.environment)

    def settings(self) -> "UserSettings":
        """Return the user's own settings with the chosen profile.

        Raises:
            ConfigError: the file is wrong, or there is no such profile.
        """
        if self._settings is None:
            from node.operator.settings import read_settings

            self._settings = read_settings(self.folders.settings_file, self.options.profile)
        return self._settings

    def config(self) -> "LoadedConfig":
        """Return the configuration of the chosen network, from ``--config`` and ``--network``.

        Raises:
            ConfigError: the file is wrong, or the network is not known.
        """
        if self._config is None:
            from node.config.load import load_config

            settings = self.settings()
            self._config = load_config(
                places=places(),
                preset=self.options.network or settings.network or None,
                file=self.options.config or settings.config_file,
                environment=self.environment,
            )
            self.output.meta.network = self._config.preset
        return self._config

    def address_prefix(self, chosen: str | None = None) -> str:
        """Return the prefix of addresses: as chosen, else that of the network.

        Raises:
            UsageError: an empty prefix was chosen.
        """
        if chosen is None:
            return self.config().config.main.network_hrp
        if not chosen or chosen != chosen.lower():
            raise UsageError(f"{chosen!r} is no prefix of addresses", hint="such as sm or stest")
        return chosen

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run asynchronous work to its end; ``--timeout`` limits the whole command."""
        import asyncio

        return asyncio.run(work)


def places() -> "Places":
    """Return the folders that stand for ``~`` and ``<tmp>`` in configuration files."""
    import tempfile

    from node.config.load import Places

    return Places(home=Path.home(), temporary=Path(tempfile.gettempdir()))
