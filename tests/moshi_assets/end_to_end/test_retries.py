"""Utterances that fail their gates: spoken again with another seed, taken when good, rejected when never."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from moshi_assets.audit.dataset import dataset_faults
from moshi_assets.engines.base import EngineError, SynthesisResult, SynthesisTask
from moshi_assets.engines.noise import NoiseEngine
from moshi_assets.recipe.engines import NoiseOptions
from moshi_assets.synthesis.lane import HOPELESS_FAILURES, UNWRITTEN_ROWS
from moshi_assets.synthesis.parts import NO_AUDIO, SpokenShard
from moshi_assets.synthesis.quality_table import read_quality
from tests.moshi_assets.support.erratic import PACE, TRICKS, ErraticEngine, trick
from tests.moshi_assets.support.plain_dataset import PlainDataset, record


def lines(word: str = "runaway", attempts: int = 1, count: int = 6, bad: int = 3) -> list[dict[str, Any]]:
    return [record(n, assistant_text=trick(word, attempts)) if n == bad else record(n) for n in range(count)]


def talks(
    folder: Path, content: list[dict[str, Any]], gates: dict[str, Any] | None = None, **more: Any
) -> PlainDataset:
    return PlainDataset(folder, content, gates=PACE | (gates or {}), **more)


# -- spoken again


@pytest.mark.parametrize("batch_size", [1, 4, 100])
@pytest.mark.parametrize("word", TRICKS)
def test_an_utterance_that_fails_its_gates_is_spoken_again(tmp_path: Path, word: str, batch_size: int):
    dataset, engine = talks(tmp_path, lines(word)), ErraticEngine(batch_size)

    dataset.build(engine)

    assert len(dataset.rows()) == 6 and list(dataset.store.rejects()) == []
    assert sum(engine.asked.values()) == 12 + 1
    assert engine.asked[trick(word, 1), 1] == 1


@pytest.mark.parametrize("word", TRICKS)
def test_a_dialogue_is_rejected_when_every_attempt_fails_and_the_reason_names_the_measure(tmp_path: Path, word: str):
    dataset, engine = talks(tmp_path, lines(word, attempts=9)), ErraticEngine()

    dataset.build(engine)

    assert [row["path"] for row in dataset.rows()] == [f"data_stereo/talk_{n:03d}.wav" for n in (0, 1, 2, 4, 5)]
    (reject,) = dataset.store.rejects()
    assert (reject.id, reject.line, reject.stage) == ("talk_003", 4, "synthesis")
    assert reject.reason.startswith("turn 1 (assistant) is not good enough: ")
    assert TRICKS[word][1] in reject.reason and "the last of 3 attempts" in reject.reason
    assert [attempt for (text, attempt) in engine.asked if word in text] == [0, 1, 2]


def test_the_reason_tells_value_and_threshold(tmp_path: Path):
    dataset = talks(tmp_path, lines("humming", attempts=9), gates={"max_dc": 0.03})
    dataset.build(ErraticEngine())
    (reject,) = dataset.store.rejects()
    assert "dc is 0.15" in reject.reason and "more than max_dc=0.03" in reject.reason


@pytest.mark.parametrize("max_retries", [0, 1, 5])
def test_max_retries_is_the_number_of_further_attempts(tmp_path: Path, max_retries: int):
    dataset, engine = talks(tmp_path, lines(attempts=9), max_retries=max_retries), ErraticEngine()
    dataset.build(engine)
    assert sum(engine.asked.values()) == 12 + max_retries
    assert len(list(dataset.store.rejects())) == 1


def test_what_comes_back_is_spoken_in_batches(tmp_path: Path):
    content = [record(n, assistant_text=trick("runaway", 1)) for n in range(16)]
    dataset, engine = talks(tmp_path, content, samples_per_shard=16), ErraticEngine(batch_size=4)
    dataset.build(engine)
    again = [call for call in engine.calls if any(attempt for _, attempt in call)]
    assert [len(call) for call in again] == [4, 4, 4, 4]


def test_what_is_left_of_a_shard_follows_the_first_batch_of_the_next(tmp_path: Path):
    dataset, engine = talks(tmp_path, lines(attempts=2, bad=0), samples_per_shard=3), ErraticEngine(batch_size=100)
    dataset.build(engine)
    assert [(len(call), {attempt for _, attempt in call}) for call in engine.calls] == [
        (6, {0}),
        (6, {0}),  # the judge hears the first shard meanwhile
        (1, {1}),
        (1, {2}),
    ]


def test_where_the_seed_does_not_matter_there_is_no_second_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(NoiseEngine, "seed_matters", False)
    dataset, engine = talks(tmp_path, lines(attempts=1)), ErraticEngine()
    dataset.build(engine)
    assert sum(engine.asked.values()) == 12
    (reject,) = dataset.store.rejects()
    assert "attempts" not in reject.reason


def test_without_gates_everything_with_a_sound_is_taken(tmp_path: Path):
    dataset, engine = talks(tmp_path, lines(attempts=9), gates={"enabled": False}), ErraticEngine()
    dataset.build(engine)
    assert len(dataset.rows()) == 6 and sum(engine.asked.values()) == 12
    assert read_quality(dataset.store, "talks.000000").column("seconds").to_pylist()[7] > 3


# -- what is taken does not depend on how the work was cut


def erratic_lines(count: int = 24) -> list[dict[str, Any]]:
    """Dialogues of which many turns go wrong, once, twice or always."""
    chance = random.Random(1)

    def text(plain: str) -> str:
        return trick(chance.choice(list(TRICKS)), chance.choice([1, 2, 9])) if chance.random() < 0.25 else plain

    return [
        record(n, user_text=text(f"Question {n}, is it?"), assistant_text=text(f"Answer {n}.")) for n in range(count)
    ]


def outcome(dataset: PlainDataset) -> dict[str, Any]:
    """Files that a trainer reads, rejects, and what is known of every utterance."""
    tables = [read_quality(dataset.store, shard).to_pylist() for shard in dataset.store.shards()]
    return dataset.outputs() | {"rejects": list(dataset.store.rejects()), "quality": [row for t in tables for row in t]}


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    dataset = talks(tmp_path_factory.mktemp("truth"), erratic_lines(), samples_per_shard=8)
    dataset.build(ErraticEngine(16))
    assert 0 < len(list(dataset.store.rejects())) < 12
    assert {0, 1, 2} <= {row["attempt"] for row in outcome(dataset)["quality"] if not row["fault"]}
    return outcome(dataset)


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("lanes", [1, 2])
def test_the_outcome_is_the_same_for_any_lanes_and_batches(
    tmp_path: Path, truth: dict[str, Any], lanes: int, batch_size: int
):
    dataset = talks(tmp_path, erratic_lines(), samples_per_shard=8, worker_count=lanes)
    dataset.build(ErraticEngine(batch_size))
    assert outcome(dataset) == truth


@pytest.mark.parametrize("stop_after", [1, 7, 30, 45])
def test_the_outcome_is_the_same_after_an_interrupt(tmp_path: Path, truth: dict[str, Any], stop_after: int):
    class Stops(ErraticEngine):
        def synthesize(self, tasks: Sequence[SynthesisTask]) -> list[SynthesisResult]:
            if len(self.calls) == stop_after:
                raise KeyboardInterrupt
            return super().synthesize(tasks)

    dataset = talks(tmp_path, erratic_lines(), samples_per_shard=8)
    dataset.plan()
    with pytest.raises(KeyboardInterrupt):
        dataset.speak(Stops(1))
    dataset.build(ErraticEngine(3))
    assert outcome(dataset) == truth


def test_the_outcome_is_the_same_when_parts_were_lost(tmp_path: Path, truth: dict[str, Any]):
    """As after kill -9: some parts are written, others not."""
    dataset = talks(tmp_path, erratic_lines(), samples_per_shard=8)
    dataset.build(ErraticEngine(4))
    for path in sorted(dataset.store.folder.glob("mono/*/*.arrow"))[::2]:
        path.unlink()
    dataset.build(ErraticEngine(4))
    assert outcome(dataset) == truth


CHILD = """
import json, sys, time
from pathlib import Path
from tests.moshi_assets.support.erratic import ErraticEngine
from tests.moshi_assets.support.plain_dataset import PlainDataset

class Slow(ErraticEngine):
    def synthesize(self, tasks):
        time.sleep(0.05)
        return super().synthesize(tasks)

settings = json.loads(sys.argv[2])
dataset = PlainDataset(Path(sys.argv[1]), json.loads(sys.argv[3]), **settings)
dataset.plan()
dataset.speak(Slow(2))
"""


def test_the_outcome_is_the_same_after_kill_9(tmp_path: Path):
    """A process that speaks is killed when it has written some parts; the next one goes on."""
    content = erratic_lines(60)
    whole = talks(tmp_path, content, samples_per_shard=30, name="whole")
    whole.build(ErraticEngine(16))
    dataset = talks(tmp_path, content, samples_per_shard=30)
    settings = dataset.settings | {"samples_per_shard": 30}
    folders = [str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])]
    parts = 0
    for _ in range(2):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, tmp_path, json.dumps(settings), json.dumps(content)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(folders)},
        )
        try:
            before, deadline = parts, time.monotonic() + 60
            while (parts := len(list(dataset.store.folder.glob("mono/*/[!.]*.arrow")))) <= before:
                assert child.poll() is None and time.monotonic() < deadline
                time.sleep(0.02)
        finally:
            child.kill()
            child.wait()
    assert 0 < parts < len(list(whole.store.folder.glob("mono/*/*.arrow")))

    dataset.build(ErraticEngine(3))

    assert list(outcome(dataset).values()) == list(outcome(whole).values())


def test_what_failed_is_bounded_as_what_was_spoken(tmp_path: Path):
    content = [record(n, user_text=trick("runaway", 1), assistant_text=trick("clipped", 2)) for n in range(60)]
    dataset = talks(tmp_path, content, samples_per_shard=60)

    class Watches(ErraticEngine):
        most = 0

        def synthesize(self, tasks: Sequence[SynthesisTask]) -> list[SynthesisResult]:
            parts = SpokenShard(dataset.store.folder.glob("mono/*")).parts
            written = sum(len(part.keys) for part in parts)
            Watches.most = max(Watches.most, sum(self.asked.values()) + len(tasks) - written)
            return super().synthesize(tasks)

    dataset.build(Watches(4))
    assert 0 < Watches.most <= UNWRITTEN_ROWS


# -- what is known is not spoken again


def test_a_rebuild_speaks_nothing_and_rejects_the_same(tmp_path: Path, truth: dict[str, Any]):
    dataset = talks(tmp_path, erratic_lines(), samples_per_shard=8)
    dataset.build(ErraticEngine(4))
    engine = ErraticEngine(4)
    dataset.build(engine)
    assert engine.calls == [] and outcome(dataset) == truth


def test_without_mono_parts_a_rebuild_speaks_nothing_either(tmp_path: Path, truth: dict[str, Any]):
    dataset = talks(tmp_path, erratic_lines(), samples_per_shard=8, keep_mono=False)
    dataset.build(ErraticEngine(4))
    engine = ErraticEngine(4)
    dataset.build(engine)
    assert engine.calls == [] and outcome(dataset) == truth


def test_what_failed_is_kept_without_its_sound(tmp_path: Path):
    dataset = talks(tmp_path, lines(attempts=9))
    dataset.build(ErraticEngine())
    part_rows = [
        part.row(n) for part in SpokenShard(dataset.store.folder.glob("mono/*")).parts for n in range(len(part.keys))
    ]
    failed = sorted((row for row in part_rows if row.attempt or not len(row.samples)), key=lambda row: row.attempt)
    assert [(row.attempt, len(row.samples), row.measures.seconds) for row in failed] == [  # type: ignore[union-attr]
        (attempt, 0, pytest.approx(5.0, abs=1.0)) for attempt in (0, 1, 2)
    ]


def test_stricter_thresholds_speak_only_what_fails_now(tmp_path: Path):
    dataset, engine = talks(tmp_path, lines("humming"), gates={"max_dc": 0.9}), ErraticEngine()
    dataset.build(engine)
    assert sum(engine.asked.values()) == 12
    dataset.settings["gates"] = PACE
    engine = ErraticEngine()

    dataset.build(engine)

    assert engine.asked == {(trick("humming", 1), 1): 1}
    strict = talks(tmp_path, lines("humming"), name="strict")
    strict.build(ErraticEngine())
    assert list(dataset.outputs().values()) == list(strict.outputs().values())


def test_looser_thresholds_speak_only_what_would_have_passed(tmp_path: Path):
    dataset = talks(tmp_path, lines("humming", attempts=2))
    dataset.build(ErraticEngine())
    dataset.settings["gates"] = PACE | {"max_dc": 0.9}
    engine = ErraticEngine()

    dataset.build(engine)

    assert engine.asked == {(trick("humming", 2), 0): 1}
    loose = talks(tmp_path, lines("humming", attempts=2), gates={"max_dc": 0.9}, name="loose")
    loose.build(ErraticEngine())
    assert list(dataset.outputs().values()) == list(loose.outputs().values())


def test_more_retries_speak_only_what_was_rejected(tmp_path: Path):
    dataset = talks(tmp_path, lines(attempts=4))
    dataset.build(ErraticEngine())
    assert len(dataset.rows()) == 5
    dataset.settings["max_retries"] = 6
    engine = ErraticEngine()
    dataset.build(engine)
    assert engine.asked == {(trick("runaway", 4), 3): 1, (trick("runaway", 4), 4): 1}
    assert len(dataset.rows()) == 6


def test_a_recording_is_made_anew_when_another_attempt_is_taken(tmp_path: Path):
    dataset = talks(tmp_path, lines("humming"), gates={"max_dc": 0.9})
    dataset.build(ErraticEngine())
    before = dataset.outputs()
    dataset.settings["gates"] = PACE
    dataset.build(ErraticEngine())
    changed = {path for path, content in dataset.outputs().items() if before[path] != content}
    assert changed == {"data_stereo/talk_003.wav"}


@pytest.mark.parametrize(
    "more", [{"pack_seconds": 5, "keep_mono": False}, {"pack_seconds": 5, "target_lufs": -30}], ids=str
)
def test_thresholds_that_go_and_come_back_leave_the_same_dataset(tmp_path: Path, more: dict[str, Any]):
    dataset = talks(tmp_path, erratic_lines(), samples_per_shard=8, **more)
    dataset.build(ErraticEngine())
    before = outcome(dataset)
    for gates in ({"max_dc": 0.9}, {}):
        dataset.settings["gates"] = PACE | gates
        dataset.build(ErraticEngine())
        assert list(dataset_faults(dataset.store.folder)) == []
        assert (outcome(dataset) == before) is (not gates)


# -- moved, told, broken


def test_attempts_move_with_their_dialogue(tmp_path: Path):
    """An inserted line moves dialogues across the borders of shards, those with failed attempts too."""
    content = [record(n, assistant_text=trick("runaway", 9 if n % 2 else 1)) for n in range(12)]
    dataset = talks(tmp_path, content)
    dataset.build(ErraticEngine())
    dataset.write([record(99), *content])
    engine = ErraticEngine()
    dataset.build(engine)
    assert sum(engine.asked.values()) == 2 and len(list(dataset.store.rejects())) == 6


def test_a_lane_counts_attempts_and_what_is_not_good_enough(tmp_path: Path):
    dataset = talks(tmp_path, [*lines(attempts=1), record(9, user_text=trick("clipped", 9))], samples_per_shard=9)
    dataset.plan()
    (report,) = dataset.speak(ErraticEngine())
    figures = report.figures["talks.000000"]
    assert (figures.tasks, figures.spoken, figures.failed, figures.retried) == (14, 13, 1, 3)
    assert figures.audio_seconds == pytest.approx(13 * 0.2, abs=0.1)


def test_an_engine_of_which_nothing_passes_ends_the_lane(tmp_path: Path):
    content = [record(n, user_text=trick("clipped", 9), assistant_text=trick("humming", 9)) for n in range(40)]
    dataset = talks(tmp_path, content, samples_per_shard=100, max_retries=0)
    dataset.plan()
    with pytest.raises(EngineError, match=r"first \d+ utterances failed their gates.*change 'gates'"):
        dataset.speak(ErraticEngine())
    assert 2 * len(content) >= HOPELESS_FAILURES


def test_the_noise_engine_is_not_judged_by_its_length(tmp_path: Path):
    texts = ["No.", "Mm-hm.", "1999", "A", "It costs $1,250,000.50.", "word " * 60, "是的，我明白了。"]
    dataset = PlainDataset(tmp_path, [record(n, user_text=text) for n, text in enumerate(texts)], noise={})
    dataset.build(NoiseEngine(NoiseOptions()))
    assert list(dataset.store.rejects()) == []


def test_an_attempt_without_sound_is_known_too(tmp_path: Path):
    dataset = talks(tmp_path, lines("mute", attempts=9))
    dataset.build(ErraticEngine())
    engine = ErraticEngine()
    dataset.build(engine)
    assert engine.calls == [] and len(list(dataset.store.rejects())) == 1
    assert not len(NO_AUDIO)
