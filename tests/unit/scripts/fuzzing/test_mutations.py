"""Spoilt bytes."""

import pytest

from scripts.fuzzing.draws import Draws
from scripts.fuzzing.mutations import MIXTURES, MUTATIONS, Mutation, spoil

DATA = bytes(range(100))
OTHERS = (b"one other message", b"")


def test_a_stream_of_numbers_follows_from_its_names() -> None:
    assert Draws(1, "a", 2).bytes(50) == Draws(1, "a", 2).bytes(50)
    assert Draws(1, "a", 2).number() != Draws(1, "a", 3).number()
    assert len(Draws(1).bytes(5)) == 5


@pytest.mark.parametrize("mutation", set(MUTATIONS), ids=lambda mutation: mutation.__name__)
def test_a_mutation_changes_most_messages_and_takes_empty_ones(mutation: Mutation) -> None:
    changed = [mutation(Draws(number), DATA) for number in range(50)]
    assert sum(data != DATA for data in changed) > 30
    for number in range(20):
        assert isinstance(mutation(Draws(number), b""), bytes)


def test_a_message_is_mixed_with_others() -> None:
    for mixture in MIXTURES:
        made = {mixture(Draws(number), DATA, OTHERS) for number in range(50)}
        assert any(b"one other"[:4] in data for data in made)
        assert isinstance(mixture(Draws(0), DATA, ()), bytes)


def test_what_was_done_is_told() -> None:
    named = {spoil(Draws(number), DATA, OTHERS)[0] for number in range(500)}
    single = {name for name in named if "+" not in name}
    assert single == {change.__name__ for change in (*MUTATIONS, *MIXTURES)}
    assert named > single
