"""The classic builder, which the pipeline must equal byte for byte."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import soundfile as sf
from plain_dataset import SHORT_NOISE, PlainDataset, record, records

from moshi_assets.baseline import BaselineFigures, build_baseline
from moshi_assets.dialogue_file import DialogueFileError
from moshi_assets.recipe import RecipeError

CLASSIC = {"layout": "overlapped", "sample_rate": "native"}
UNEVEN = {"engine": "noise", "noise": {"characters_per_second": 40.0}}
LINES = [
    record(0, user_text="Short.", assistant_text="A rather long answer to a short question, is it not?"),
    record(1, user_text="A rather long question that wants nothing much in return.", assistant_text="No."),
    "broken",
    record(2, id="../odd / name", user_voice="high"),
    record(3, id="Talk"),
    record(4, id="talk"),
    record(0),
    *[record(number) for number in range(5, 12)],
]


def digests(dataset: PlainDataset) -> dict[str, str]:
    """SHA-256 of every WAV and the manifest, by file name."""
    return {
        path.removeprefix(dataset.store.name): hashlib.sha256(data).hexdigest()
        for path, data in dataset.outputs().items()
    }


def classic(folder: Path, lines: list[dict[str, Any] | str], **settings: Any) -> tuple[PlainDataset, BaselineFigures]:
    dataset = PlainDataset(folder, lines, **{**CLASSIC, **settings, "name": "classic"})
    return dataset, build_baseline(dataset.recipe, dataset.store)


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_the_pipeline_gives_the_bytes_of_the_classic_builder(tmp_path: Path, lanes: int):
    oracle, _ = classic(tmp_path, LINES, **UNEVEN)
    dataset = PlainDataset(tmp_path, LINES, worker_count=lanes, **CLASSIC, **UNEVEN)
    dataset.build()
    assert len(digests(dataset)) == 12 + 1
    assert digests(dataset) == digests(oracle)


@pytest.mark.parametrize("lanes", [1, 2])
def test_with_the_builtin_voice_too(tmp_path: Path, lanes: int):
    lines = [record(0, user_text="Where is the station?", assistant_text="Behind the park."), record(1)]
    oracle, _ = classic(tmp_path, lines, engine="builtin")
    dataset = PlainDataset(tmp_path, lines, engine="builtin", worker_count=lanes, **CLASSIC)
    dataset.build()
    assert digests(dataset) == digests(oracle)


def test_both_reject_the_same_lines(tmp_path: Path):
    oracle, figures = classic(tmp_path, LINES)
    dataset = PlainDataset(tmp_path, LINES, **CLASSIC)
    dataset.build()
    assert oracle.store.rejects_path.read_bytes() == dataset.store.rejects_path.read_bytes()
    assert (figures.recordings, figures.rejected) == (12, 2)


def test_max_samples_and_seed_count_for_both(tmp_path: Path):
    settings: dict[str, Any] = {"max_samples": 3, "seed": 99}
    oracle, _ = classic(tmp_path, LINES, **settings)
    dataset = PlainDataset(tmp_path, LINES, **CLASSIC, **settings)
    dataset.build()
    assert len(oracle.rows()) == 3
    assert digests(dataset) == digests(oracle)


def test_another_seed_gives_other_bytes(tmp_path: Path):
    first = digests(classic(tmp_path, records(2))[0])
    second = digests(classic(tmp_path, records(2), seed=1)[0])
    assert first.keys() == second.keys()
    assert all(first[path] != second[path] for path in first if path.endswith(".wav"))


def test_figures_are_those_of_the_recordings(tmp_path: Path):
    oracle, figures = classic(tmp_path, records(3))
    assert figures.audio_seconds == pytest.approx(sum(row["duration"] for row in oracle.rows()))
    assert figures.wall_seconds > 0


def test_progress_is_told_after_every_recording(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3), **CLASSIC)
    told: list[int] = []
    build_baseline(dataset.recipe, dataset.store, lambda figures: told.append(figures.recordings))
    assert told == [1, 2, 3]


def test_both_turns_start_at_zero_and_keep_the_engine_s_rate(tmp_path: Path):
    oracle, _ = classic(tmp_path, records(1))
    samples, rate = sf.read(oracle.wav("talk_000"), dtype="int16")
    assert rate == 24000 and samples[:10].any(axis=0).all()


def test_an_unreadable_file_is_an_error(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(1), noise=SHORT_NOISE, **CLASSIC)
    dataset.source.unlink()
    with pytest.raises(DialogueFileError):
        build_baseline(dataset.recipe, dataset.store)


def test_a_longer_conversation_is_none_for_the_classic_builder(tmp_path: Path):
    turns = [{"role": "user", "text": "Hi."}, {"role": "assistant", "text": "Hello."}]
    lines = [{"id": "two", "turns": turns}, {"id": "three", "turns": [*turns, turns[0]]}]
    oracle, figures = classic(tmp_path, lines)
    assert (figures.recordings, figures.rejected) == (1, 1)
    assert [(reject.line, reject.id) for reject in oracle.store.rejects()] == [(2, "three")]


def test_the_classic_builder_keeps_nothing_for_evaluation(tmp_path: Path):
    with pytest.raises(RecipeError, match="one manifest"):
        classic(tmp_path, records(3), eval_count=1)
