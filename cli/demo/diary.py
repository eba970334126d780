"""What a demo remembers of its network from one run to the next.

The node itself tells its last hundred events only while it lives; instants and beacons that
the report needs are written down here when they are seen.

    <folder>/network.json    this diary, replaced as a whole
"""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum, unique
from pathlib import Path
from typing import Final, Self

from node.base.errors import StoreError
from node.runtime.files import write_atomic

VERSION: Final = 1


@unique
class Milestone(StrEnum):
    """What happens once in the life of a network."""

    SPACE_BEGUN = "space_begun"
    PROVED = "proved"
    """The first proof over the space is ready."""

    REGISTERED = "registered"
    """A PoET took the challenge of the first ATX."""

    POET_PROVED = "poet_proved"
    """Its proof is there."""

    ATX_PUBLISHED = "atx_published"
    REWARDED = "rewarded"
    SPENT = "spent"
    """Coins arrived at the second account."""


@dataclass(slots=True, kw_only=True)
class Diary:
    """Instants in unix nanoseconds, and beacons."""

    genesis_ns: int
    started_ns: int
    """When the command was given that made the network."""

    instants: dict[str, int] = field(default_factory=dict)
    """By milestone: when it was first seen."""

    beacons: dict[int, str] = field(default_factory=dict)
    """By epoch, in hexadecimal."""

    def note(self, milestone: Milestone, instant_ns: int) -> bool:
        """Write down when something happened first; tell whether that is news."""
        if milestone in self.instants:
            return False
        self.instants[milestone.value] = instant_ns
        return True

    def find(self, milestone: Milestone) -> int | None:
        """Return when something happened, None if it has not."""
        return self.instants.get(milestone)

    def seconds(self, start: Milestone | None, end: Milestone) -> float | None:
        """Return the time between two milestones, None until both are there.

        Args:
            start: None for the command that made the network.
            end: the later one.
        """
        start_ns = self.started_ns if start is None else self.find(start)
        end_ns = self.find(end)
        if start_ns is None or end_ns is None:
            return None
        return round((end_ns - start_ns) / 1e9, 3)

    def write(self, file: Path) -> None:
        """Replace the file.

        Raises:
            OSError: the folder is full or read-only.
        """
        write_atomic(file, json.dumps({"version": VERSION, **asdict(self)}, indent=1).encode())

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """Return the diary of a file, None if there is no file.

        Raises:
            StoreError: the file is damaged.
        """
        try:
            content = json.loads(file.read_bytes())
            if content["version"] != VERSION:
                raise StoreError(
                    f"{file}: form {content['version']} of the diary, this program knows {VERSION}",
                    hint="choose another folder with --data-folder",
                )
            return cls(
                genesis_ns=int(content["genesis_ns"]),
                started_ns=int(content["started_ns"]),
                instants={str(key): int(value) for key, value in content["instants"].items()},
                beacons={int(key): str(value) for key, value in content["beacons"].items()},
            )
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(
                f"{file}: the diary of the network is damaged: {error!r}",
                hint="choose another folder with --data-folder",
            ) from error
