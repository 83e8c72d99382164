"""Turns that are read a second on one core: plain ones, ones with numbers, ones with markup; nothing of them read
before.

`python -m benchmarks.reading_speed`
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from moshi_assets.reading import read
from moshi_assets.reading.read import forget

from .reading_table import read_table

SECONDS = 2.0
WORDS = ("red", "blue", "green", "cat", "dog", "tree", "house", "road", "river", "stone")
PLAIN = (
    "Could you tell me where the nearest station is, please?",
    "Of course. Go straight on, then take the second street on the left.",
    "Thank you, that's very kind of you.",
    "Is it far from here, or can I walk?",
    "You can walk, it takes only a few minutes.",
)
MARKED = (
    "**Boil** the water, then add *two* spoons of tea.",
    "- one thing\n- another thing\n- a third thing",
    "See [the guide](https://example.org/tea) for &quot;more&quot;. \U0001f600",
    "*laughs* I don't know, <b>really</b>.",
)


def turns(texts: tuple[str, ...]) -> Iterator[str]:
    """Texts without an end, each a little other than those before."""
    number = 0
    while True:
        for text in texts:
            yield f"{text} {WORDS[number % 10]} {WORDS[number // 10 % 10]} {WORDS[number // 100 % 10]} {WORDS[number // 1000 % 10]}"  # noqa: E501
            number += 1


def speed(texts: Callable[[], Iterator[str]]) -> float:
    """Turns a second of processor time."""
    stream, done, begin = texts(), 0, time.process_time()
    while (passed := time.process_time() - begin) < SECONDS:
        forget()
        for _ in range(1000):
            read(next(stream), "en")
        done += 1000
    return done / passed


def main() -> None:
    numbers = tuple(
        pair.written for pair in read_table() if pair.language == "en" and any(map(str.isdigit, pair.written))
    )
    for name, texts in (("plain", PLAIN), ("with numbers", numbers), ("with markup", MARKED)):
        print(f"{name}: {speed(lambda texts=texts: turns(texts)):,.0f} turns/s")  # type: ignore[misc]


if __name__ == "__main__":
    main()
