"""Word times of texts that are not spoken as they are written: how many turns each aligner finds the words of, and how
far from where the built-in voice says them.

Three lots of turns in the two presets of that voice: the sample dialogues, the same with markup around their words, and
the English sentences of the table that the reading is scored on (numbers, money, dates, abbreviations, URLs).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from moshi_assets.alignment.acoustic import AcousticAligner
from moshi_assets.alignment.base import Utterance
from moshi_assets.alignment.ctc import CtcAligner
from moshi_assets.alignment.engine_times import EngineAligner
from moshi_assets.alignment.proportional import ProportionalAligner
from moshi_assets.alignment.word_times import WordTimes
from moshi_assets.alignment.written import written_words
from moshi_assets.planning.task_table import dialogue_texts
from moshi_assets.reading import SpokenText
from moshi_assets.recipe.recipe import AlignerName
from moshi_assets.stereo.index import read_index
from moshi_assets.storage.dataset import DatasetStore
from moshi_assets.transcripts.stage import said_of
from moshi_assets.transcripts.transcribe import utterances

from .alignment import SAMPLE
from .measure import build, save
from .reading_table import read_table

RECIPE = {"text": {"language": "en"}, "gates": {"enabled": False, "measured": False}}
MARKUP: tuple[Callable[[str], str], ...] = (
    "**{}**".format,
    "[{}](https://www.example.com/a/b?c=d)".format,
    "<b>{}</b> \N{GRINNING FACE}".format,
    "*nods* `{}`".format,
)
"""What is put around every third word, in turn; none of it is spoken."""


class Turn(NamedTuple):
    """A turn and its sound."""

    said: SpokenText
    sound: Utterance


def sentences() -> list[dict[str, str]]:
    """The English sentences of the table, two a dialogue."""
    written = [pair.written for pair in read_table() if pair.language == "en"]
    return [
        {"id": f"pair_{n:03d}", "user_text": written[n], "assistant_text": written[n + 1]}
        for n in range(0, len(written) - 1, 2)
    ]


def marked_up(text: str) -> str:
    """A text with Markdown, HTML and emoji."""
    words = text.split()
    for number in range(0, len(words), 3):
        words[number] = MARKUP[number // 3 % len(MARKUP)](words[number])
    return " ".join(words)


def lots() -> dict[str, list[dict[str, Any]]]:
    """Dialogues by what is written in them."""
    plain = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    markup = [
        {name: marked_up(text) if name.endswith("_text") else text for name, text in record.items()} for record in plain
    ]
    return {"plain": plain, "markup": markup, "table": sentences()}


def spoken(folder: Path, name: str, dialogues: Iterable[dict[str, Any]]) -> list[Turn]:
    """Build a dataset of some dialogues; every turn of it."""
    source, recipe = folder / f"{name}.jsonl", folder / "recipe.yaml"
    source.write_text("".join(json.dumps(dialogue) + "\n" for dialogue in dialogues), encoding="utf-8")
    recipe.write_text(json.dumps(RECIPE))
    build([str(source), "--output", str(folder), "--name", name, "--recipe", str(recipe)])
    store = DatasetStore(folder, name)
    turns = []
    for shard in store.shards():
        texts = dialogue_texts(store.tasks(shard))
        for recording in read_index(store.index_path(shard)):
            said = said_of(store, recording, texts)
            turns += list(map(Turn, said.texts, utterances(said)))
    return turns


def starts(turns: list[Turn], aligner: AlignerName, ctc_model: str | None) -> tuple[list[np.ndarray], int]:
    """Seconds at which the written words of each turn begin, and how many turns an aligner found without another."""
    found = WordTimes(aligner, ctc_model).align([turn.sound for turn in turns])
    words = [written_words(turn.said, each.words, turn.sound.duration) for turn, each in zip(turns, found, strict=True)]
    return [np.array([w.start for w in each]) for each in words], sum(each.method == aligner for each in found)


def as_written(said: SpokenText) -> np.ndarray:
    """(W,) whether each written word is spoken as it stands."""
    same = np.zeros(len(said.written_words), bool)
    for word, (first, end) in zip(said.spoken_words, said.word_spans, strict=True):
        same[first] |= end == first + 1 and word == said.written_words[first]
    return same


def errors(milliseconds: np.ndarray) -> dict[str, float]:
    """Of start errors."""
    return {
        "words": len(milliseconds),
        "mean_ms": round(float(abs(milliseconds).mean()), 1),
        "p95_ms": round(float(np.quantile(abs(milliseconds), 0.95)), 1),
        "largest_ms": round(float(abs(milliseconds).max())),
        "bias_ms": round(float(milliseconds.mean()), 1),
    }


def figures(turns: list[Turn], aligners: Iterable[AlignerName], ctc_model: str | None) -> dict[str, Any]:
    """Turns aligned, and start errors over all words and over those that are spoken otherwise than they are written."""
    truth, known = starts(turns, EngineAligner.name, None)
    read_otherwise = ~np.concatenate([as_written(turn.said) for turn in turns])
    told: dict[str, Any] = {"turns": len(turns), EngineAligner.name: {"turns_without_fallback": known}}
    for name in aligners:
        found, without_fallback = starts(turns, name, ctc_model)
        apart = 1000 * (np.concatenate(found) - np.concatenate(truth))
        told[name] = {"turns_without_fallback": without_fallback, "all": errors(apart)}
        if read_otherwise.any():
            told[name]["read_otherwise"] = errors(apart[read_otherwise])
    return told


def main(ctc_model: str | None = None) -> None:
    aligners: list[AlignerName] = [AcousticAligner.name, ProportionalAligner.name]
    if ctc_model:
        aligners.append(CtcAligner.name)
    with tempfile.TemporaryDirectory() as folder:
        turns = {name: spoken(Path(folder), name, dialogues) for name, dialogues in lots().items()}
        found = {name: figures(lot, aligners, ctc_model) for name, lot in turns.items()}
    save("word_times", "python -m benchmarks word_times", found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ctc-model", help="folder of an English wav2vec2-family CTC model: measure `ctc` too")
    main(parser.parse_args().ctc_model)
