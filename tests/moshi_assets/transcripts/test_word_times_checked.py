"""Word times against the sound of whole datasets: no right one is suspected, however it was made, and moved ones are
found.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from moshi_assets.audit.dataset import dataset_faults
from moshi_assets.defs.resources import EngineResource
from moshi_assets.engines.base import SynthesisResult, SynthesisTask
from moshi_assets.engines.noise import NoiseEngine
from moshi_assets.recipe import Recipe
from tests.moshi_assets.alignment.test_ctc import folder as ctc_folder  # noqa: F401
from tests.moshi_assets.end_to_end.test_packed import conversations
from tests.moshi_assets.support.pipeline import Pipeline, checks, dialogue, write_dialogues
from tests.moshi_assets.support.plain_dataset import PlainDataset

TALKS = conversations(3)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> PlainDataset:
    """Three conversations in the built-in voice: somebody breaks in, somebody nods, somebody goes on."""
    return built(tmp_path_factory.mktemp("spoken"))


def built(folder: Path, **settings) -> PlainDataset:
    dataset = PlainDataset(folder, TALKS, **{"engine": "builtin", "transcripts": True} | settings)
    dataset.build()
    return dataset


@pytest.fixture
def again(spoken, tmp_path) -> Callable[..., PlainDataset]:
    """The same conversations with other settings; what can be is taken from those that are spoken."""

    def build(**settings) -> PlainDataset:
        shutil.copytree(spoken.store.folder, tmp_path / "data" / "talks")
        return built(tmp_path, **settings)

    return build


def faults(dataset: PlainDataset) -> list[str]:
    return [str(fault) for fault in dataset_faults(dataset.store.folder)]


def failed(dataset: PlainDataset) -> set[str]:
    return {fault.check for fault in dataset_faults(dataset.store.folder)}


# -- no false alarm


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"timing": "natural", "pack_seconds": 60},
        {"layout": "overlapped"},
        {"sample_rate": 16000},
        {"target_lufs": -45.0},
        {"target_lufs": -12.0, "timing": "natural"},
        {"aligner": "acoustic"},
        {"aligner": "acoustic", "timing": "natural", "pack_seconds": 60, "sample_rate": 16000, "target_lufs": -45.0},
        {"aligner": "proportional"},
        {"aligner": "proportional", "timing": "natural", "sample_rate": 16000},
        {"engine": "noise"},
        {"engine": "noise", "aligner": "proportional", "timing": "natural", "pack_seconds": 60},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())) or "plain",
)
def test_right_times_are_not_suspected(again, settings):
    assert faults(again(**settings)) == []


def test_a_ctc_model_that_hears_nothing_is_not_believed(again, ctc_folder):  # noqa: F811
    """Its weights are random: where its times contradict the sound they are not taken, and what is left is marked."""
    dataset = again(aligner="ctc", ctc_model=str(ctc_folder))

    summary = json.loads(dataset.store.transcripts_path("talks.000000").read_text())
    assert summary["turns_by_method"].get("proportional", 0) > 0
    assert faults(dataset) == []


# -- what is wrong is found


def change(dataset: PlainDataset, edit: Callable[[list], list]) -> None:
    """Edit the rows of every transcript; they stay sorted, inside the audio and longer than nothing."""
    for path in dataset.store.stereo_folder.glob("*.json"):
        document = json.loads(path.read_text())
        samples, rate = sf.read(path.with_suffix(".wav"), dtype="int16")
        document["alignments"] = sorted(edit(document["alignments"]), key=lambda row: row[1])
        for _, times, _ in document["alignments"]:
            times[0] = min(max(times[0], 0.0), len(samples) / rate - 0.02)
            times[1] = min(max(times[1], times[0] + 0.01), len(samples) / rate)
        path.write_text(json.dumps(document))


def later(seconds: float) -> Callable[[list], list]:
    return lambda rows: [[word, [start + seconds, end + seconds], who] for word, (start, end), who in rows]


@pytest.mark.parametrize("settings", [{}, {"timing": "natural", "pack_seconds": 60, "sample_rate": 16000}])
@pytest.mark.parametrize(("seconds", "check"), [(0.3, "late_words"), (-0.3, "early_words")])
def test_a_shift_of_all_words_is_found_in_every_transcript(again, settings, seconds, check):
    dataset = again(**settings)
    change(dataset, later(seconds))

    found = {fault.where for fault in dataset_faults(dataset.store.folder) if fault.check == check}

    assert found == {f"data_stereo/{path.name}" for path in dataset.store.stereo_folder.glob("*.json")} != set()


def test_a_shift_of_one_speaker_is_found_and_named(again):
    dataset = again()
    change(dataset, lambda rows: [r if r[2] == "SPEAKER_MAIN" else later(0.3)([r])[0] for r in rows])

    found = faults(dataset)

    assert len(found) >= 3 and all("(user): " in fault for fault in found)
    assert "data_stereo/talk_000.json: turn 0 (user): speech begins at 0." in found[0]


def test_scrambled_times_are_found(again):
    def scramble(rows: list) -> list:
        times = sorted(np.random.default_rng(0).uniform(0, 12, len(rows)).tolist())
        return [[word, [at, at + 0.1], who] for (word, _, who), at in zip(rows, times, strict=True)]

    dataset = again()
    change(dataset, scramble)

    assert failed(dataset) >= {"early_words", "word_level"}


def test_swapped_channels_are_found(again):
    dataset = again()
    for path in dataset.store.stereo_folder.glob("*.wav"):
        samples, rate = sf.read(path, dtype="int16")
        sf.write(path, samples[:, ::-1], rate, subtype="PCM_16")

    assert failed(dataset) >= {"roles", "early_words"}


def test_a_build_mends_times_that_were_moved(again):
    dataset = again()
    change(dataset, later(0.3))

    assert [figures.written for figures in dataset.transcribe()] == [3]
    assert faults(dataset) == []


# -- as an asset check


class LateBeep(NoiseEngine):
    """Three seconds of silence and, in the last tenth of a second, all of the text at once."""

    def synthesize(self, tasks: Sequence[SynthesisTask]) -> list[SynthesisResult]:
        beep = np.zeros(72_000, np.int16)
        beep[-2400:] = 9000 * np.sin(np.arange(2400))
        return [SynthesisResult(beep, 24_000, 0.0) for _ in tasks]


class LateBeeps(EngineResource):
    def engine(self, recipe: Recipe, lane: int) -> LateBeep:
        return LateBeep(recipe.noise)


def test_words_that_begin_in_silence_fail_their_asset_check(tmp_path):
    pipeline = Pipeline(tmp_path / "data", LateBeeps())
    talk = dialogue(1, assistant_text=" ".join(["word"] * 60))
    pipeline.parse(write_dialogues(tmp_path / "talks.jsonl", [talk]), gates={"enabled": False})
    pipeline.speak_and_pair("talks.000000", "talks.000000")

    run = pipeline.materialize("transcripts", "talks.000000")

    assert not run.success
    assert {name for name, passed in checks(run).items() if not passed} >= {"early_words"}
