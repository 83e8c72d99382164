"""The synthesis loop of one lane, with engines that misbehave in every way."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from moshi_assets.engines.base import EngineError, SynthesisResult, SynthesisTask
from moshi_assets.engines.noise import NoiseEngine
from moshi_assets.processes.worker import default_device
from moshi_assets.recipe.engines import NoiseOptions
from moshi_assets.resume.missing import missing_rows
from moshi_assets.synthesis.lane import HOPELESS_FAILURES, UNWRITTEN_ROWS, Lane
from moshi_assets.synthesis.parts import SpokenShard
from moshi_assets.synthesis.progress import read_progress
from tests.moshi_assets.support.plain_dataset import PlainDataset, full_disk, record, records


class WatchedEngine(NoiseEngine):
    """Noise that counts its calls; subclasses spoil some of them."""

    def __init__(self, batch_size: int = 4) -> None:
        super().__init__(NoiseOptions(characters_per_second=200))
        self.batch_size = batch_size
        self.calls: list[list[str]] = []
        self.attempts: Counter[str] = Counter()

    def synthesize(self, tasks: Sequence[SynthesisTask]) -> list[SynthesisResult]:
        self.calls.append([task.spoken for task in tasks])
        self.attempts.update(task.spoken for task in tasks)
        return [self.spoil(task, result) for task, result in zip(tasks, super().synthesize(tasks), strict=True)]

    def spoil(self, task: SynthesisTask, result: SynthesisResult) -> SynthesisResult:
        return result


class Spoiled(WatchedEngine):
    """Does something else to the tasks whose text holds `bad`."""

    def __init__(self, spoil: Callable[[SynthesisResult], Any], batch_size: int = 4) -> None:
        super().__init__(batch_size)
        self._spoil = spoil

    def spoil(self, task: SynthesisTask, result: SynthesisResult) -> SynthesisResult:
        return self._spoil(result) if "bad" in task.spoken else result


def raises(result: SynthesisResult) -> SynthesisResult:
    raise RuntimeError("out of memory")


def with_audio(audio: np.ndarray) -> Callable[[SynthesisResult], SynthesisResult]:
    return lambda result: SynthesisResult(audio, result.sample_rate, result.wall_seconds)


BAD_AUDIO = {
    "raises": (raises, "RuntimeError: out of memory"),
    "nan": (with_audio(np.array([0.1, np.nan], np.float32)), "NaN or infinite"),
    "infinite": (with_audio(np.array([0.1, np.inf], np.float32)), "NaN or infinite"),
    "empty": (with_audio(np.zeros(0, np.float32)), "audio is empty"),
    "silent": (with_audio(np.zeros(9000, np.int16)), "audio is silent"),
    "stereo": (with_audio(np.ones((9000, 2), np.float32)), "has shape"),
    "nothing": (lambda result: None, "None"),
}


def lines_with_a_bad_one(count: int = 6, bad: int = 3) -> list[dict[str, Any]]:
    return [record(n, assistant_text="bad") if n == bad else record(n) for n in range(count)]


def lane(dataset: PlainDataset, engine: NoiseEngine, **options: Any) -> Lane:
    """One lane over everything that is missing."""
    missing = [(shard, missing_rows(dataset.store, dataset.recipe, shard)) for shard in dataset.store.shards()]
    return Lane(dataset.store, dataset.recipe, engine, missing, **options)


# -- utterances that cannot be spoken


@pytest.mark.parametrize("batch_size", [1, 4, 100])
@pytest.mark.parametrize("way", BAD_AUDIO)
def test_an_utterance_that_cannot_be_spoken_costs_its_dialogue_only(tmp_path: Path, way: str, batch_size: int):
    spoil, reason = BAD_AUDIO[way]
    dataset = PlainDataset(tmp_path, lines_with_a_bad_one())

    dataset.build(Spoiled(spoil, batch_size))

    assert [row["path"] for row in dataset.rows()] == [f"data_stereo/talk_{n:03d}.wav" for n in (0, 1, 2, 4, 5)]
    (reject,) = dataset.store.rejects()
    assert (reject.id, reject.line, reject.stage) == ("talk_003", 4, "synthesis")
    assert "turn 1 (assistant)" in reject.reason and reason in reject.reason


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("max_retries", [0, 2])
def test_bad_audio_is_tried_again_with_other_seeds(tmp_path: Path, batch_size: int, max_retries: int):
    engine = Spoiled(BAD_AUDIO["nan"][0], batch_size)
    PlainDataset(tmp_path, lines_with_a_bad_one(), max_retries=max_retries).build(engine)
    assert engine.attempts["bad"] == 1 + max_retries
    assert sum(engine.attempts.values()) == 12 + max_retries


def test_an_exception_on_a_single_utterance_is_tried_twice(tmp_path: Path):
    engine = Spoiled(raises, batch_size=1)
    PlainDataset(tmp_path, lines_with_a_bad_one()).build(engine)
    assert engine.attempts["bad"] == 2


def test_a_failed_batch_is_spoken_one_by_one(tmp_path: Path):
    engine = Spoiled(raises, batch_size=4)
    PlainDataset(tmp_path, lines_with_a_bad_one(count=2, bad=1)).build(engine)
    assert [len(call) for call in engine.calls] == [4, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("batch_size", [1, 4])
def test_an_utterance_that_fails_once_is_spoken(tmp_path: Path, batch_size: int):
    class FailsFirst(WatchedEngine):
        def spoil(self, task: SynthesisTask, result: SynthesisResult) -> SynthesisResult:
            return raises(result) if self.attempts[task.spoken] == 1 else result

    dataset = PlainDataset(tmp_path, records(6))
    dataset.build(FailsFirst(batch_size))
    assert len(dataset.rows()) == 6 and list(dataset.store.rejects()) == []


@pytest.mark.parametrize("count", [0, 3, 5])
def test_an_engine_that_gives_a_wrong_number_of_results_is_asked_one_by_one(tmp_path: Path, count: int):
    class Miscounts(WatchedEngine):
        def synthesize(self, tasks: Sequence[SynthesisTask]) -> list[SynthesisResult]:
            results = super().synthesize(tasks)
            return (results * 2)[:count] if len(tasks) == 4 else results

    dataset, truth = PlainDataset(tmp_path, records(4)), PlainDataset(tmp_path, records(4), name="truth")
    truth.build()
    dataset.build(Miscounts())
    assert dataset.spoken() == truth.spoken()


def test_an_engine_may_put_an_exception_in_the_place_of_a_task(tmp_path: Path):
    class Exact(Spoiled):
        def synthesize(self, tasks: Sequence[SynthesisTask]) -> list[Any]:
            good = NoiseEngine.synthesize(self, tasks)
            return [
                ValueError("cannot say it") if "bad" in t.spoken else result
                for t, result in zip(tasks, good, strict=True)
            ]

    dataset = PlainDataset(tmp_path, lines_with_a_bad_one())
    dataset.build(Exact(raises))
    (reject,) = dataset.store.rejects()
    assert "ValueError: cannot say it" in reject.reason


def test_both_turns_of_a_dialogue_can_fail(tmp_path: Path):
    lines = [record(0), record(1, user_text="bad", assistant_text="bad too")]
    dataset = PlainDataset(tmp_path, lines)
    dataset.build(Spoiled(raises))
    (reject,) = dataset.store.rejects()
    assert reject.id == "talk_001"


def test_a_failed_dialogue_is_tried_again_by_the_next_build(tmp_path: Path):
    dataset = PlainDataset(tmp_path, lines_with_a_bad_one())
    dataset.build(Spoiled(raises))
    assert dataset.build() == 1
    assert len(dataset.rows()) == 6 and list(dataset.store.rejects()) == []


def test_an_engine_that_speaks_nothing_ends_the_lane_with_its_reason(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [record(n, user_text=f"bad {n}", assistant_text=f"bad {n}.") for n in range(60)])
    dataset.plan()
    with pytest.raises(EngineError, match=rf"failed on {HOPELESS_FAILURES} utterances in a row.*out of memory"):
        dataset.speak(Spoiled(raises))


def test_an_engine_that_breaks_midway_ends_the_lane_and_keeps_what_it_spoke(tmp_path: Path):
    lines = [
        record(n, user_text="good one" if n < 4 else f"bad {n}", assistant_text="good" if n < 4 else "bad")
        for n in range(60)
    ]
    dataset = PlainDataset(tmp_path, lines)
    dataset.plan()
    with pytest.raises(EngineError, match=rf"failed on {HOPELESS_FAILURES} utterances in a row.*out of memory"):
        dataset.speak(Spoiled(raises))
    assert len(dataset.spoken()) == 8


def test_many_texts_without_sound_are_rejects_once_others_were_spoken(tmp_path: Path):
    lines = [
        record(n, user_text="good one" if n < 4 else f"bad {n}", assistant_text="good" if n < 4 else "bad")
        for n in range(60)
    ]
    dataset = PlainDataset(tmp_path, lines)
    dataset.build(Spoiled(with_audio(np.zeros(0, np.float32))))
    assert len(dataset.rows()) == 4 and len(list(dataset.store.rejects())) == 56


def test_figures_count_spoken_and_failed(tmp_path: Path):
    dataset = PlainDataset(tmp_path, lines_with_a_bad_one(), samples_per_shard=6)
    dataset.plan()
    (report,) = dataset.speak(Spoiled(raises))
    figures = report.figures["talks.000000"]
    assert (figures.tasks, figures.spoken, figures.failed, len(figures.latencies)) == (12, 11, 1, 11)
    assert figures.audio_seconds == pytest.approx(11 * 0.2)


# -- results do not depend on how the work was cut


@pytest.mark.parametrize(
    "settings",
    [
        {"worker_count": 2},
        {"worker_count": 3},
        {"planner_buffer": 1},
        {"samples_per_shard": 3},
        {"samples_per_shard": 100},
        {"keep_temp": True},
    ],
    ids=str,
)
def test_rows_are_the_same_however_the_work_is_cut(tmp_path: Path, settings: dict[str, Any]):
    truth, dataset = PlainDataset(tmp_path, records(20), name="truth"), PlainDataset(tmp_path, records(20), **settings)
    truth.build()
    dataset.build()
    assert dataset.spoken() == truth.spoken()


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_rows_are_the_same_whatever_the_batch(tmp_path: Path, batch_size: int):
    truth, dataset = PlainDataset(tmp_path, records(10), name="truth"), PlainDataset(tmp_path, records(10))
    truth.build()
    dataset.build(WatchedEngine(batch_size))
    assert dataset.spoken() == truth.spoken()


def test_the_lanes_of_a_run_share_the_work(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(9), worker_count=3)
    dataset.plan()
    spoken = [sum(f.spoken for f in report.figures.values()) for report in dataset.speak()]
    assert sorted(spoken) == [6, 6, 6]


def test_batches_hold_one_shard_and_no_more_than_the_engine_wants(tmp_path: Path):
    engine = WatchedEngine(batch_size=3)
    dataset = PlainDataset(tmp_path, records(6))
    dataset.plan()
    dataset.speak(engine)
    assert [len(call) for call in engine.calls] == [3, 3, 2, 3, 1]


# -- bounds


class SlowWriter(WatchedEngine):
    """Compares at each call what was spoken with what lies in parts."""

    def __init__(self, folder: Path, batch_size: int) -> None:
        super().__init__(batch_size)
        self._folder = folder
        self.most_unwritten = 0

    def synthesize(self, tasks: Sequence[SynthesisTask]) -> list[SynthesisResult]:
        results = super().synthesize(tasks)
        written = sum(len(part.keys) for part in SpokenShard(self._folder.glob("*")).parts)
        self.most_unwritten = max(self.most_unwritten, sum(self.attempts.values()) - written)
        return results


@pytest.mark.parametrize("batch_size", [1, 7, 16, 64])
def test_what_a_killed_lane_would_lose_is_bounded(tmp_path: Path, batch_size: int):
    dataset = PlainDataset(tmp_path, records(150), samples_per_shard=150)
    engine = SlowWriter(dataset.store.folder / "mono", batch_size)
    dataset.plan()
    dataset.speak(engine)
    assert 0 < engine.most_unwritten <= max(UNWRITTEN_ROWS, 2 * batch_size)


@pytest.mark.parametrize(("planner_buffer", "deepest"), [(1, 8), (16, 20), (64, 68)])
def test_the_planner_reads_ahead_no_further_than_its_buffer(tmp_path: Path, planner_buffer: int, deepest: int):
    dataset = PlainDataset(tmp_path, records(100), samples_per_shard=100, planner_buffer=planner_buffer)
    dataset.plan()
    (report,) = dataset.speak(WatchedEngine(batch_size=4))
    assert 4 <= report.figures["talks.000000"].depth_max <= deepest


def test_parts_appear_while_the_lane_works(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(100), samples_per_shard=100)
    engine = SlowWriter(dataset.store.folder / "mono", 16)
    dataset.plan()
    dataset.speak(engine)
    assert len(list(dataset.store.mono_folder("talks.000000").glob("*.arrow"))) >= 5


# -- disks and interrupts


def test_a_part_folder_that_cannot_be_made_ends_the_lane_and_leaves_earlier_parts(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(12))
    dataset.plan()
    dataset.store.mono_folder("talks.000001").parent.mkdir()
    dataset.store.mono_folder("talks.000001").write_text("not a folder")

    with pytest.raises(OSError, match=r"talks\.000001"):
        lane(dataset, WatchedEngine()).run()

    first = {row["content_key"] for row in dataset.store.tasks("talks.000000").to_pylist()}
    assert set(SpokenShard([dataset.store.mono_folder("talks.000000")])._where) == first


def test_a_full_disk_ends_the_lane_and_leaves_only_intact_parts(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(12), samples_per_shard=12)
    dataset.plan()
    with full_disk(30_000), pytest.raises(OSError):
        lane(dataset, WatchedEngine()).run()
    assert list(dataset.store.mono_folder("talks.000000").rglob("*")) == []


def test_a_lane_that_ran_out_of_disk_continues_when_there_is_room(tmp_path: Path):
    dataset, truth = PlainDataset(tmp_path, records(12)), PlainDataset(tmp_path, records(12), name="truth")
    truth.build()
    dataset.plan()
    with full_disk(30_000), pytest.raises(OSError):
        dataset.speak()
    dataset.build()
    assert dataset.spoken() == truth.spoken()


def test_a_shard_without_tasks_ends_the_lane(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(2))
    dataset.plan()
    missing = [("talks.000009", np.array([0, 1], np.uint32))]
    with pytest.raises(RuntimeError, match=r"talks\.000009"):
        Lane(dataset.store, dataset.recipe, WatchedEngine(), missing).run()


def test_an_interrupt_keeps_what_was_spoken(tmp_path: Path):
    class Interrupted(WatchedEngine):
        def spoil(self, task: SynthesisTask, result: SynthesisResult) -> SynthesisResult:
            if len(self.calls) == 20:
                raise KeyboardInterrupt
            return result

    dataset = PlainDataset(tmp_path, records(100), samples_per_shard=100)
    dataset.plan()
    engine = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        lane(dataset, engine).run()

    left = len(missing_rows(dataset.store, dataset.recipe, "talks.000000"))
    assert 200 - 19 * 4 <= left <= 200 - 19 * 4 + UNWRITTEN_ROWS


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_lane_that_ends_early_leaves_no_thread(tmp_path: Path, stop: type[BaseException]):
    class Stops(WatchedEngine):
        def spoil(self, task: SynthesisTask, result: SynthesisResult) -> SynthesisResult:
            raise stop

    dataset = PlainDataset(tmp_path, records(40))
    dataset.plan()
    with pytest.raises(stop):
        lane(dataset, Stops()).run()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lane-")]


# -- what a lane tells


def test_keep_temp_writes_every_utterance_as_a_mono_wav(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3), keep_temp=True)
    dataset.build()
    files = sorted(dataset.store.temp_folder.iterdir())
    assert [path.name for path in files][:2] == ["talk_000.0.user.wav", "talk_000.1.assistant.wav"]
    assert len(files) == 6
    samples, rate = sf.read(files[0], dtype="int16")
    assert (samples.tobytes(), rate) == (dataset.spoken()[dataset.tasks()[0]["content_key"]], 24000)


def test_without_keep_temp_there_is_no_mono_wav(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3))
    dataset.build()
    assert not dataset.store.temp_folder.exists()


def test_observations_come_while_the_lane_works(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(8))
    dataset.plan()
    seen: list[tuple[str, dict[str, Any]]] = []
    lane(dataset, WatchedEngine(), observe=lambda *told: seen.append(told), observe_seconds=0).run()
    assert [shard for shard, _ in seen] == ["talks.000000"] * 2 + ["talks.000001"] * 2
    assert [figures["spoken"] for _, figures in seen] == [4, 8, 4, 8]


def test_observations_are_not_more_frequent_than_asked(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(8))
    dataset.plan()
    seen: list[Any] = []
    lane(dataset, WatchedEngine(), observe=lambda *told: seen.append(told), observe_seconds=60).run()
    assert seen == []


def test_the_progress_file_ends_with_all_done(tmp_path: Path):
    dataset = PlainDataset(tmp_path, lines_with_a_bad_one())
    dataset.plan()
    lane(dataset, Spoiled(raises), total=12).run()
    (progress,) = read_progress(dataset.store.progress_folder)
    assert (progress.done, progress.total, progress.failed) == (12, 12, 1)
    assert progress.audio_seconds == pytest.approx(11 * 0.2)


def test_without_a_gpu_the_engine_chooses_its_device():
    import torch

    expected = [f"cuda:{n % torch.cuda.device_count()}" for n in range(3)] if torch.cuda.is_available() else [None] * 3
    assert [default_device(n) for n in range(3)] == expected
