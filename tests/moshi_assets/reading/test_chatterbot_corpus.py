"""Real conversations: the corpus `chatterbot-corpus`, planned whole and spoken in part by the built-in voice."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.reading_corpus import dialogues
from moshi_assets.audit.dataset import dataset_faults
from moshi_assets.reading import words_of
from tests.moshi_assets.support.plain_dataset import PlainDataset

pytestmark = pytest.mark.slow
SPOKEN = 30
SHORT = 300
"""Characters of a dialogue that is spoken here, at most: the test shall be quick."""


@pytest.fixture(scope="module")
def english(tmp_path_factory) -> PlainDataset:
    """All English conversations, planned for the built-in voice."""
    dataset = PlainDataset(tmp_path_factory.mktemp("english"), dialogues(), engine="builtin", samples_per_shard=1024)
    dataset.plan()
    return dataset


def suspicious(dataset: PlainDataset) -> int:
    return sum(kind.turns for kind in dataset.store.summary().reading if kind.outcome == "suspicious")


def test_at_most_one_turn_in_a_thousand_is_suspicious(english: PlainDataset):
    assert 1000 * suspicious(english) <= english.store.summary().tasks


def test_nothing_but_code_is_rejected_and_code_by_its_kind(english: PlainDataset):
    lines = english.store.rejects_path.read_text(encoding="utf-8").splitlines()
    rejects = {reject["id"]: reject["reason"] for reject in map(json.loads, lines)}

    assert len(rejects) == 184
    assert {name.partition("_")[0] for name in rejects} == {"coding"}
    assert all("holds code" in reason for reason in rejects.values())


def test_no_code_is_left(english: PlainDataset):
    assert [row["text"] for row in english.tasks() if "```" in row["text"] or "def " in row["text"]] == []


def test_chinese_conversations_are_read_as_chinese(tmp_path: Path):
    dataset = PlainDataset(tmp_path, dialogues("chinese"), text={"languages": ["zh"]}, samples_per_shard=1024)
    figures = dataset.plan()

    assert figures.rejected <= 1
    assert not [row["spoken"] for row in dataset.tasks() if row["spoken"] and any(map(str.isdigit, row["spoken"]))]
    assert 1000 * suspicious(dataset) <= figures.tasks


def test_conversations_of_other_languages_are_not_given_to_an_english_voice(tmp_path: Path):
    """But for some of one or two words, in which nothing speaks for a language ("Hallo", "Hi")."""
    dataset = PlainDataset(tmp_path, dialogues("german"), engine="builtin")

    assert dataset.plan().dialogues <= 3


@pytest.fixture(scope="module")
def spoken(english: PlainDataset, tmp_path_factory) -> PlainDataset:
    """Short conversations, every second one with something that is not spoken as it is written, with sound."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in english.tasks():
        rows.setdefault(row["dialogue_id"], []).append(row)
    short = {name: turns for name, turns in rows.items() if sum(len(turn["text"]) for turn in turns) < SHORT}
    changed = [name for name, turns in short.items() if any(turn["spoken"] for turn in turns)]
    plain = [name for name in short if name not in changed]
    half = SPOKEN // 2
    chosen = {*changed[:: len(changed) // half][:half], *plain[:: len(plain) // half][:half]}
    dataset = PlainDataset(
        tmp_path_factory.mktemp("spoken"),
        (each for each in dialogues() if each["id"] in chosen),
        engine="builtin",
        transcripts=True,
        samples_per_shard=SPOKEN,
    )
    dataset.build()
    return dataset


def test_every_conversation_is_recorded_with_its_written_words(spoken: PlainDataset):
    written: dict[str, dict[str, list[str]]] = {}
    for row in spoken.tasks():
        speakers = written.setdefault(row["stem"], {"SPEAKER_MAIN": [], "SPEAKER_USER": []})
        speakers["SPEAKER_MAIN" if row["role"] == "assistant" else "SPEAKER_USER"] += words_of(row["text"])
    assert len(written) == SPOKEN

    transcripts = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))["alignments"]
        for path in spoken.store.stereo_folder.rglob("*.json")
    }
    for stem, speakers in written.items():
        for speaker, words in speakers.items():
            assert [word for word, _, who in transcripts[stem] if who == speaker] == words


def test_the_dataset_has_no_faults(spoken: PlainDataset):
    assert list(dataset_faults(spoken.store.folder)) == []
