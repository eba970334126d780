"""Where a demo is shown: a live screen, lines, JSON lines, or nowhere."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final, TextIO

from cli.demo.story import News, Story

if TYPE_CHECKING:
    from rich.live import Live

SECOND_NS: Final = 1_000_000_000


@dataclass(slots=True, kw_only=True)
class LineStage:
    """One line for each piece of news."""

    stream: TextIO
    zone: tzinfo | None = None
    """Zone of the times; None for the machine's."""

    def show(self, story: Story, now_ns: int) -> None:
        """Write what is new."""
        for news in story.take_news():
            self.stream.write(line_of(news, self.zone) + "\n")
        self.stream.flush()


@dataclass(slots=True, kw_only=True)
class EventStage:
    """A JSON line for each piece of news."""

    emit: Callable[[str, object], None]
    """Prints an event: its text and its record."""

    def show(self, story: Story, now_ns: int) -> None:
        """Print what is new."""
        for news in story.take_news():
            moment = datetime.fromtimestamp(news.time_ns // SECOND_NS, UTC)
            record = asdict(news)
            del record["time_ns"]
            self.emit(news.text, {"time": moment.isoformat().replace("+00:00", "Z"), **record})


@dataclass(slots=True, kw_only=True)
class QuietStage:
    """Shows nothing."""

    def show(self, story: Story, now_ns: int) -> None:
        """Forget what is new."""
        story.take_news()


@dataclass(slots=True, kw_only=True)
class ScreenStage:
    """A picture that is drawn anew every time."""

    live: "Live"
    zone: tzinfo | None = None

    def show(self, story: Story, now_ns: int) -> None:
        """Draw how things are; the last news stand at its end."""
        from cli.demo.screen import draw

        story.take_news()
        self.live.update(draw(story, now_ns, self.zone), refresh=True)


def line_of(news: News, zone: tzinfo | None) -> str:
    """Return a piece of news with its time: zone and offset included."""
    mark = "! " if news.is_failure else ""
    return f"{clock_time(news.time_ns, zone)}  {mark}{news.text}"


def clock_time(instant_ns: int, zone: tzinfo | None) -> str:
    """Return the time of day with the offset of its zone."""
    moment = datetime.fromtimestamp(instant_ns // SECOND_NS, UTC).astimezone(zone)
    return (
        moment.strftime("%H:%M:%S ") + moment.strftime("%z")[:3] + ":" + moment.strftime("%z")[3:]
    )
