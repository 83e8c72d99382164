"""Sensors and schedules, evaluated tick by tick on real files and a real event log."""

import datetime
import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from moshi_assets.audit.dataset import dataset_faults
from moshi_assets.cli.dagster_build import build_shards
from moshi_assets.defs.executor import executor_config
from moshi_assets.defs.run_tags import COMMAND_LINE, DATASET_TAG, DRIVER_TAG, GPU_TAG
from moshi_assets.resume.finished import unfinished_shards
from moshi_assets.storage.lock import dataset_lock
from tests.moshi_assets.support import dialogue_files
from tests.moshi_assets.support.pipeline import (
    RANGE_END,
    RANGE_START,
    Pipeline,
    Running,
    dialogue,
    environment,
    eventually,
    write_dialogues,
)
from tests.moshi_assets.support.ticking import NIGHT, Ticks, at_night


@pytest.fixture
def pipeline(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """On an instance on disk, as ticks need it, with the data root that the definitions find."""
    monkeypatch.setenv("MOSHI_ASSETS_DATA", str(tmp_path / "data"))
    pipeline = Pipeline(tmp_path / "data", home=home)
    yield pipeline
    pipeline.instance.dispose()


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    return write_dialogues(tmp_path / "talks.jsonl", [dialogue(number) for number in range(5)])


# -- inbox


@pytest.fixture
def dropped(pipeline: Pipeline) -> Path:
    """A dialogue file in the inbox."""
    return write_dialogues(pipeline.root / "inbox" / "chat.jsonl", [dialogue(1)])


def test_a_file_is_left_alone_until_it_has_not_changed_for_a_tick(pipeline, dropped):
    ticks = Ticks("inbox", pipeline.instance)

    assert ticks.tick() == []
    assert ticks.skipped == "waiting for chat.jsonl to be complete"


def test_a_stable_file_starts_its_dataset(pipeline, dropped):
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()

    (request,) = ticks.tick()

    assert request.partition_key == "chat"
    assert request.run_config == {"ops": {"synthesis_tasks": {"config": {"input": str(dropped)}}}}
    assert request.tags[DATASET_TAG] == "chat"


def test_a_stable_file_registers_its_dataset(pipeline, dropped):
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()
    ticks.tick()

    assert pipeline.instance.get_dynamic_partitions("datasets") == ["chat"]


def test_a_taken_file_is_not_taken_again(pipeline, dropped):
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()
    ticks.tick()

    assert ticks.tick() == []


def test_a_file_that_still_grows_is_not_taken(pipeline, dropped):
    ticks = Ticks("inbox", pipeline.instance)

    for number in range(2, 5):
        assert ticks.tick() == []
        with open(dropped, "a") as file:
            file.write(f'{{"id": "{number}"')


def test_a_file_rewritten_with_the_same_size_is_not_taken_yet(pipeline, dropped):
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()
    os.utime(dropped, ns=(0, dropped.stat().st_mtime_ns + 1))

    assert ticks.tick() == []


def test_a_changed_file_is_taken_again_under_another_run_key(pipeline, dropped):
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()
    (first,) = ticks.tick()
    write_dialogues(dropped, [dialogue(1), dialogue(2)])
    ticks.tick()

    (second,) = ticks.tick()

    assert first.run_key != second.run_key


def test_a_tick_that_comes_twice_asks_with_the_same_run_key(pipeline, dropped):
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()
    before = ticks.cursor
    (once,) = ticks.tick()
    ticks.cursor = before

    (twice,) = ticks.tick()

    assert once.run_key == twice.run_key


def test_a_recipe_beside_the_file_is_used(pipeline, dropped):
    dropped.with_suffix(".yaml").write_text("engine: noise\n")
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()

    (request,) = ticks.tick()

    config = request.run_config["ops"]["synthesis_tasks"]["config"]
    assert config["recipe_file"] == str(dropped.with_suffix(".yaml"))


def test_the_request_of_the_inbox_really_parses(pipeline, dropped):
    dropped.with_suffix(".yaml").write_text("engine: noise\n")
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()
    (request,) = ticks.tick()
    pipeline.instance.add_dynamic_partitions("datasets", ["chat"])

    run = pipeline.materialize("synthesis_tasks", request.partition_key, config=request.run_config)

    assert run.success and pipeline.shards() == ["chat.000000"]


@pytest.mark.parametrize("name", ["talks.parquet", "array.json.zst", "talks.csv.gz"])
def test_files_of_every_kind_are_taken_and_parsed(pipeline, name):
    (pipeline.root / "inbox").mkdir(parents=True)
    dialogue_files.write(pipeline.root / "inbox", name, [{"id": "a", "question": "Open?", "answer": "Yes."}])
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()
    (request,) = ticks.tick()
    dataset = name.partition(".")[0]
    pipeline.instance.add_dynamic_partitions("datasets", [dataset])

    run = pipeline.materialize("synthesis_tasks", request.partition_key, config=request.run_config)

    assert run.success and pipeline.store(dataset).summary().dialogues == 1
    assert pipeline.materialize("synthesis_tasks", dataset).success  # again, from what is stored


def test_files_of_two_kinds_and_one_name_are_rivals(pipeline):
    for name in ("set.jsonl", "set.csv"):
        write_dialogues(pipeline.root / "inbox" / name, [dialogue(1)])
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()

    assert len(ticks.tick()) == 1 and not ticks.tick()
    assert "'set.jsonl' is refused: it would become dataset 'set' as 'set.csv' does" in ticks.skipped


def test_compressed_files_are_taken_and_others_are_not(pipeline):
    folder = pipeline.root / "inbox"
    folder.mkdir(parents=True)
    (folder / "small.jsonl.gz").write_bytes(gzip.compress(b"{}\n"))
    (folder / "notes.txt").write_text("nothing")
    (folder / "half.jsonl.part").write_text("{")
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()

    assert [request.partition_key for request in ticks.tick()] == ["small"]


def test_a_recipe_that_is_added_or_edited_later_is_a_change(pipeline, dropped):
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()
    keys = [request.run_key for request in ticks.tick()]

    for text in ("engine: noise\n", "engine: builtin\n"):
        dropped.with_suffix(".yaml").write_text(text)
        assert ticks.tick() == []  # it may still be written
        (request,) = ticks.tick()
        assert request.run_config["ops"]["synthesis_tasks"]["config"]["recipe_file"] == str(
            dropped.with_suffix(".yaml")
        )
        keys.append(request.run_key)

    assert len(set(keys)) == 3


def test_a_name_that_cannot_be_a_dataset_is_refused_and_stops_nothing_else(pipeline, dropped):
    write_dialogues(dropped.with_name("con.jsonl"), [dialogue(1)])
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()

    assert [request.partition_key for request in ticks.tick()] == ["chat"]
    assert ticks.tick() == []
    assert "'con.jsonl' is refused: dataset name 'con' is not allowed" in ticks.skipped


@pytest.mark.parametrize(
    ("first", "second"), [("a_b.jsonl", "a b.jsonl"), ("a b.jsonl", "a_b.jsonl"), ("set.jsonl.gz", "set.jsonl")]
)
def test_the_second_file_that_would_become_the_same_dataset_is_refused_by_name(pipeline, first, second):
    folder = pipeline.root / "inbox"
    write_dialogues(folder / first, [dialogue(1)])
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()
    assert len(ticks.tick()) == 1
    write_dialogues(folder / second, [dialogue(2)])
    ticks.tick()

    assert ticks.tick() == []
    assert f"{second!r} is refused: it would become dataset" in ticks.skipped
    assert f"as {first!r} does: rename one of them" in ticks.skipped


def test_of_two_that_come_together_the_one_of_the_dataset_s_own_name_is_taken(pipeline):
    for name in ("a b.jsonl", "a_b.jsonl"):
        write_dialogues(pipeline.root / "inbox" / name, [dialogue(1)])
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()

    (request,) = ticks.tick()

    assert request.run_config["ops"]["synthesis_tasks"]["config"]["input"].endswith("a_b.jsonl")


def test_a_refused_file_is_taken_once_the_other_is_gone(pipeline):
    folder = pipeline.root / "inbox"
    for name in ("set.jsonl", "set.jsonl.gz"):
        write_dialogues(folder / name, [dialogue(1)])
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()
    assert len(ticks.tick()) == 1
    (folder / "set.jsonl").unlink()

    (request,) = ticks.tick()

    assert request.run_config["ops"]["synthesis_tasks"]["config"]["input"].endswith("set.jsonl.gz")


def test_a_file_does_not_replace_a_dataset_that_was_made_from_another(pipeline, talks):
    pipeline.parse(talks)
    write_dialogues(pipeline.root / "inbox" / "talks.jsonl", [dialogue(1)])
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()

    assert ticks.tick() == []
    assert f"dataset 'talks' was made from {talks}: rename the file, or remove that dataset" in ticks.skipped


def test_the_file_that_a_dataset_was_made_from_may_change(pipeline, dropped):
    pipeline.parse(dropped, "chat")
    ticks = Ticks("inbox", pipeline.instance)
    ticks.tick()

    assert [request.partition_key for request in ticks.tick()] == ["chat"]


def test_files_that_are_left_alone_are_named(pipeline, dropped):
    for name in ("notes.txt", "half.jsonl.part", "typo.yaml", ".hidden"):
        (dropped.parent / name).touch()
    ticks = Ticks("inbox", pipeline.instance)

    ticks.tick()

    assert "left alone: half.jsonl.part, notes.txt, typo.yaml (dialogue files end in .jsonl, " in ticks.skipped


def test_a_cursor_that_somebody_edited_is_no_error(pipeline, dropped):
    ticks = Ticks("inbox", pipeline.instance)
    ticks.cursor = '{"chat.jsonl": 7}'
    ticks.tick()

    assert len(ticks.tick()) == 1


def test_the_first_tick_makes_the_inbox(pipeline):
    ticks = Ticks("inbox", pipeline.instance)

    assert ticks.tick() == []
    assert ticks.skipped == "nothing new in the inbox"
    assert (pipeline.root / "inbox").is_dir()


# -- a dataset carries on by itself


def test_parsed_tasks_request_their_shards_as_one_range_with_room_for_the_lanes(pipeline, talks):
    pipeline.parse(talks, samples_per_shard=2, worker_count=3)

    (request,) = Ticks("request_shards", pipeline.instance).tick()

    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("talks.000000", "talks.000002")
    assert request.run_config == executor_config(3)
    assert GPU_TAG in request.tags


def test_parsed_tasks_are_requested_once(pipeline, talks):
    pipeline.parse(talks)
    ticks = Ticks("request_shards", pipeline.instance)
    ticks.tick()

    assert ticks.tick() == []


@pytest.mark.parametrize("sensor", ["request_shards", "request_manifest"])
def test_a_request_that_comes_twice_has_the_same_run_key(pipeline, talks, sensor):
    pipeline.parse(talks)
    pipeline.speak_and_pair("talks.000000", "talks.000000")
    if sensor == "request_shards":
        shutil.rmtree(pipeline.store().folder / "stereo")

    keys = [[request.run_key for request in Ticks(sensor, pipeline.instance).tick()] for _ in range(2)]

    assert keys[0] == keys[1] != []


def test_only_unfinished_shards_are_requested(pipeline, talks):
    pipeline.parse(talks, samples_per_shard=1)
    pipeline.speak_and_pair("talks.000001", "talks.000002")
    pipeline.parse(talks, samples_per_shard=1)

    requests = Ticks("request_shards", pipeline.instance).tick()

    ranges = [(request.tags[RANGE_START], request.tags[RANGE_END]) for request in requests]
    assert ranges == [("talks.000000", "talks.000000"), ("talks.000003", "talks.000004")]


def test_a_finished_dataset_requests_no_shards(pipeline, talks):
    pipeline.build(talks)

    assert Ticks("request_shards", pipeline.instance).tick() == []


def test_the_manifest_waits_for_the_last_shard(pipeline, talks):
    pipeline.parse(talks, samples_per_shard=2)
    ticks = Ticks("request_manifest", pipeline.instance)
    pipeline.speak_and_pair("talks.000000", "talks.000001")
    assert ticks.tick() == []
    pipeline.speak_and_pair("talks.000002", "talks.000002")

    (request,) = ticks.tick()

    assert (request.partition_key, request.tags[DATASET_TAG]) == ("talks", "talks")


def test_a_current_manifest_is_not_requested(pipeline, talks):
    pipeline.build(talks)

    assert Ticks("request_manifest", pipeline.instance).tick() == []


@pytest.mark.parametrize("sensor", ["request_shards", "request_manifest"])
def test_what_the_command_line_builds_is_left_to_it(pipeline, talks, sensor):
    pipeline.tags = {DRIVER_TAG: COMMAND_LINE}
    pipeline.parse(talks)
    pipeline.speak_and_pair("talks.000000", "talks.000000")
    shutil.rmtree(pipeline.store().folder / "stereo")

    assert Ticks(sensor, pipeline.instance).tick() == []


def test_a_dataset_that_is_gone_does_not_stop_the_sensor(pipeline, talks):
    pipeline.parse(talks, "gone")
    pipeline.parse(talks, "here")
    shutil.rmtree(pipeline.root / "gone")

    assert [request.tags[DATASET_TAG] for request in Ticks("request_shards", pipeline.instance).tick()] == ["here"]


# -- throughput


def report(pipeline: Pipeline, rate: float, spoken: int = 10, dataset: str = "talks") -> None:
    """One materialization of a shard of ten tasks, at `rate` times real time."""
    figures = {"spoken": spoken, "tasks": 10, "x_realtime": rate}
    pipeline.instance.report_runless_asset_event(
        dg.AssetMaterialization("mono_syntheses", partition=f"{dataset}.000000", metadata=figures)
    )


def observed(pipeline: Pipeline, rates: list[float], latest: float) -> dict[str, Any]:
    """Metadata of the observation after `rates` and then `latest`."""
    ticks = Ticks("throughput", pipeline.instance)
    for rate in rates:
        report(pipeline, rate)
    ticks.tick()
    report(pipeline, latest)
    ticks.tick()
    (event,) = ticks.observations
    return {name: value.value for name, value in event.metadata.items()}


def test_throughput_is_observed_beside_the_recent_median(pipeline):
    figures = observed(pipeline, [10.0, 11.0, 9.0, 10.0, 10.0], 8.0)

    assert figures == {
        "dataset": "talks",
        "x_realtime": 8.0,
        "shards": 1,
        "recent_median_x_realtime": 10.0,
        "share_of_median": 0.8,
    }


def test_a_dataset_is_not_called_slow_because_another_was_faster(pipeline):
    ticks = Ticks("throughput", pipeline.instance)
    for _ in range(6):
        report(pipeline, 40.0)
    ticks.tick()
    report(pipeline, 4.0, dataset="slower")
    ticks.tick()

    (event,) = ticks.observations
    assert {name: value.value for name, value in event.metadata.items()} == {
        "dataset": "slower",
        "x_realtime": 4.0,
        "shards": 1,
    }


def test_slow_shards_are_marked(pipeline):
    assert observed(pipeline, [10.0] * 5, 4.0)["slow"] is True


def test_the_share_that_counts_as_slow_is_configurable(pipeline, monkeypatch):
    monkeypatch.setenv("MOSHI_ASSETS_THROUGHPUT_SHARE", "0.9")

    assert observed(pipeline, [10.0] * 5, 8.0)["slow"] is True


def test_a_few_shards_are_no_ground_for_a_warning(pipeline):
    assert "slow" not in observed(pipeline, [10.0] * 2, 1.0)


def test_resumed_shards_say_nothing_about_throughput(pipeline):
    report(pipeline, 0.1, spoken=1)
    ticks = Ticks("throughput", pipeline.instance)

    ticks.tick()

    assert ticks.skipped == "no shard was spoken anew since the last tick"


def test_throughput_counts_a_shard_once_though_it_is_recorded_early_too(pipeline, talks):
    pipeline.parse(talks, samples_per_shard=2)
    shards = pipeline.shards()
    pipeline.materialize("mono_syntheses", shards[0], shards[-1])
    pipeline.materialize("mono_syntheses", shards[0], shards[-1])  # speaks nothing, and shows the same figures again
    ticks = Ticks("throughput", pipeline.instance)

    ticks.tick()

    (event,) = ticks.observations
    assert len(shards) > 1 and event.metadata["shards"].value == len(shards)


def test_throughput_without_news_is_skipped(pipeline):
    report(pipeline, 10.0)
    ticks = Ticks("throughput", pipeline.instance)
    ticks.tick()
    ticks.tick()

    assert ticks.skipped == "no shard was spoken since the last tick"


def test_throughput_follows_real_materializations(pipeline, talks):
    pipeline.parse(talks, noise={"seconds_per_call": 0.05})
    pipeline.materialize("mono_syntheses", "talks.000000")
    ticks = Ticks("throughput", pipeline.instance)

    ticks.tick()

    (event,) = ticks.observations
    assert event.metadata["x_realtime"].value > 0


# -- failures


@pytest.fixture
def failures(pipeline: Pipeline) -> Ticks:
    """Ticks of `run_failed`, which looks at the runs that fail after its first."""
    ticks = Ticks("run_failed", pipeline.instance)
    ticks.tick()
    return ticks


def advice(ticks: Ticks, pipeline: Pipeline, run: dg.ExecuteInProcessResult) -> str:
    """What the failure sensor writes into the log of a failed run."""
    assert not run.success
    ticks.tick()
    (reaction,) = ticks.reactions
    assert reaction.error is None
    return str(pipeline.instance.all_logs(run.run_id)[-1].dagster_event.message)


def do_as_advised(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command at the end of an advice in a shell that knows nothing of the deployment."""
    command = text.partition(" finish it: ")[2]
    env = {name: value for name, value in environment().items() if not name.startswith(("DAGSTER", "MOSHI"))}
    return subprocess.run(command, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_the_command_advised_for_a_failed_range_finishes_it(tmp_path, pipeline, failures, talks):
    pipeline.parse(talks, samples_per_shard=2)
    text = advice(failures, pipeline, pipeline.materialize("stereo_pairs", "talks.000000", "talks.000002"))
    assert "are not spoken" in text

    done = do_as_advised(text, tmp_path)

    assert done.returncode == 0, done.stderr
    assert unfinished_shards(pipeline.store(), pipeline.store().recipe()) == []


def test_the_command_advised_for_a_failed_parse_has_its_run_config(tmp_path, pipeline, failures, talks):
    with dataset_lock(pipeline.root / "talks", "another build"):
        text = advice(failures, pipeline, pipeline.parse(talks, samples_per_shard=2))
    assert "is being built by another process" in text

    done = do_as_advised(text, tmp_path)

    assert done.returncode == 0, done.stderr
    assert pipeline.store().recipe().samples_per_shard == 2


def test_the_command_advised_for_a_failed_manifest_publishes_it(tmp_path, pipeline, failures, talks):
    pipeline.parse(talks)
    text = advice(failures, pipeline, pipeline.materialize("manifest", "talks"))
    pipeline.speak_and_pair("talks.000000", "talks.000000")

    done = do_as_advised(text, tmp_path)

    assert done.returncode == 0, done.stderr
    assert pipeline.store().manifest_path.is_file()


@pytest.mark.parametrize(
    ("file", "settings", "told"), [("talks.jsonl", {"gap": -5.0}, "gap: "), ("missing.jsonl", {}, "missing.jsonl")]
)
def test_where_the_input_is_at_fault_it_is_to_be_mended_and_no_command_is_advised(
    pipeline, failures, talks, file, settings, told
):
    text = advice(failures, pipeline, pipeline.parse(talks.with_name(file), **settings))

    assert told in text and text.endswith("This is to be mended first: the same run would fail again")


def test_a_long_message_is_told_whole(pipeline, failures, talks):
    names = [f"{'very' * 20}_long_setting_{number}" for number in range(20)]
    recipe = talks.with_suffix(".yaml")
    recipe.write_text("".join(f"{name}: 1\n" for name in names))
    pipeline.instance.add_dynamic_partitions("datasets", ["talks"])
    config = {"ops": {"synthesis_tasks": {"config": {"input": str(talks), "recipe_file": str(recipe)}}}}
    text = advice(failures, pipeline, pipeline.materialize("synthesis_tasks", "talks", config=config))

    assert all(name in text for name in names)


# -- schedules


@pytest.fixture
def gappy(pipeline: Pipeline, talks: Path) -> Pipeline:
    """A dataset of five shards of which the third is finished."""
    pipeline.parse(talks, samples_per_shard=1, worker_count=2)
    pipeline.speak_and_pair("talks.000002", "talks.000002")
    return pipeline


def test_the_night_requests_missing_shards_in_contiguous_ranges(gappy):
    requests = at_night("nightly_backfill", gappy.instance)

    ranges = [(request.tags[RANGE_START], request.tags[RANGE_END]) for request in requests]
    assert ranges == [("talks.000000", "talks.000001"), ("talks.000003", "talks.000004")]
    assert requests[0].run_config == executor_config(2)


def test_a_tick_that_comes_twice_starts_nothing_twice(gappy):
    keys = [[request.run_key for request in at_night("nightly_backfill", gappy.instance)] for _ in range(2)]

    assert keys[0] == keys[1] and len(set(keys[0])) == 2


def test_the_next_night_asks_again_for_what_failed(gappy):
    tonight, tomorrow = (
        {
            request.run_key
            for request in at_night("nightly_backfill", gappy.instance, NIGHT + datetime.timedelta(days=days))
        }
        for days in (0, 1)
    )

    assert len(tonight) == len(tomorrow) == 2
    assert tonight.isdisjoint(tomorrow)


def test_the_night_leaves_datasets_alone_that_runs_work_on(gappy):
    run = dg.DagsterRun(job_name="build_shards", status=dg.DagsterRunStatus.STARTED, tags={DATASET_TAG: "talks"})
    gappy.instance.add_run(run)

    assert at_night("nightly_backfill", gappy.instance) == []


def test_the_night_asks_for_a_recording_that_was_deleted(pipeline, talks):
    store = pipeline.build(talks, samples_per_shard=2)
    (store.stereo_folder / "talk-003.wav").unlink()

    (request,) = at_night("nightly_backfill", pipeline.instance)

    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("talks.000001", "talks.000001")


def test_the_night_has_nothing_to_do_for_finished_datasets(pipeline, talks):
    pipeline.build(talks)

    assert at_night("nightly_backfill", pipeline.instance) == at_night("nightly_manifests", pipeline.instance) == []


def test_the_night_requests_a_missing_manifest_of_finished_shards(pipeline, talks):
    pipeline.parse(talks)
    pipeline.speak_and_pair("talks.000000", "talks.000000")

    (request,) = at_night("nightly_manifests", pipeline.instance)

    assert request.partition_key == "talks"


def test_the_night_requests_no_manifest_of_unfinished_shards(gappy):
    assert at_night("nightly_manifests", gappy.instance) == []


def test_a_damaged_dataset_does_not_stop_the_night(gappy, talks):
    gappy.parse(talks, "broken")
    recipe = gappy.store("broken").recipe_path
    recipe.write_text(yaml.safe_dump({"name": "broken", "layuot": "typo"}))

    assert {request.tags[DATASET_TAG] for request in at_night("nightly_backfill", gappy.instance)} == {"talks"}


# -- datasets that the history does not know


@pytest.fixture
def forgotten(pipeline: Pipeline, talks: Path, instances: Path, empty_instance: Path) -> Iterator[Pipeline]:
    """A finished dataset that lost a recording, and a history that was made anew."""
    (pipeline.build(talks, samples_per_shard=2).stereo_folder / "talk-003.wav").unlink()
    with tempfile.TemporaryDirectory(dir=instances) as home:
        shutil.copytree(empty_instance, home, dirs_exist_ok=True)
        again = Pipeline(pipeline.root, home=Path(home))
        yield again
        again.instance.dispose()


def test_what_the_night_requests_of_a_dataset_that_the_history_does_not_know_is_built(forgotten):
    (request,) = at_night("nightly_backfill", forgotten.instance)

    job = dg.reconstructable(build_shards)
    with dg.execute_job(job, forgotten.instance, run_config=request.run_config, tags=dict(request.tags)) as run:
        assert run.success
    assert at_night("nightly_backfill", forgotten.instance) == []
    assert list(dataset_faults(forgotten.store().folder)) == []


def test_the_night_publishes_the_manifest_of_a_dataset_that_the_history_does_not_know(forgotten):
    (forgotten.store().stereo_folder / "talk-003.wav").write_bytes(b"")  # there, as far as the night looks
    forgotten.store().manifest_path.unlink()

    (request,) = at_night("nightly_manifests", forgotten.instance)

    assert (request.partition_key, forgotten.shards()) == ("talks", ["talks.000000", "talks.000001", "talks.000002"])


@pytest.mark.parametrize("sensor", ["request_shards", "request_manifest"])
def test_what_a_sensor_requests_is_known_to_the_history(pipeline, talks, sensor):
    pipeline.parse(talks)
    pipeline.speak_and_pair("talks.000000", "talks.000000")
    if sensor == "request_shards":
        shutil.rmtree(pipeline.store().folder / "stereo")
    pipeline.instance.delete_dynamic_partition("datasets", "talks")
    pipeline.instance.delete_dynamic_partition("shards", "talks.000000")

    assert len(Ticks(sensor, pipeline.instance).tick()) == 1
    assert pipeline.shards() == ["talks.000000"]


# -- runs that were killed


def test_the_run_of_a_build_that_was_killed_is_marked_failed(tmp_path, pipeline, talks):
    command = ["build", talks, "--output", "data", "--recipe", "slow.yaml"]
    (tmp_path / "slow.yaml").write_text(yaml.safe_dump({"engine": "noise", "noise": {"seconds_per_call": 30}}))
    build = Running("moshi-assets", *command, cwd=tmp_path, env=environment(Path(pipeline.instance.root_directory)))
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED], job_name="build_shards")
    try:
        (run,) = eventually(lambda: pipeline.instance.get_runs(started), 120)
        ticks = Ticks("dead_runs", pipeline.instance)
        ticks.tick()
        assert ticks.skipped == "every active run has its processes"
        build.signal(signal.SIGKILL, group=True)
        build.wait(60)
        eventually(lambda: not build.alive(), 60)

        ticks.tick()

        assert pipeline.instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE
    finally:
        build.end()


@pytest.mark.parametrize("server", ["alive", "gone"])
def test_a_launched_run_ends_with_its_code_server(home, pipeline, server):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "server"))
        if server == "alive":
            listener.listen()
        place = json.dumps({"host": "localhost", "socket": str(home / "server")})
        run = dg.DagsterRun(
            job_name="build_shards",
            status=dg.DagsterRunStatus.STARTED,
            tags={DATASET_TAG: "talks", ".dagster/grpc_info": place},
        )
        pipeline.instance.add_run(run)

        Ticks("dead_runs", pipeline.instance).tick()

    expected = dg.DagsterRunStatus.STARTED if server == "alive" else dg.DagsterRunStatus.FAILURE
    assert pipeline.instance.get_run_by_id(run.run_id).status == expected
