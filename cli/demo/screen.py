"""The picture of a demo: clock, space, PoET, ATXs, beacons, layers, accounts, transactions.

It fits a terminal of 80 columns and 24 lines while nothing unusual happens.
"""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.demo.diary import Milestone
from cli.demo.stages import clock_time, line_of
from cli.demo.story import LayerSeen, Story, kind_text, short
from cli.records import Smidge
from node.client.records import AccountState, KnownTransaction, SetupState

BAR_WIDTH: Final = 24
LAYERS: Final = 5
EPOCHS: Final = 3
NEWS: Final = 5
TITLES: Final = ("smesher", "second")
"""What the accounts are called."""


def draw(story: Story, now_ns: int, zone: tzinfo | None) -> RenderableType:
    """Return the picture of what was seen so far.

    Args:
        story: what was seen.
        now_ns: unix time.
        zone: zone of the times; None for the machine's.
    """
    rows = Table.grid(padding=(0, 1))
    rows.add_column(style="bold", width=8)
    rows.add_column(width=BAR_WIDTH)
    rows.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
    for title, bar, text in (
        *_clock(story, now_ns, zone),
        _space(story),
        _poet(story, now_ns, zone),
        _atx(story),
        _beacon(story),
    ):
        rows.add_row(title, bar, Text(text))
    parts: list[RenderableType] = [Text(_title(story), style="bold"), rows]
    parts += [part for part in (_layers(story), _accounts(story), _transactions(story)) if part]
    parts += [
        Text(line_of(news, zone), style="red" if news.is_failure else "dim", overflow="ellipsis")
        for news in list(story.news)[-NEWS:]
    ]
    return Group(*parts)


def _title(story: Story) -> str:
    if story.network is None:
        return "Spacemesh, a network of one: starting"
    state = "synced" if story.status is not None and story.status.synced else "not synced"
    return f"Spacemesh, a network of one: {short(story.network.genesis_id)}, {state}"


def _clock(
    story: Story, now_ns: int, zone: tzinfo | None
) -> Iterator[tuple[str, RenderableType, str]]:
    genesis_ns = story.diary.genesis_ns
    if story.network is None or now_ns < genesis_ns:
        left_s = max(0, genesis_ns - now_ns) / 1e9
        yield "layer", "", f"genesis at {clock_time(genesis_ns, zone)}, in {left_s:.0f} s"
        return
    time = story.network.time
    layer = time.layer_at(now_ns)
    start_ns = time.start_of(layer)
    gone_ns = now_ns - start_ns
    left_s = (time.layer_duration_ns - gone_ns) / 1e9
    text = f"{layer}, since {clock_time(start_ns, zone)}, next in {left_s:.0f} s"
    yield "layer", _bar(gone_ns, time.layer_duration_ns), text
    epoch = time.epoch_of(layer)
    place = layer - time.first_layer(epoch)
    yield (
        "epoch",
        _bar(place * time.layer_duration_ns + gone_ns, time.epoch_duration_ns),
        f"{epoch}, next at {clock_time(time.epoch_start(epoch) + time.epoch_duration_ns, zone)}",
    )


def _space(story: Story) -> tuple[str, RenderableType, str]:
    wanted = story.labels_wanted
    if story.space is None or wanted is None:
        return "space", "", "waiting for the node"
    written = story.space.labels_written
    text = f"{written} of {wanted} labels"
    if story.is_proving:
        text += ", proving"
    elif (took := story.diary.seconds(Milestone.SPACE_BEGUN, Milestone.PROVED)) is not None:
        text += f", made and proved in {took:.1f} s"
    elif story.space.state is SetupState.COMPLETE:
        text += ", complete"
    return "space", _bar(written, wanted), text


def _poet(story: Story, now_ns: int, zone: tzinfo | None) -> tuple[str, RenderableType, str]:
    waited = story.round
    if waited is not None:
        text = f"round for epoch {waited.publish} ends {clock_time(waited.until_ns, zone)}"
        return "PoET", _bar(now_ns - waited.since_ns, waited.until_ns - waited.since_ns), text
    if story.window_ns is not None:
        return "PoET", "", f"registrations until {clock_time(story.window_ns, zone)}"
    if story.ticks is not None:
        return "PoET", "", f"last proof has {story.ticks} ticks"
    return "PoET", "", "no round yet"


def _atx(story: Story) -> tuple[str, RenderableType, str]:
    latest = sorted(story.activations.values(), key=lambda atx: atx.publish_epoch)[-EPOCHS:]
    told = [f"{short(atx.id)} for epoch {atx.target_epoch}" for atx in latest]
    return "ATX", f"{len(story.activations)} seen", ", ".join(told) or "none yet"


def _beacon(story: Story) -> tuple[str, RenderableType, str]:
    beacons = sorted(story.diary.beacons.items())[-EPOCHS:]
    told = ", ".join(f"{beacon} in epoch {epoch}" for epoch, beacon in beacons)
    slots = story.slots.get(story.epoch) if story.epoch is not None else None
    return "beacon", f"{slots} slots" if slots is not None else "", told or "none yet"


def _layers(story: Story) -> Table | None:
    first = story.network.effective_genesis if story.network is not None else 0
    latest = [seen for number, seen in sorted(story.layers.items()) if number > first][-LAYERS:]
    if not latest:
        return None
    table = _table("layer", "proposals", "state", "block", "reward")
    for seen in latest:
        table.add_row(
            str(seen.number),
            str(seen.proposals),
            _state(seen),
            short(seen.block) if seen.block is not None else "-",
            str(Smidge(seen.reward)) if seen.reward else "-",
        )
    return table


def _state(seen: LayerSeen) -> str:
    if seen.is_verified:
        return "verified"
    return "applied" if seen.is_applied else "open"


def _accounts(story: Story) -> Table | None:
    if not story.accounts:
        return None
    table = _table("account", "address", "balance", "nonce", "spawned")
    for title, account in zip(TITLES, story.accounts, strict=False):
        table.add_row(title, *_account(account))
    return table


def _account(account: AccountState) -> tuple[str, str, str, str]:
    return (
        f"{account.address[:16]}..{account.address[-4:]}",
        str(Smidge(account.balance)),
        str(account.next_nonce),
        "yes" if account.is_spawned else "no",
    )


def _transactions(story: Story) -> Table | None:
    known = [story.transactions[step] for step in story.steps if step in story.transactions]
    if not known:
        return None
    table = _table("transaction", "kind", "state", "layer", "fee", "gas")
    for one in known:
        table.add_row(short(one.transaction.id), kind_text(one), *_outcome(one))
    return table


def _outcome(known: KnownTransaction) -> tuple[str, str, str, str]:
    if known.outcome is None:
        return known.state.value, "-", "-", "-"
    outcome = known.outcome
    return outcome.status.value, str(outcome.layer), f"{outcome.fee} smidge", str(outcome.gas)


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table


def _bar(done: int, total: int) -> ProgressBar:
    return ProgressBar(total=total, completed=min(max(done, 0), total), width=BAR_WIDTH - 2)
