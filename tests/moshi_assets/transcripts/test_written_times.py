"""Times of written words that are not spoken as they are written: transcripts of whole builds in the built-in voice,
by aligners that hear or count, against what the voice itself knows.
"""

import json
import shutil
from collections.abc import Callable

import numpy as np
import pytest

from moshi_assets.storage.dataset import DatasetStore
from tests.moshi_assets.support.plain_dataset import PlainDataset
from tests.moshi_assets.support.spoken import needs_pocketsphinx

TEXTS = {
    "money": "A ticket is $3.50 on Sundays and $12 on the other days.",
    "url": "Visit https://www.example.com/maps and print the plan.",
    "range": "It takes 3-5 days, at most 1,250 km by train.",
    "markdown": "# Note\n**Please** bring the [red form](https://example.com/a?b=1) and a `pen` 😀 to Dr. Lee.",
}
SHOWN = {"markdown": "Note. Please bring the red form and a pen to Dr. Lee."}
"""What is left after cleaning."""
LINES = [
    {"id": kind, "user_text": "Could you help me, please?", "assistant_text": text, "language": "en"}
    for kind, text in TEXTS.items()
]


@pytest.fixture(scope="module")
def truth(tmp_path_factory) -> PlainDataset:
    """A turn of each kind with the times that the voice knows."""
    dataset = PlainDataset(tmp_path_factory.mktemp("truth"), LINES, engine="builtin", transcripts=True)
    dataset.build()
    return dataset


@pytest.fixture(scope="module")
def aligned(truth, tmp_path_factory) -> Callable[[str], PlainDataset]:
    """The same sound, its words found by another aligner."""
    made: dict[str, PlainDataset] = {}

    def build(aligner: str) -> PlainDataset:
        if aligner not in made:
            folder = tmp_path_factory.mktemp(aligner)
            shutil.copytree(truth.store.folder, folder / "data" / "talks")
            made[aligner] = PlainDataset(folder, LINES, engine="builtin", transcripts=True, aligner=aligner)
            made[aligner].build()
        return made[aligner]

    return build


def words_of(store: DatasetStore, kind: str) -> tuple[list[str], np.ndarray, list[str]]:
    """The assistant's written words, their starts in seconds, and the aligner of each turn."""
    document = json.loads((store.stereo_folder / f"{kind}.json").read_text(encoding="utf-8"))
    rows = [(word, start) for word, (start, _), who in document["alignments"] if who == "SPEAKER_MAIN"]
    words, starts = zip(*rows, strict=True)
    return list(words), np.array(starts), document["methods"]


BOUNDS = [pytest.param("acoustic", 0.04, 0.16, 1, marks=needs_pocketsphinx), ("proportional", 0.2, 0.5, 3)]
"""Of an aligner: mean and largest start error in seconds, and how many words away is surely beyond both."""


@pytest.mark.parametrize(("aligner", "mean", "largest", "away"), BOUNDS)
@pytest.mark.parametrize("kind", TEXTS)
def test_written_words_begin_where_the_voice_says_them(truth, aligned, kind, aligner, mean, largest, away):
    expected, known, _ = words_of(truth.store, kind)
    words, found, methods = words_of(aligned(aligner).store, kind)

    assert words == expected == SHOWN.get(kind, TEXTS[kind]).split()
    assert methods == [aligner, aligner]  # without fallback
    assert abs(found - known).mean() < mean and abs(found - known).max() < largest


@pytest.mark.parametrize(("aligner", "mean", "largest", "away"), BOUNDS)
@pytest.mark.parametrize("kind", TEXTS)
def test_times_of_another_word_are_beyond_these_bounds(truth, aligned, kind, aligner, mean, largest, away):
    """Each word with the start of a later one, as where an aligner reads more words than the engine says."""
    _, known, _ = words_of(truth.store, kind)
    _, found, _ = words_of(aligned(aligner).store, kind)
    off = abs(found[away:] - known[:-away])

    assert off.mean() > mean and off.max() > largest
