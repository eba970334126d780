"""Which peers answer well."""

from node.net.fetch.scores import PeerScores


def test_strangers_are_equal_and_ordered_by_name() -> None:
    assert PeerScores().ranked(["b", "c", "a"]) == ["a", "b", "c"]


def test_who_answers_faster_is_better() -> None:
    scores = PeerScores()
    scores.on_success("slow", 2.0, 10)
    scores.on_success("fast", 1.0, 10)
    scores.on_success("large", 4.0, 8 * 1024)
    assert scores.ranked(["slow", "fast", "large"]) == ["large", "fast", "slow"]
    assert scores.score("large") == 0.5


def test_averages_follow_slowly() -> None:
    scores = PeerScores()
    scores.on_success("peer", 1.0, 0)
    scores.on_success("peer", 2.0, 0)
    assert scores.score("peer") == 1.1
    assert scores.score("stranger") == 0.9 * (1.0 + 1 / 25)


def test_failures_make_it_worse() -> None:
    scores = PeerScores()
    scores.on_success("good", 1.0, 0)
    scores.on_success("bad", 1.0, 0)
    scores.on_failure("bad", 1.0)
    assert scores.score("bad") == 1.0 + 0.5 * 1.0
    assert scores.ranked(["bad", "good", "stranger"]) == ["stranger", "good", "bad"]


def test_who_leaves_is_forgotten() -> None:
    scores = PeerScores()
    scores.on_failure("peer", 3.0)
    scores.keep_only(["other"])
    assert scores.score("peer") == scores.score("stranger")
