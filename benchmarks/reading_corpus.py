"""How the corpus `chatterbot-corpus` is read: turns that are suspicious, answers with code that are rejected.

`python -m benchmarks.reading_corpus [LANGUAGE FOLDER] [--list]`
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import yaml

from moshi_assets.reading import ReadingCounts, read_dialogue

CORPUS = "chatterbot_corpus"


def dialogues(folder: str = "english") -> Iterator[dict[str, Any]]:
    """The conversations of a language as dialogue records, their turns by user and assistant in alternation.

    A conversation that is no list of two turns or more is left out: of the English one, a string and some questions
    without an answer.
    """
    for path in sorted((files(CORPUS) / "data" / folder).iterdir(), key=lambda path: path.name):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for number, conversation in enumerate(document["conversations"]):
            if not isinstance(conversation, list) or len(conversation) < 2:
                continue
            turns = [{"role": ("user", "assistant")[n % 2], "text": str(text)} for n, text in enumerate(conversation)]
            yield {"id": f"{path.name.removesuffix('.yml')}_{number}", "turns": turns}


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    counts, languages = ReadingCounts(), Counter[str]()
    for dialogue in dialogues(*arguments):
        texts = [turn["text"] for turn in dialogue["turns"]]
        language, said = read_dialogue(texts)
        languages[language] += 1
        for text, turn in zip(texts, said, strict=True):
            counts.add(turn)
            if "--list" in sys.argv and turn.changed and not turn.rejected:
                print(f"{text!r}\n  -> {turn.spoken!r}")
    suspicious = sum(kind.turns for kind in counts if kind.outcome == "suspicious")
    print(
        f"{sum(languages.values()):,} dialogues ({dict(languages)}), {counts.turns:,} turns, {counts.changed:,} changed"
    )
    print(f"suspicious: {suspicious} ({1000 * suspicious / counts.turns:.2f} of 1,000 turns)")
    for kind in counts:
        print(f"{kind.outcome} {kind.kind}: {kind.turns} ({kind.written[:50]!r})")


if __name__ == "__main__":
    main()
