"""Counts of what was found in a dataset's turns."""

from moshi_assets.reading import ReadingCounts, read


def counted(*texts: str) -> ReadingCounts:
    counts = ReadingCounts()
    for text in texts:
        counts.add(read(text))
    return counts


def test_turns_are_counted_once_for_each_kind():
    (kind,) = counted("$1 and $2.", "Nothing here.", "$3.")
    assert kind == ("verbalised", "money", 2, "$1", "one dollar")


def test_what_is_worst_comes_first():
    kinds = [(count.outcome, count.kind) for count in counted("7 **cats**", "😴", "Press ^ here", "8")]
    assert kinds[:2] == [("rejected", "nothing to say"), ("suspicious", "symbol")]


def test_counts_of_shards_add_up():
    whole, part = counted("$1.", "Hi."), counted("$2.", "7", "😴")
    whole.merge(part)
    assert (whole.turns, whole.changed, whole.rejected) == (5, 4, 1)
    assert ("verbalised", "money", 2, "$1", "one dollar") in list(whole)
