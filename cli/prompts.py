"""Questions to people, and the secrets a command needs: never echoed, logged or on argv.

A question needs a terminal on both ends.  Without one the answer must come from an option,
else the command ends with exit code 6.  Passwords are looked for in this order: options,
environment, the credential of a systemd unit, the person.

Source: product digest 2.2, 2.6 and 2.8.
"""

import os
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from cli.errors import AuthenticationError, RefusedError
from node.base.errors import UsageError

OPEN_TO_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
"""Mode bits a password file must not have."""

CREDENTIAL: Final = "wallet-password"
"""Name of the systemd credential."""

ENTER_ALTERNATE_SCREEN: Final = "\x1b[?1049h\x1b[H"
LEAVE_ALTERNATE_SCREEN: Final = "\x1b[?1049l"


class Terminal(Protocol):
    """The person in front of the command."""

    @property
    def is_interactive(self) -> bool:
        """Whether there is one who sees questions and can answer."""

    def read_line(self, prompt: str) -> str:
        """Ask and return the answer."""

    def read_secret(self, prompt: str) -> str:
        """Ask and return the answer, which does not appear on screen."""

    def show_once(self, text: str) -> None:
        """Show something until Enter is pressed, and leave no trace on screen."""


class SystemTerminal:
    """The terminal the process was started in; questions go to stderr."""

    @property
    def is_interactive(self) -> bool:
        """Whether all three streams are a terminal."""
        return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()

    def read_line(self, prompt: str) -> str:
        """Ask on stderr and return the line typed.

        Raises:
            RefusedError: there is no line, as after Ctrl-D.
        """
        sys.stderr.write(prompt)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise RefusedError("no answer")
        return line.rstrip("\r\n")

    def read_secret(self, prompt: str) -> str:
        """Ask without echo.

        Raises:
            RefusedError: there is no line, as after Ctrl-D.
        """
        import getpass

        try:
            return getpass.getpass(prompt, stream=sys.stderr)
        except EOFError:
            raise RefusedError("no answer") from None

    def show_once(self, text: str) -> None:
        """Use the alternate screen, which has no scroll-back."""
        sys.stderr.write(ENTER_ALTERNATE_SCREEN + text + "\n")
        try:
            self.read_line("Press Enter when you have written this down ")
        finally:
            sys.stderr.write(LEAVE_ALTERNATE_SCREEN)
            sys.stderr.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """Where a secret was said to be."""

    stdin: bool = False
    """The next line of stdin."""

    file: Path | None = None
    """The first line of a file nobody else can read."""

    descriptor: int | None = None
    """The first line from an open file descriptor."""

    option: str = "password"
    """Name of the options, for messages."""

    def __post_init__(self) -> None:
        """Refuse two answers to one question."""
        if self.stdin + (self.file is not None) + (self.descriptor is not None) > 1:
            raise UsageError(
                f"give only one of --{self.option}-stdin, --{self.option}-file and "
                f"--{self.option}-fd"
            )


def _read_stdin() -> str:
    return sys.stdin.readline()


@dataclass(slots=True, kw_only=True)
class Prompts:
    """Asks for one command."""

    terminal: Terminal
    environment: Mapping[str, str]
    assume_yes: bool = False
    warn: Callable[[str, str], None]
    """Takes message and code of a warning."""

    read_input: Callable[[], str] = field(default=_read_stdin)
    """Returns the next line of stdin, empty at its end."""

    def confirm(self, question: str) -> None:
        """Go on only if the user agrees; ``--yes`` does.

        Raises:
            RefusedError: there is nobody to ask, or they decline.
        """
        if self.assume_yes:
            return
        self._need_person(f"{question} needs a confirmation", "add --yes")
        if self.terminal.read_line(f"{question} [y/N] ").strip().lower() not in {"y", "yes"}:
            raise RefusedError("declined")

    def ask(self, question: str, *, option: str) -> str:
        """Return the answer to a question that is no secret.

        Raises:
            RefusedError: there is nobody to ask.
        """
        self._need_person(f"{question.strip(' :')} is missing", f"give it with {option}")
        return self.terminal.read_line(question)

    def secret(self, source: SecretSource, question: str, *, hint: str) -> str:
        """Return a secret from its options or from the user.

        Raises:
            RefusedError: there is nobody to ask.
            AuthenticationError: the file is open to others.
        """
        given = self._given(source)
        if given is not None:
            return given
        self._need_person(f"{question.strip(' :')} is missing", hint)
        return self.terminal.read_secret(question)

    def password(self, source: SecretSource, question: str = "Wallet password: ") -> str:
        """Return the password of an existing wallet.

        Raises:
            RefusedError: there is nobody to ask.
            AuthenticationError: the password file is open to others.
        """
        given = self._given(source)
        if given is None:
            given = self._from_environment()
        if given is not None:
            return given
        self._need_person("the wallet's password is missing", _password_hint(source))
        return self.terminal.read_secret(question)

    def new_password(self, source: SecretSource) -> str:
        """Return a new password; a person types it twice.

        Raises:
            RefusedError: there is nobody to ask, or the two differ.
            AuthenticationError: the password file is open to others.
        """
        password = self._given(source)
        if password is None and source.option == "password":
            password = self._from_environment()
        if password is None:
            self._need_person("a password for the wallet is missing", _password_hint(source))
            password = self.terminal.read_secret("New wallet password: ")
            if self.terminal.read_secret("Again: ") != password:
                raise RefusedError("the two passwords differ")
        if not password:
            self.warn("the wallet has no password", "smesh.wallet.no_password")
        return password

    def _given(self, source: SecretSource) -> str | None:
        if source.stdin:
            line = self.read_input()
            if not line:
                raise RefusedError(
                    f"stdin has no line for --{source.option}-stdin",
                    hint="secrets are read in the order words, password, new password",
                )
            return line.rstrip("\r\n")
        if source.file is not None:
            return read_secret_file(source.file)
        if source.descriptor is not None:
            return _read_descriptor(source.descriptor)
        return None

    def _from_environment(self) -> str | None:
        file = self.environment.get("SMCLI_PASSWORD_FILE")
        if file:
            return read_secret_file(Path(file))
        descriptor = self.environment.get("SMCLI_PASSWORD_FD")
        if descriptor:
            if not descriptor.isdecimal():
                raise UsageError(f"SMCLI_PASSWORD_FD is {descriptor!r}, not a number")
            return _read_descriptor(int(descriptor))
        password = self.environment.get("SMCLI_PASSWORD")
        if password is not None:
            self.warn(
                "SMCLI_PASSWORD is visible to other processes; SMCLI_PASSWORD_FILE is not",
                "smesh.wallet.password_in_environment",
            )
            return password
        folder = self.environment.get("CREDENTIALS_DIRECTORY")
        if folder and (Path(folder) / CREDENTIAL).is_file():
            return _first_line((Path(folder) / CREDENTIAL).read_text(encoding="utf-8"))
        return None

    def _need_person(self, problem: str, hint: str) -> None:
        if not self.terminal.is_interactive:
            raise RefusedError(f"{problem}, and there is no terminal to ask on", hint=hint)


def read_secret_file(path: Path) -> str:
    """Return the first line of a file that only its owner can read.

    Raises:
        AuthenticationError: it cannot be read, or others can read it.
    """
    try:
        mode = path.stat().st_mode
        if mode & OPEN_TO_OTHERS:
            raise AuthenticationError(
                f"{path} can be read by others: mode {stat.S_IMODE(mode):04o}",
                code="smesh.authentication.file_mode",
                hint=f"chmod 600 {path}",
            )
        return _first_line(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise AuthenticationError(
            f"{path}: cannot read the secret: {error}", code="smesh.authentication.file"
        ) from error


def _read_descriptor(descriptor: int) -> str:
    try:
        with os.fdopen(descriptor, encoding="utf-8") as file:
            return _first_line(file.readline())
    except (OSError, UnicodeDecodeError) as error:
        raise AuthenticationError(
            f"file descriptor {descriptor}: cannot read the secret: {error}",
            code="smesh.authentication.file",
        ) from error


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0].rstrip("\r")


def _password_hint(source: SecretSource) -> str:
    return f"give it with --{source.option}-stdin, --{source.option}-file or --{source.option}-fd"
