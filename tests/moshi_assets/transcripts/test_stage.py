"""The transcript stage: what it writes, when it writes again, and what keeps a manifest back."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from moshi_assets.audit.dataset import dataset_faults
from moshi_assets.defs.resources import EngineResource
from moshi_assets.engines.base import SynthesisResult, SynthesisTask
from moshi_assets.engines.noise import NoiseEngine
from moshi_assets.recipe import Recipe
from moshi_assets.resume.finished import is_finished, manifest_is_current, unfinished_shards
from moshi_assets.stereo.index import read_index, write_index
from moshi_assets.storage.dataset import DatasetError
from moshi_assets.transcripts.transcript import Transcript, read_transcript, transcript_path
from tests.moshi_assets.support.pipeline import Pipeline, checks, dialogue, failure, metadata, write_dialogues
from tests.moshi_assets.support.plain_dataset import PlainDataset, record, records
from tests.moshi_assets.support.spoken import needs_pocketsphinx

MAIN, USER = "SPEAKER_MAIN", "SPEAKER_USER"
MUSEUM = {"id": "museum", "user_text": "When does it open?", "assistant_text": "At ten — and it closes at 5:30 pm."}
NOISE = {"characters_per_second": 20.0}


def transcribed(folder: Path, lines: Sequence[dict], **settings) -> PlainDataset:
    """A finished dataset with transcripts."""
    dataset = PlainDataset(folder, lines, **{"transcripts": True, "noise": NOISE} | settings)
    dataset.build()
    return dataset


def documents(dataset: PlainDataset) -> dict[str, dict]:
    """Every transcript of a dataset, as the trainer finds it: beside the WAV, by the manifest."""
    folder = dataset.store.folder
    return {
        row["path"]: json.loads((folder / row["path"]).with_suffix(".json").read_text(encoding="utf-8"))
        for row in dataset.rows()
    }


def only(dataset: PlainDataset) -> list:
    """Alignments of the only recording."""
    (document,) = documents(dataset).values()
    return document["alignments"]


def said_by(alignments: list, speaker: str) -> str:
    return " ".join(word for word, _, who in alignments if who == speaker)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> PlainDataset:
    """One dialogue in the built-in voice; tests only look at it."""
    return transcribed(tmp_path_factory.mktemp("spoken"), [MUSEUM], engine="builtin")


@pytest.fixture
def talks(tmp_path) -> PlainDataset:
    """Six dialogues of noise in two shards."""
    return transcribed(tmp_path, records(6))


# -- what is written


def test_both_speakers_words_are_spelled_as_written(spoken):
    assert said_by(only(spoken), MAIN) == MUSEUM["assistant_text"]
    assert said_by(only(spoken), USER) == MUSEUM["user_text"]


def test_words_are_sorted_over_both_speakers_where_they_talk_at_once(tmp_path):
    alignments = only(transcribed(tmp_path, [record(1)], layout="overlapped"))

    starts = [start for _, (start, _), _ in alignments]
    speakers = [who for _, _, who in alignments]
    assert starts == sorted(starts)
    assert sum(a != b for a, b in pairwise(speakers)) > 1


def test_words_lie_in_their_turn(spoken):
    (recording,) = read_index(spoken.store.index_path("talks.000000"))
    spans = {turn.role: (turn.start / 24000, (turn.start + turn.frames) / 24000) for turn in recording.turns}

    for _, (start, end), who in only(spoken):
        begin, stop = spans["assistant" if who == MAIN else "user"]
        assert begin - 0.001 <= start < end <= stop


def test_the_file_says_how_the_times_were_found(spoken):
    (document,) = documents(spoken).values()

    assert (document["methods"], document["approximate"]) == (["engine", "engine"], False)


def test_times_that_are_a_guess_are_marked(tmp_path):
    (document,) = documents(transcribed(tmp_path, [record(1)], aligner="proportional")).values()

    assert document["methods"] == ["proportional", "proportional"] and document["approximate"] is True


def test_times_survive_another_rate(spoken, tmp_path):
    other = only(transcribed(tmp_path, [MUSEUM], engine="builtin", sample_rate=16000))

    starts = [[start for _, (start, _), _ in alignments] for alignments in (other, only(spoken))]
    assert starts[0] == pytest.approx(starts[1], abs=0.002)


def test_without_keep_mono_the_engine_s_times_are_kept(tmp_path):
    dataset = transcribed(tmp_path, [MUSEUM], engine="builtin", keep_mono=False)
    before = documents(dataset)
    for path in dataset.store.stereo_folder.glob("*.json"):
        path.unlink()

    (figures,) = dataset.transcribe()

    assert figures.methods == {"engine": 2} and documents(dataset) == before


@needs_pocketsphinx
def test_a_dataset_from_before_word_times_is_heard(tmp_path):
    dataset = transcribed(tmp_path, [MUSEUM], engine="builtin")
    index = dataset.store.index_path("talks.000000")
    old = [replace(r, turns=tuple(replace(t, word_times=None) for t in r.turns)) for r in read_index(index)]
    write_index(index, old)

    (figures,) = dataset.transcribe()

    assert (figures.written, figures.methods) == (1, {"acoustic": 2})


def test_words_of_the_assistant_that_share_a_slot_are_counted():
    rows = [("a", (0.16, 0.2), MAIN), ("b", (0.2, 0.22), MAIN), ("c", (0.21, 0.3), USER), ("d", (0.24, 0.3), MAIN)]

    assert Transcript(rows, [], "").shared_slots == 1


def test_no_transcripts_are_written_where_none_are_wanted(tmp_path):
    dataset = transcribed(tmp_path, records(2), transcripts=False)

    assert [path.suffix for path in dataset.store.stereo_folder.iterdir()] == [".wav", ".wav"]
    assert list(dataset_faults(dataset.store.folder)) == []


# -- when it is written again


def test_current_transcripts_are_left_alone(talks):
    before = {path: path.stat().st_mtime_ns for path in talks.store.stereo_folder.glob("*.json")}

    figures = talks.transcribe()

    assert [(f.written, f.reused) for f in figures] == [(0, 4), (0, 2)]
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text(path.read_text()[:-9])])
def test_a_missing_or_damaged_one_is_written_again(talks, damage):
    path = talks.store.stereo_folder / "talk_001.json"
    whole = path.read_text()
    damage(path)

    assert [figures.written for figures in talks.transcribe()] == [1, 0]
    assert path.read_text() == whole


def test_an_edited_text_is_aligned_alone(talks):
    talks.write([*records(2), record(2, user_text="Something else altogether?"), *records(6)[3:]])
    talks.plan()
    talks.speak()
    talks.pair()

    assert [figures.written for figures in talks.transcribe()] == [1, 0]


def test_another_aligner_writes_all_of_them_again(talks):
    talks.settings["aligner"] = "proportional"

    assert [figures.written for figures in talks.transcribe()] == [4, 2]


def test_an_interrupted_stage_leaves_no_half_file(talks):
    folder = talks.store.stereo_folder
    (folder / "talk_001.json").unlink()
    (folder / "talk_001.json").mkdir()  # the final rename fails

    with pytest.raises(OSError):
        talks.transcribe()
    assert {path.name for path in folder.iterdir()} == {f"talk_{n:03d}.{e}" for n in range(6) for e in ("wav", "json")}


# -- what keeps a manifest back


def test_a_manifest_is_not_published_without_transcripts(tmp_path):
    dataset = PlainDataset(tmp_path, records(2), transcripts=True)
    dataset.plan()
    dataset.speak()
    dataset.pair()

    with pytest.raises(DatasetError, match="transcripts of talks"):
        dataset.publish()


def test_a_shard_is_finished_with_its_transcripts(talks):
    store, recipe = talks.store, talks.recipe
    assert unfinished_shards(store, recipe) == [] and manifest_is_current(store, recipe)

    (store.stereo_folder / "talk_005.json").unlink()

    assert unfinished_shards(store, recipe) == ["talks.000001"]


def test_newer_transcripts_ask_for_a_manifest(talks):
    (talks.store.stereo_folder / "talk_005.json").unlink()
    talks.transcribe()

    store, recipe = talks.store, talks.recipe
    assert is_finished(store, recipe, "talks.000001") and not manifest_is_current(store, recipe)


def test_transcripts_of_what_left_the_dataset_go(talks):
    talks.write(records(3))
    talks.build()

    names = {path.name for path in talks.store.stereo_folder.iterdir()}
    assert names == {f"talk_{number:03d}.{ending}" for number in range(3) for ending in ("wav", "json")}
    assert [path.name for path in (talks.store.folder / "transcripts").iterdir()] == ["talks.000000.json"]


def test_transcripts_that_are_no_longer_wanted_go(talks):
    talks.settings["transcripts"] = False
    talks.build()

    assert {path.suffix for path in talks.store.stereo_folder.iterdir()} == {".wav"}


def test_transcripts_of_recordings_of_earlier_tasks_are_not_written(talks):
    talks.write([record(0, user_text="What else?"), *records(6)[1:]])
    talks.plan()

    with pytest.raises(DatasetError, match="materialize stereo_pairs for it first"):
        talks.transcribe()
    assert "its recordings are not those of its tasks" in str(next(dataset_faults(talks.store.folder)))


# -- what verify finds


def _edit(change):
    def edit(path: Path) -> None:
        document = json.loads(path.read_text())
        change(document["alignments"])
        path.write_text(json.dumps(document))

    return edit


def _end_later(rows: list) -> None:
    rows[-1][1][1] += 60


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        (Path.unlink, "transcripts"),
        (_edit(list.reverse), "order"),
        (_edit(_end_later), "bounds"),
        (_edit(lambda rows: rows[0].__setitem__(1, [0.2, 0.2])), "bounds"),
        (_edit(lambda rows: rows[0].__setitem__(0, "other")), "transcripts"),
        (_edit(lambda rows: [row.__setitem__(2, USER) for row in rows]), "assistant_words"),
    ],
)
def test_verify_finds_what_would_mislead_a_trainer(talks, damage, check):
    assert list(dataset_faults(talks.store.folder)) == []

    damage(talks.store.stereo_folder / "talk_002.json")

    faults = list(dataset_faults(talks.store.folder))
    assert check in {fault.check for fault in faults}
    assert {fault.where for fault in faults} == {"data_stereo/talk_002.json"}


# -- as an asset


class HastyEngine(NoiseEngine):
    """Noise that is over before its words are."""

    def synthesize(self, tasks: Sequence[SynthesisTask]) -> list[SynthesisResult]:
        return [SynthesisResult(np.arange(1, 50, dtype=np.int16) * 200, 24000, 0.0) for _ in tasks]


class HastyEngines(EngineResource):
    def engine(self, recipe: Recipe, lane: int) -> HastyEngine:
        return HastyEngine(recipe.noise)


def test_a_shard_reports_its_figures(tmp_path):
    pipeline = Pipeline(tmp_path / "data")
    pipeline.parse(write_dialogues(tmp_path / "talks.jsonl", [dialogue(1), dialogue(2)]))
    pipeline.speak_and_pair("talks.000000", "talks.000000")

    run = pipeline.materialize("transcripts", "talks.000000")

    (figures,) = metadata(run, "transcripts").values()
    words = sum(len(text.split()) for n in (1, 2) for key, text in dialogue(n).items() if key != "id")
    assert (figures["words"], figures["recordings"], figures["reused"], figures["turns_engine"]) == (words, 2, 2, 4)
    assert figures.keys() >= {"words_sharing_a_slot", "turns_approximate", "wall_seconds", "x_realtime"}


def test_a_range_of_shards_passes_its_checks(tmp_path):
    pipeline = Pipeline(tmp_path / "data")
    pipeline.parse(write_dialogues(tmp_path / "talks.jsonl", map(dialogue, range(4))), samples_per_shard=2)
    pipeline.speak_and_pair("talks.000000", "talks.000001")

    run = pipeline.materialize("transcripts", "talks.000000", "talks.000001")

    names = ("transcripts", "order", "bounds", "assistant_words", "early_words", "late_words", "word_level")
    assert checks(run) == dict.fromkeys(names, True)


def test_a_faulty_transcript_fails_its_check_and_keeps_the_manifest_back(tmp_path):
    pipeline = Pipeline(tmp_path / "data", HastyEngines())
    pipeline.parse(write_dialogues(tmp_path / "talks.jsonl", [dialogue(1)]), gates={"enabled": False})
    pipeline.speak_and_pair("talks.000000", "talks.000000")

    run = pipeline.materialize("transcripts", "talks.000000")

    assert not run.success and not checks(run)["assistant_words"]
    assert "transcripts of talks.000000" in failure(pipeline.materialize("manifest", "talks"))


def test_an_aligner_without_its_model_says_what_to_give(tmp_path):
    pipeline = Pipeline(tmp_path / "data")
    pipeline.parse(
        write_dialogues(tmp_path / "talks.jsonl", [dialogue(1)]), aligner="ctc", ctc_model="nowhere/no-model"
    )
    pipeline.speak_and_pair("talks.000000", "talks.000000")

    assert "neither a folder with a config.json" in failure(pipeline.materialize("transcripts", "talks.000000"))


def test_transcripts_before_stereo_pairs_say_what_to_do(tmp_path):
    pipeline = Pipeline(tmp_path / "data")
    pipeline.parse(write_dialogues(tmp_path / "talks.jsonl", [dialogue(1)]))

    assert "materialize stereo_pairs for it first" in failure(pipeline.materialize("transcripts", "talks.000000"))


def test_a_transcript_is_where_the_trainer_looks():
    assert transcript_path("data_stereo/v1.2.wav") == "data_stereo/v1.2.json"


def test_what_is_no_transcript_is_none(tmp_path):
    (tmp_path / "a.json").write_text('{"alignments": [["word"]]}')

    assert read_transcript(tmp_path / "a.json") is None
