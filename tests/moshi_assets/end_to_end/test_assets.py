"""Each asset through `dg.materialize`: what it stores, what it reports, what its checks refuse."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import dagster as dg
import numpy as np
import pytest
import soundfile as sf
import yaml

from moshi_assets.defs.resources import EngineResource
from moshi_assets.engines.base import SynthesisResult, SynthesisTask
from moshi_assets.engines.noise import NoiseEngine
from moshi_assets.recipe import Recipe
from moshi_assets.storage.dataset import DatasetStore
from tests.moshi_assets.support.pipeline import (
    Pipeline,
    checks,
    dialogue,
    digests,
    failure,
    flip_byte,
    manifest_rows,
    metadata,
    write_dialogues,
)


class Built(NamedTuple):
    """A finished dataset and the runs that made it."""

    pipeline: Pipeline
    parsed: dg.ExecuteInProcessResult
    mono: dg.ExecuteInProcessResult
    stereo: dg.ExecuteInProcessResult
    manifest: dg.ExecuteInProcessResult

    @property
    def store(self) -> DatasetStore:
        return self.pipeline.store()


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path / "data")


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    """Ten good dialogues and two bad lines."""
    records = [dialogue(number) for number in range(10)]
    return write_dialogues(tmp_path / "talks.jsonl", [*records[:3], "{broken", *records[3:], dialogue(3)])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A finished dataset of ten dialogues in three shards; tests only look at it."""
    folder = tmp_path_factory.mktemp("built")
    records = [dialogue(number) for number in range(10)]
    source = write_dialogues(folder / "talks.jsonl", [*records[:3], "{broken", *records[3:], dialogue(3)])
    pipeline = Pipeline(folder / "data")
    parsed = pipeline.parse(source, samples_per_shard=4, buffer_size=3, worker_count=2)
    mono, stereo = pipeline.speak_and_pair("talks.000000", "talks.000002")
    return Built(pipeline, parsed, mono, stereo, pipeline.materialize("manifest", "talks"))


class PickyEngine(NoiseEngine):
    """Noise, but a text with a word of `tricks` in it gets that trick's audio."""

    calls: ClassVar[list[list[str]]] = []
    tricks: ClassVar[dict[str, Callable[[np.ndarray], np.ndarray]]] = {
        "fail": lambda noise: 1 / 0,
        "nan": lambda noise: np.full(len(noise), np.nan, np.float32),
        "empty": lambda noise: noise[:0],
        "faint": lambda noise: (noise // 2048).astype(np.int16),
        "loud": lambda noise: np.full(len(noise), 1.0, np.float32),
        "same": lambda noise: np.arange(1, 9601, dtype=np.int16),
    }

    def synthesize(self, tasks: Sequence[SynthesisTask]) -> list[SynthesisResult]:
        PickyEngine.calls.append([task.spoken for task in tasks])
        results = super().synthesize(tasks)
        for task, result in zip(tasks, results, strict=True):
            for word, trick in self.tricks.items():
                if word in task.spoken:
                    result.audio = trick(result.audio)
        return results


class PickyEngines(EngineResource):
    """Gives every lane a `PickyEngine`."""

    def engine(self, recipe: Recipe, lane: int) -> PickyEngine:
        return PickyEngine(recipe.noise)


@pytest.fixture
def picky(tmp_path: Path) -> Pipeline:
    PickyEngine.calls.clear()
    return Pipeline(tmp_path / "data", PickyEngines())


# -- synthesis_tasks


def test_parsing_registers_the_shards_in_order(built):
    assert built.pipeline.shards() == ["talks.000000", "talks.000001", "talks.000002"]


def test_shards_of_several_datasets_stay_side_by_side(pipeline, talks):
    pipeline.parse(talks, "a", samples_per_shard=5)
    pipeline.parse(talks, "b", samples_per_shard=5)

    pipeline.parse(talks, "a", samples_per_shard=4)

    assert pipeline.shards() == ["b.000000", "b.000001", "a.000000", "a.000001", "a.000002"]


def test_parsing_reports_its_counts(built):
    figures = metadata(built.parsed, "synthesis_tasks")["talks"]

    counts = {name: figures[name] for name in ("lines", "dialogues", "tasks", "rejected", "shards")}
    assert counts == {"lines": 12, "dialogues": 10, "tasks": 20, "rejected": 2, "shards": 3}


def test_parsing_reports_time_and_memory(built):
    figures = metadata(built.parsed, "synthesis_tasks")["talks"]

    assert figures["wall_seconds"] > 0 and figures["peak_rss_mb"] > 10


def test_parsing_stores_the_resolved_recipe(built):
    stored = yaml.safe_load(built.store.recipe_path.read_text())

    assert (stored["buffer_size"], stored["engine"], stored["layout"]) == (3, "noise", "sequential")


def test_a_file_in_the_inbox_is_found_by_the_dataset_s_name(pipeline, talks):
    write_dialogues(pipeline.root / "inbox" / "chat.jsonl", [dialogue(1)])
    pipeline.instance.add_dynamic_partitions("datasets", ["chat"])

    run = pipeline.materialize("synthesis_tasks", "chat")

    assert metadata(run, "synthesis_tasks")["chat"]["dialogues"] == 1


def test_a_dataset_that_nothing_describes_says_what_to_give(pipeline):
    pipeline.instance.add_dynamic_partitions("datasets", ["unknown"])

    run = pipeline.materialize("synthesis_tasks", "unknown")

    assert "give the dialogue file as run config" in failure(run)


def test_parsing_again_without_config_keeps_the_recipe(pipeline, talks):
    pipeline.parse(talks, gap=0.5, samples_per_shard=4)

    pipeline.materialize("synthesis_tasks", "talks")

    assert (pipeline.store().recipe().gap, len(pipeline.shards())) == (0.5, 3)


def test_a_range_of_datasets_is_parsed_in_one_run(pipeline, talks):
    pipeline.parse(talks, "a")
    pipeline.parse(talks, "b")

    run = pipeline.materialize("synthesis_tasks", "a", "b")

    assert sorted(metadata(run, "synthesis_tasks")) == ["a", "b"]


def test_a_new_dataset_that_cannot_be_parsed_leaves_no_folder(pipeline, talks):
    talks.write_text("{broken\n")

    run = pipeline.parse(talks)

    assert not run.success
    assert not pipeline.store().folder.exists()


def test_a_file_without_a_good_line_fails_and_keeps_what_was_there(pipeline, talks):
    pipeline.parse(talks)
    before = pipeline.store().summary()
    talks.write_text("{broken\n")

    run = pipeline.materialize("synthesis_tasks", "talks")

    assert "holds no usable dialogue" in failure(run)
    assert pipeline.store().summary() == before


# -- mono_syntheses


def test_one_shard_is_spoken_alone(pipeline, talks):
    pipeline.parse(talks, samples_per_shard=4)

    run = pipeline.materialize("mono_syntheses", "talks.000001")

    assert list(metadata(run, "mono_syntheses")) == ["talks.000001"]
    assert [path.name for path in (pipeline.store().folder / "mono").iterdir() if path.is_dir()] == ["talks.000001"]


def test_a_range_of_shards_reports_each_shard(built):
    figures = metadata(built.mono, "mono_syntheses")

    assert {key: values["spoken"] for key, values in figures.items()} == {
        "talks.000000": 8,
        "talks.000001": 8,
        "talks.000002": 4,
    }


def test_speech_reports_every_figure(built):
    figures = metadata(built.mono, "mono_syntheses")["talks.000000"]

    assert figures.keys() >= {
        "dialogues",
        "tasks",
        "spoken",
        "reused",
        "rejected",
        "audio_seconds",
        "wall_seconds",
        "x_realtime",
        "latency_mean_seconds",
        "latency_p95_seconds",
        "queue_depth_mean",
        "queue_depth_max",
        "peak_rss_mb",
    }


def test_speech_figures_agree_with_the_recordings(built):
    reported = sum(figures["audio_seconds"] for figures in metadata(built.mono, "mono_syntheses").values())

    recordings = [sf.read(path, dtype="int16")[0] for path in built.store.stereo_folder.glob("*.wav")]
    spoken = sum(len(np.trim_zeros(channel)) for samples in recordings for channel in samples.T)
    assert reported == pytest.approx(spoken / 24000, abs=0.01)


def test_rerun_speaks_nothing(pipeline, talks):
    pipeline.parse(talks)
    pipeline.materialize("mono_syntheses", "talks.000000")

    (again,) = metadata(pipeline.materialize("mono_syntheses", "talks.000000"), "mono_syntheses").values()

    assert (again["spoken"], again["reused"]) == (0, 20)


SPEED = ("audio_seconds", "wall_seconds", "x_realtime", "latency_mean_seconds", "latency_p95_seconds", "peak_rss_mb")


def test_a_rerun_that_speaks_nothing_leaves_the_plots_as_they_were(pipeline, talks):
    pipeline.parse(talks)
    (first,) = metadata(pipeline.materialize("mono_syntheses", "talks.000000"), "mono_syntheses").values()

    (again,) = metadata(pipeline.materialize("mono_syntheses", "talks.000000"), "mono_syntheses").values()

    assert {name: again[name] for name in SPEED} == {name: first[name] for name in SPEED}
    assert again["x_realtime"] > 0 and again["peak_rss_mb"] > 0
    assert (first["spoken_seconds"], again["spoken_seconds"]) == (first["audio_seconds"], 0)


def test_a_rerun_without_a_speed_log_plots_nothing_rather_than_zero(pipeline, talks):
    pipeline.parse(talks)
    pipeline.materialize("mono_syntheses", "talks.000000")
    pipeline.store().speed_path("talks.000000").unlink()

    (again,) = metadata(pipeline.materialize("mono_syntheses", "talks.000000"), "mono_syntheses").values()

    assert not again.keys() & set(SPEED)


def test_a_rerun_that_aligns_nothing_leaves_the_plots_of_transcripts_as_they_were(pipeline, talks):
    pipeline.parse(talks)
    pipeline.speak_and_pair("talks.000000", "talks.000000")
    runs = [pipeline.materialize("transcripts", "talks.000000") for _ in range(2)]
    pipeline.store().transcripts_path("talks.000000").unlink()
    first, again = (next(iter(metadata(run, "transcripts").values())) for run in runs)

    assert again["x_realtime"] == first["x_realtime"] > 0
    assert again["aligned_seconds"] == 0


def test_one_step_per_lane_speaks_all_shards(built):
    lanes = sorted(e.step_key for e in built.mono.all_events if e.is_step_success and "make_shards" in e.step_key)

    assert lanes == ["made_shards.make_shards[lane_0]", "made_shards.make_shards[lane_1]"]


def test_a_damaged_part_is_spoken_again(pipeline, talks):
    pipeline.parse(talks)
    pipeline.materialize("mono_syntheses", "talks.000000")
    (part,) = pipeline.store().mono_folder("talks.000000").iterdir()
    flip_byte(part)

    (again,) = metadata(pipeline.materialize("mono_syntheses", "talks.000000"), "mono_syntheses").values()

    assert again["spoken"] == 20


def test_keep_temp_writes_each_utterance(pipeline, talks):
    pipeline.parse(talks, keep_temp=True)
    pipeline.materialize("mono_syntheses", "talks.000000")

    assert len(list(pipeline.store().temp_folder.glob("*.wav"))) == 20


def test_speech_of_an_unknown_dataset_says_what_to_do(pipeline):
    pipeline.instance.add_dynamic_partitions("shards", ["lost.000000"])

    run = pipeline.materialize("mono_syntheses", "lost.000000")

    assert "materialize synthesis_tasks for it first" in failure(run)


@pytest.mark.parametrize("word", ["fail", "nan", "empty"])
def test_an_utterance_that_cannot_be_spoken_takes_its_dialogue_to_the_rejects(picky, tmp_path, word):
    records = [dialogue(1), dialogue(2, user_text=f"Say {word} please."), dialogue(3)]
    store = picky.build(write_dialogues(tmp_path / "talks.jsonl", records))

    rejects = [(reject.id, reject.stage, reject.line) for reject in store.rejects()]
    assert rejects == [("talk-002", "synthesis", 2)]
    assert [Path(row["path"]).stem for row in manifest_rows(store.folder)] == ["talk-001", "talk-003"]


def test_an_utterance_that_cannot_be_spoken_is_tried_once_more(picky, tmp_path):
    picky.build(write_dialogues(tmp_path / "talks.jsonl", [dialogue(1), dialogue(2, user_text="fail")]))

    assert [texts for texts in PickyEngine.calls if texts == ["fail"]] == [["fail"]] * 2


def test_an_utterance_that_fails_its_gates_is_spoken_again_and_the_figures_say_so(picky, tmp_path):
    picky.parse(write_dialogues(tmp_path / "talks.jsonl", [dialogue(1), dialogue(2, user_text="loud")]))

    run = picky.materialize("mono_syntheses", "talks.000000")

    (figures,) = metadata(run, "mono_syntheses").values()
    assert sum(text == "loud" for texts in PickyEngine.calls for text in texts) == 3
    assert (figures["spoken"], figures["failed"], figures["retried"], figures["rejected"]) == (3, 1, 2, 1)
    assert (figures["utterances"], figures["utterances_rejected"], figures["rejected_loudness_lufs"]) == (3, 1, 1)
    assert -40 < figures["loudness_lufs_min"] < figures["loudness_lufs_max"] < -15


def test_what_could_not_be_spoken_is_counted(picky, tmp_path):
    picky.parse(write_dialogues(tmp_path / "talks.jsonl", [dialogue(1), dialogue(2, user_text="nan")]))

    run = picky.materialize("mono_syntheses", "talks.000000")

    (figures,) = metadata(run, "mono_syntheses").values()
    assert (figures["spoken"], figures["failed"], figures["rejected"]) == (3, 1, 1)


# -- stereo_pairs


def test_pairs_report_every_figure(built):
    figures = metadata(built.stereo, "stereo_pairs")

    assert {key: values["written"] for key, values in figures.items()} == {
        "talks.000000": 4,
        "talks.000001": 4,
        "talks.000002": 2,
    }
    assert figures["talks.000000"].keys() >= {"dialogues", "reused", "rejected", "audio_seconds", "wall_seconds"}


def test_pairs_report_turn_taking(built):
    figures = metadata(built.stereo, "stereo_pairs")["talks.000001"]

    assert (figures["recordings"], figures["changes_of_speaker"], figures["training_windows"]) == (4, 4, 4)
    assert figures["gap_mean_seconds"] == pytest.approx(0.3, abs=0.01)  # sound ends somewhere in 10 ms
    assert figures["gap_median_seconds"] == pytest.approx(0.3, abs=0.01)
    assert figures["overlap_share"] == 0
    assert figures["audio_seconds"] == pytest.approx(
        figures["assistant_seconds"] + figures["user_seconds"] + 4 * 0.3, abs=0.01
    )
    assert figures["window_fill"] == pytest.approx(figures["audio_seconds"] / 400, abs=1e-3)


def test_pairs_pass_their_checks(built):
    assert checks(built.stereo) == dict.fromkeys(
        ("format", "channels", "roles", "padding", "silence", "clipping", "gates"), True
    )


def test_the_assistant_is_left_and_waits_for_the_user_on_the_right(pipeline, tmp_path):
    record = dialogue(1, user_text="x" * 30, assistant_text="x" * 60)  # 2 s and 4 s of noise
    store = pipeline.build(write_dialogues(tmp_path / "talks.jsonl", [record]), gap=0.5)

    samples, rate = sf.read(store.stereo_folder / "talk-001.wav", dtype="int16")

    speech = [np.flatnonzero(channel) / rate for channel in samples.T]
    assert [(round(times[0], 2), round(times[-1], 2)) for times in speech] == [(2.5, 6.5), (0.0, 2.0)]


def test_recordings_have_the_rate_and_the_folders_of_the_recipe(pipeline, talks):
    store = pipeline.build(talks, sample_rate=16000, shard_dirs=True, samples_per_shard=4)

    row = manifest_rows(store.folder)[4]
    assert row["path"] == "data_stereo/talks.000001/talk-004.wav"
    assert sf.info(store.folder / row["path"]).samplerate == 16000


def test_pairs_are_not_written_again(pipeline, talks):
    store = pipeline.build(talks)
    before = {path: path.stat().st_mtime_ns for path in store.stereo_folder.iterdir()}

    run = pipeline.materialize("stereo_pairs", "talks.000000")

    assert metadata(run, "stereo_pairs")["talks.000000"]["reused"] == 10
    assert {path: path.stat().st_mtime_ns for path in store.stereo_folder.iterdir()} == before


@pytest.mark.parametrize("damage", [flip_byte, Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:999])])
def test_a_damaged_recording_is_written_again_from_the_parts(pipeline, talks, damage):
    store = pipeline.build(talks, keep_mono=True)
    before = digests(store.folder)
    damage(store.stereo_folder / "talk-004.wav")

    run = pipeline.materialize("stereo_pairs", "talks.000000")

    assert metadata(run, "stereo_pairs")["talks.000000"]["written"] == 1
    assert digests(store.folder) == before


def test_pairs_without_speech_say_what_to_do(pipeline, talks):
    pipeline.parse(talks)

    run = pipeline.materialize("stereo_pairs", "talks.000000")

    assert "materialize mono_syntheses for talks.000000 first" in failure(run)


@pytest.mark.parametrize(("word", "check"), [("faint", "silence"), ("loud", "clipping")])
def test_a_recording_that_would_mislead_and_passed_no_gate_fails_its_check(picky, tmp_path, word, check):
    source = write_dialogues(tmp_path / "talks.jsonl", [dialogue(1), dialogue(2, assistant_text=word * 9)])
    picky.parse(source, gates={"enabled": False})

    run = picky.speak_and_pair("talks.000000", "talks.000000")[1]

    assert [name for name, passed in checks(run).items() if not passed] == [check]


def test_channels_that_are_the_same_fail_their_check(picky, tmp_path):
    record = dialogue(1, user_text="same", assistant_text="same")
    picky.parse(write_dialogues(tmp_path / "talks.jsonl", [record]), layout="overlapped", gates={"enabled": False})

    run = picky.speak_and_pair("talks.000000", "talks.000000")[1]

    assert checks(run)["channels"] is False


@pytest.fixture
def faulty(picky, tmp_path) -> Pipeline:
    """A dataset without gates whose second recording failed its check."""
    source = write_dialogues(tmp_path / "talks.jsonl", [dialogue(1), dialogue(2, user_text="faint")])
    picky.parse(source, gates={"enabled": False})
    assert not picky.speak_and_pair("talks.000000", "talks.000000")[1].success
    return picky


def test_a_failed_check_keeps_the_manifest_back(faulty):
    run = faulty.materialize("manifest", "talks")

    assert "talk-002.wav must not be trained on: the user channel is silent" in failure(run)
    assert not faulty.store().manifest_path.exists()


def test_a_failed_check_still_fails_when_it_is_run_again(faulty):
    run = faulty.materialize("stereo_pairs", "talks.000000")

    assert checks(run)["silence"] is False


def test_without_keep_mono_the_parts_go_and_a_rerun_speaks_nothing(pipeline, talks):
    store = pipeline.build(talks, keep_mono=False)

    (again,) = metadata(pipeline.materialize("mono_syntheses", "talks.000000"), "mono_syntheses").values()

    assert not store.mono_folder("talks.000000").exists()
    assert again["spoken"] == 0


def test_without_keep_mono_a_damaged_recording_is_spoken_again(pipeline, talks):
    store = pipeline.build(talks, keep_mono=False)
    before = digests(store.folder)
    flip_byte(store.stereo_folder / "talk-004.wav")

    mono, _ = pipeline.speak_and_pair("talks.000000", "talks.000000")

    assert metadata(mono, "mono_syntheses")["talks.000000"]["spoken"] == 2
    assert digests(store.folder) == before


# -- manifest


def test_the_manifest_lists_recordings_in_input_order_with_their_durations(built):
    folder = built.store.folder
    paths = [f"data_stereo/talk-{number:03d}.wav" for number in range(10)]

    assert manifest_rows(folder) == [{"path": path, "duration": sf.info(folder / path).duration} for path in paths]


def test_the_manifest_reports_its_figures(built):
    figures = metadata(built.manifest, "manifest")["talks"]

    assert (figures["dialogues"], figures["rejected"], figures["removed_files"]) == (10, 2, 0)
    assert figures["for_evaluation"] == 0 and Path(figures["card"]).is_file() and Path(figures["manifest"]).is_file()


def test_the_manifest_passes_its_check(built):
    assert checks(built.manifest) == {"manifest": True, "counts": True}


def test_the_same_manifest_is_written_again(pipeline, talks):
    store = pipeline.build(talks, samples_per_shard=4)
    before = store.manifest_path.read_bytes()

    pipeline.build(talks, samples_per_shard=4)

    assert store.manifest_path.read_bytes() == before


def test_a_manifest_before_its_shards_says_what_is_missing(pipeline, talks):
    pipeline.parse(talks, samples_per_shard=4)
    pipeline.speak_and_pair("talks.000000", "talks.000001")

    run = pipeline.materialize("manifest", "talks")

    assert "1 of 3 shards have no stereo pairs (talks.000002" in failure(run)


def test_recordings_that_left_the_input_are_removed(pipeline, talks):
    store = pipeline.build(talks)
    lines = talks.read_text().splitlines(keepends=True)
    talks.write_text("".join(line for line in lines if "talk-004" not in line))

    pipeline.build(talks)

    assert not (store.stereo_folder / "talk-004.wav").exists()
    assert len(manifest_rows(store.folder)) == 9


def test_an_edited_text_speaks_its_turn_alone(pipeline, talks):
    pipeline.build(talks, samples_per_shard=4)
    talks.write_text(talks.read_text().replace("question number 6", "question number sixty"))
    pipeline.parse(talks, samples_per_shard=4)

    run = pipeline.materialize("mono_syntheses", "talks.000000", "talks.000002")

    assert sum(figures["spoken"] for figures in metadata(run, "mono_syntheses").values()) == 1


def test_an_inserted_line_moves_shard_borders_and_speaks_its_turns_alone(pipeline, talks):
    pipeline.build(talks, samples_per_shard=4)
    write_dialogues(talks, [dialogue(50), *map(json.loads, filter(_is_good, talks.read_text().splitlines()))])
    pipeline.parse(talks, samples_per_shard=4)

    run = pipeline.materialize("mono_syntheses", "talks.000000", "talks.000002")

    assert sum(figures["spoken"] for figures in metadata(run, "mono_syntheses").values()) == 2


def _is_good(line: str) -> bool:
    return line.endswith("}")


# -- what the catalogue shows


def test_each_partition_tells_where_it_lies_and_how_many_rows_it_has(built):
    tasks, speech, pairs, manifest = (
        metadata(run, name)
        for run, name in (
            (built.parsed, "synthesis_tasks"),
            (built.mono, "mono_syntheses"),
            (built.stereo, "stereo_pairs"),
            (built.manifest, "manifest"),
        )
    )

    counts = [each["dagster/partition_row_count"] for each in (tasks["talks"], speech["talks.000000"])]
    assert [*counts, pairs["talks.000000"]["dagster/partition_row_count"]] == [20, 8, 4]
    assert manifest["talks"]["dagster/partition_row_count"] == 10
    assert manifest["talks"]["dagster/uri"] == built.store.manifest_path.as_uri()


def test_each_shard_names_a_recording_to_listen_to(built):
    samples = [Path(each["sample"]) for each in metadata(built.stereo, "stereo_pairs").values()]

    assert len(samples) == 3 and all(sf.info(sample).channels == 2 for sample in samples)


def test_the_rejects_are_a_table(pipeline, talks):
    run = pipeline.parse(talks)
    records = metadata(run, "synthesis_tasks")["talks"]["first_rejects"].records

    assert [(record.data["line"], record.data["stage"]) for record in records] == [(4, "parse"), (12, "parse")]
    assert all(record.data["reason"] for record in records)


def test_a_table_of_rejects_is_short_however_many_there_are(pipeline, tmp_path):
    source = write_dialogues(tmp_path / "talks.jsonl", [dialogue(0), *["{broken" + "x" * 5000] * 300])

    records = metadata(pipeline.parse(source), "synthesis_tasks")["talks"]["first_rejects"].records

    assert len(records) == 50 and max(len(str(value)) for record in records for value in record.data.values()) <= 200


def test_the_report_is_a_link_where_the_data_is_served(pipeline, talks, monkeypatch):
    monkeypatch.setenv("MOSHI_ASSETS_FILES_URL", "http://data.example/root/")
    pipeline.build(talks)

    report = metadata(pipeline.materialize("manifest", "talks"), "manifest")["talks"]["report"]

    assert report == "http://data.example/root/talks/report.html"


def test_a_parse_of_the_same_file_is_the_same_version_of_the_tasks_and_another_gap_is_not(pipeline, talks):
    runs = [pipeline.parse(talks), pipeline.parse(talks), pipeline.parse(talks, gap=1.0)]

    tags = [next(e for e in run.all_events if e.is_step_materialization).materialization.tags for run in runs]
    first, again, changed = (each["dagster/data_version"] for each in tags)
    assert first == again != changed
