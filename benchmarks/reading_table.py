"""The table of written and spoken pairs (tests/moshi_assets/reading/spoken.tsv), and when a reading counts as right."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).resolve().parent.parent / "tests" / "moshi_assets" / "reading" / "spoken.tsv"
_CJK = "\u3400-\u9fff\u3007"


class Pair(NamedTuple):
    """A written text and every reading of it that is right."""

    kind: str
    language: str
    """`en` or `zh`."""
    written: str
    spoken: tuple[str, ...]

    def accepts(self, reading: str) -> bool:
        """Whether a reading is one of those that are right, see `words_alone`."""
        return words_alone(reading) in map(words_alone, self.spoken)


def read_table(path: Path = TABLE) -> list[Pair]:
    """All pairs, in the order of the file."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Pair(row["kind"], row["language"], row["written"], tuple(row["spoken"].split("|"))) for row in rows]


def words_alone(text: str) -> str:
    """What is heard of a text: words without case, punctuation and hyphens.

    Three things may be said either way and are made alike: the "and" after a hundred or thousand, "oh" for a zero, and
    letters that are named one by one ("F B I", "FBI"). Chinese is compared by character, Latin words in it as words.
    """
    text = unicodedata.normalize("NFKC", text.replace("\u2019", "'")).casefold()
    text = re.sub(r"[^\w']|_", " ", text)
    text = " ".join(re.sub(r"(?<!\w)'|'(?!\w)", " ", text).split())
    text = re.sub(rf"(?<=[{_CJK}])\s+|\s+(?=[{_CJK}])", "", text)
    text = re.sub(r"\b(hundred|thousand|million|billion) and (?=\w)", r"\1 ", text)
    text = re.sub(r"\b(?:oh|o)\b", "zero", text)
    return re.sub(r"(?<![a-z])(?:[a-z] )+[a-z](?![a-z])", lambda match: match.group().replace(" ", ""), text)


class Score(NamedTuple):
    """How many pairs of a kind are read rightly, and which are not."""

    right: int
    total: int
    wrong: tuple[tuple[Pair, str], ...]

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.right / self.total


def score(pairs: list[Pair], read: Callable[[str], str]) -> Score:
    """Score a reader on some pairs; one that fails on a text has read it wrongly."""
    wrong = []
    for pair in pairs:
        try:
            reading = read(pair.written)
        except Exception as error:
            reading = f"{type(error).__name__}: {error}"
        if not pair.accepts(reading):
            wrong.append((pair, reading))
    return Score(len(pairs) - len(wrong), len(pairs), tuple(wrong))


def kinds(pairs: list[Pair], language: str) -> dict[str, list[Pair]]:
    """The pairs of a language by kind."""
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair.language == language:
            found.setdefault(pair.kind, []).append(pair)
    return found
