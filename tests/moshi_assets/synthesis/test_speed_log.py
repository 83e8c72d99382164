"""How fast shards were spoken, as files remember it."""

import pytest

from moshi_assets.storage.dataset import DatasetStore
from moshi_assets.storage.parse_summary import ParseSummary
from moshi_assets.synthesis.figures import SpeechFigures
from moshi_assets.synthesis.speed_log import KEPT, read_speed, record_speed

SHARD = "talks.000000"


@pytest.fixture
def store(tmp_path):
    store = DatasetStore(tmp_path, "talks")
    store.speed_path(SHARD).parent.mkdir(parents=True)
    return store


def figures(spoken=4, audio=20.0, wall=5.0, ended=1000.0):
    return SpeechFigures(spoken=spoken, audio_seconds=audio, wall_seconds=wall, engine_seconds=4.0, ended=ended)


def test_a_shard_s_speed_is_its_speech_over_its_wall_time(store):
    record_speed(store, SHARD, figures())

    assert read_speed(store, SHARD).x_realtime == 4.0


def test_runs_that_each_speak_a_part_add_up(store):
    record_speed(store, SHARD, figures(4, 20.0, 5.0, ended=1000.0))
    record_speed(store, SHARD, figures(1, 4.0, 3.0, ended=2000.0))

    speed = read_speed(store, SHARD)
    assert (speed.spoken, speed.audio_seconds, speed.wall_seconds, speed.ended) == (5, 24.0, 8.0, 2000.0)


def test_a_run_that_speaks_nothing_leaves_the_speed_alone(store):
    record_speed(store, SHARD, figures())
    record_speed(store, SHARD, SpeechFigures(tasks=4, reused=4))

    assert read_speed(store, SHARD).spoken == 4


def test_of_many_runs_the_latest_are_kept(store):
    for run in range(KEPT + 5):
        record_speed(store, SHARD, figures(spoken=1, ended=float(run)))

    assert (read_speed(store, SHARD).spoken, read_speed(store, SHARD).ended) == (KEPT, KEPT + 4)


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"spoken": "many"}]', '{"spoken": 1}', "null"])
def test_a_damaged_file_tells_nothing(store, content):
    store.speed_path(SHARD).write_text(content)

    assert read_speed(store, SHARD) is None


def test_a_figure_that_is_no_number_is_not_believed(store):
    store.speed_path(SHARD).write_text(
        '[{"spoken": 1, "audio_seconds": NaN, "wall_seconds": 1, "engine_seconds": 1, "ended": 1, "figures": {}}]'
    )

    assert read_speed(store, SHARD) is None


def test_a_shard_that_is_gone_takes_its_speed_with_it(store):
    record_speed(store, SHARD, figures())
    record_speed(store, "talks.000001", figures())
    store.tasks_folder.mkdir()
    ParseSummary(shards=1, recipe="", engine_revision="noise-1", source=None, files=[], complete=True).write(
        store.summary_path
    )

    assert store.remove_stale_shards() == ["talks.000001"]
    assert read_speed(store, "talks.000001") is None
    assert read_speed(store, SHARD) is not None
