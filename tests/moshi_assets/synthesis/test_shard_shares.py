"""Lanes that share shards: the one that ends a shard last is told so, and no other."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moshi_assets.storage.dataset import DatasetStore
from moshi_assets.synthesis.figures import SpeechFigures
from moshi_assets.synthesis.progress import clear_progress
from moshi_assets.synthesis.shard_shares import SpokenShare, leave_share

SHARD = "talks.000000"


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    store = DatasetStore(tmp_path, "talks")
    store.progress_folder.mkdir(parents=True)
    return store


def share(spoken: int = 1, failures: dict[str, str] | None = None, recorded: tuple[str, ...] = ()) -> SpokenShare:
    done = SpeechFigures(spoken=spoken, wall_seconds=float(spoken), latencies=[0.5] * spoken, work={"decoded": 2.0})
    return SpokenShare(done, failures or {}, list(recorded))


def test_a_lane_alone_is_the_last(store):
    assert leave_share(store, SHARD, 0, 1, share(3, {"a": "why"})) == share(3, {"a": "why"})


def test_the_last_of_two_lanes_is_given_what_both_did(store):
    assert leave_share(store, SHARD, 1, 2, share(3, {"a": "why"}, ("a.wav",))) is None
    total = leave_share(store, SHARD, 0, 2, share(2, {"b": "too"}, ("b.wav",)))

    done = total.figures
    assert (done.spoken, done.wall_seconds, len(done.latencies), done.work) == (5, 3.0, 5, {"decoded": 4.0})
    assert total.failures == {"a": "why", "b": "too"}
    assert sorted(total.recorded) == ["a.wav", "b.wav"]


def test_shards_are_told_apart(store):
    assert leave_share(store, SHARD, 0, 2, share()) is None
    assert leave_share(store, "talks.000001", 1, 2, share()) is None


def test_the_next_run_begins_anew(store):
    leave_share(store, SHARD, 0, 2, share())
    clear_progress(store.progress_folder)

    assert leave_share(store, SHARD, 1, 2, share()) is None


def test_of_lanes_that_end_together_one_is_the_last(store):
    with ThreadPoolExecutor(8) as lanes:
        for number in range(40):
            shard = f"talks.{number:06d}"
            told = lanes.map(lambda lane, shard=shard: leave_share(store, shard, lane, 8, share()), range(8))
            assert [total.figures.spoken for total in filter(None, told)] == [8]
