"""The node's diary: user events, outcomes of own slots, sync history: the database ``local``.

The reference keeps its last hundred events in memory; these survive a restart, and answer
why there were no rewards.  Entries are numbered from 1 without end; the oldest go first
when there are too many.

Source: product digest section 2.11 and appendix C; go-spacemesh, events.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from node.base import scale
from node.base.scale import U8, U32, U64, Limit
from node.store import schema
from node.store.db import Batch, Reader
from node.store.schema import after_u32, key_u32, key_u64, number_of, read_record
from node.types.ids import BlockID, ProposalID, SmesherID
from node.types.layer import LayerID

FIRST_NUMBER: Final = 1
"""Of the first entry ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One named value of an entry, as text: decimal numbers, hexadecimal bytes."""

    name: Annotated[str, Limit(64)]
    text: Annotated[str, Limit(65_536)]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One thing the user may want to know."""

    time_ns: U64
    """Nanoseconds since the Unix epoch."""

    kind: Annotated[str, Limit(64)]
    """Such as ``atx_published``."""

    is_failure: U8
    """1 for a problem."""

    help: Annotated[str, Limit(4096)]
    """A sentence for people."""

    smesher: SmesherID | None
    """The identity it is about, if about one."""

    details: Annotated[tuple[Detail, ...], Limit(64)]

    def detail(self, name: str) -> str | None:
        """Return the text of a detail, or None."""
        return next((detail.text for detail in self.details if detail.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotOutcome:
    """What became of an identity's eligibility in a layer."""

    smesher: SmesherID
    layer: LayerID

    slots: U32
    """Eligibilities in the layer."""

    built_ns: U64
    """When the proposal was ready; 0 while it is not."""

    published_ns: U64
    """When it was handed to the network; 0 while it was not."""

    proposal: ProposalID | None

    block: BlockID | None
    """The layer's block, if it holds the proposal."""

    failure: Annotated[str, Limit(4096)]
    """Why nothing was published; empty otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSample:
    """How far the node was at an instant; one a minute."""

    time_ns: U64

    state: U8
    """0 not synced, 1 listens to gossip, 2 synced."""

    peers: U32
    current_layer: LayerID
    latest_layer: LayerID
    processed_layer: LayerID
    applied_layer: LayerID


def append_entries(batch: Batch, reader: Reader, entries: Sequence[JournalEntry]) -> int:
    """Add entries in order; return the number of the last one, 0 if there is none at all.

    One call for all entries of a batch: numbers follow what the reader shows.
    """
    number = find_last_number(reader)
    for entry in entries:
        number += 1
        batch.put(schema.JOURNAL + key_u64(number), scale.encode(entry))
        if entry.smesher is not None:
            batch.put(schema.JOURNAL_BY_SMESHER + entry.smesher + key_u64(number), b"")
    return number


def find_last_number(reader: Reader) -> int:
    """Return the number of the newest entry, 0 if there is none."""
    for key in reader.keys(schema.JOURNAL, reverse=True):
        return number_of(key)
    return FIRST_NUMBER - 1


def find_entry(reader: Reader, number: int) -> JournalEntry | None:
    """Return an entry, None if it is not there yet or any more."""
    value = reader.get(schema.JOURNAL + key_u64(number))
    return None if value is None else read_record(JournalEntry, value)


def entries_after(
    reader: Reader, number: int = 0, *, newest_first: bool = False
) -> Iterator[tuple[int, JournalEntry]]:
    """Yield the entries with higher numbers, each with its number."""
    start = key_u64(number + 1)
    rows = reader.scan(schema.JOURNAL, start=start, reverse=newest_first)
    return ((number_of(key), read_record(JournalEntry, value)) for key, value in rows)


def entries_of_smesher(
    reader: Reader, smesher: SmesherID, number: int = 0, *, newest_first: bool = False
) -> Iterator[tuple[int, JournalEntry]]:
    """Yield the entries about an identity that have higher numbers."""
    prefix = schema.JOURNAL_BY_SMESHER + smesher
    for key in reader.keys(prefix, start=key_u64(number + 1), reverse=newest_first):
        entry = find_entry(reader, number_of(key))
        if entry is not None:
            yield number_of(key), entry


def prune_entries(batch: Batch, reader: Reader, keep: int) -> int:
    """Delete all but the newest ``keep`` entries; return how many."""
    end = find_last_number(reader) - keep + 1
    if end <= FIRST_NUMBER:
        return 0
    deleted = 0
    for key, value in reader.scan(schema.JOURNAL, stop=key_u64(end)):
        entry = read_record(JournalEntry, value)
        batch.delete(schema.JOURNAL + key)
        if entry.smesher is not None:
            batch.delete(schema.JOURNAL_BY_SMESHER + entry.smesher + key)
        deleted += 1
    return deleted


def put_slot_outcome(batch: Batch, outcome: SlotOutcome) -> None:
    """Store what is known of a slot, over what was known before."""
    key = outcome.smesher + key_u32(outcome.layer)
    batch.put(schema.SLOT_OUTCOME + key, scale.encode(outcome))


def find_slot_outcome(reader: Reader, smesher: SmesherID, layer: LayerID) -> SlotOutcome | None:
    """Return what became of a slot, or None."""
    value = reader.get(schema.SLOT_OUTCOME + smesher + key_u32(layer))
    return None if value is None else read_record(SlotOutcome, value)


def slot_outcomes(
    reader: Reader, smesher: SmesherID, first: LayerID, last: LayerID
) -> Iterator[SlotOutcome]:
    """Yield what became of an identity's slots from layer ``first`` to ``last``."""
    prefix = schema.SLOT_OUTCOME + smesher
    rows = reader.scan(prefix, start=key_u32(first), stop=after_u32(last))
    return (read_record(SlotOutcome, value) for _, value in rows)


def put_sync_sample(batch: Batch, sample: SyncSample) -> None:
    """Record how far the node is."""
    batch.put(schema.SYNC_SAMPLE + key_u64(sample.time_ns), scale.encode(sample))


def sync_samples(reader: Reader, since_ns: int, until_ns: int) -> Iterator[SyncSample]:
    """Yield how far the node was, from an instant up to, not including, another."""
    rows = reader.scan(schema.SYNC_SAMPLE, start=key_u64(since_ns), stop=key_u64(until_ns))
    return (read_record(SyncSample, value) for _, value in rows)


def prune_sync_samples(batch: Batch, reader: Reader, before_ns: int) -> int:
    """Delete older samples; return how many."""
    deleted = 0
    for key in reader.keys(schema.SYNC_SAMPLE, stop=key_u64(before_ns)):
        batch.delete(schema.SYNC_SAMPLE + key)
        deleted += 1
    return deleted
