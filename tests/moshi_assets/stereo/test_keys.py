"""What decides a recording, and whether an index is that of the present tasks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from moshi_assets.recipe import Recipe, make_recipe
from moshi_assets.stereo.index import read_index
from moshi_assets.stereo.keys import ShardDialogue, are_current, dialogue_key, recording_key, shard_dialogues
from moshi_assets.stereo.recording import Recording
from tests.moshi_assets.support.plain_dataset import PlainDataset, record, records

TALK = ShardDialogue(
    "a", 1, "a", "train", range(2), ["user", "assistant"], [None, None], [False, False], [b"a" * 16, b"b" * 16]
)


def recipe(**settings: Any) -> Recipe:
    return make_recipe({"name": "talks", "source": "talks.jsonl"} | settings)


def test_the_key_follows_turns_and_assembly():
    variants = [
        dialogue_key(TALK, recipe()),
        dialogue_key(replace(TALK, content_keys=TALK.content_keys[::-1]), recipe()),
        dialogue_key(replace(TALK, content_keys=TALK.content_keys[:1]), recipe()),
        dialogue_key(replace(TALK, gaps=[None, 0.3]), recipe()),
        dialogue_key(replace(TALK, gaps=[None, -0.3]), recipe()),
        dialogue_key(replace(TALK, backchannels=[False, True]), recipe()),
        dialogue_key(replace(TALK, split="eval"), recipe()),
        dialogue_key(TALK, recipe(gap=0.4)),
        dialogue_key(TALK, recipe(layout="overlapped")),
        dialogue_key(TALK, recipe(sample_rate=16000)),
        dialogue_key(TALK, recipe(sample_rate="native")),
        dialogue_key(TALK, recipe(leading_silence=0.1)),
        dialogue_key(TALK, recipe(timing="natural")),
        dialogue_key(TALK, recipe(timing="natural", leading_silence=0)),
        dialogue_key(TALK, recipe(timing="natural", max_silence=1)),
        dialogue_key(TALK, recipe(timing="natural", overlap_probability=0)),
        dialogue_key(TALK, recipe(timing="natural", seed=1)),
        dialogue_key(replace(TALK, id="b"), recipe(timing="natural")),
    ]
    assert len(set(variants)) == len(variants)


def test_the_key_ignores_what_the_sound_does_not_depend_on():
    others = [
        {"worker_count": 4},
        {"keep_mono": False},
        {"samples_per_shard": 2},
        {"shard_dirs": True},
        {"max_silence": 1, "overlap_probability": 0},
    ]
    moved = replace(TALK, line=7, rows=range(14, 16))
    keys = {dialogue_key(TALK, recipe(**other)) for other in others} | {dialogue_key(moved, recipe())}
    assert keys == {dialogue_key(TALK, recipe())}


def test_the_key_of_a_plain_dialogue_is_that_of_earlier_versions():
    """Else every recording of a finished dataset would be written again, or even spoken where no mono part is kept."""
    assert dialogue_key(TALK, recipe()).hex() == "ab0a3af9fb3782ec205d40754f55ecd3"


def test_a_packed_recording_s_key_follows_dialogues_order_window_and_pause():
    one, two = b"1" * 16, b"2" * 16
    packed = recipe(pack_seconds=100)
    variants = [
        recording_key([one], recipe()),
        recording_key([one], packed),
        recording_key([one, two], packed),
        recording_key([two, one], packed),
        recording_key([one, two], recipe(pack_seconds=50)),
        recording_key([one, two], recipe(pack_seconds=100, pack_pause=0)),
    ]
    assert len(set(variants)) == len(variants)


def test_the_dialogues_of_a_shard_are_its_tasks(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3))
    dataset.plan()
    rows = dataset.tasks()
    found = shard_dialogues(dataset.store.tasks("talks.000000"))
    assert [(d.id, d.line, d.stem, d.split, d.rows) for d in found] == [
        (f"talk_{n:03d}", n + 1, f"talk_{n:03d}", "train", range(2 * n, 2 * n + 2)) for n in range(3)
    ]
    assert [key for d in found for key in d.content_keys] == [row["content_key"] for row in rows]
    assert [role for d in found for role in d.roles] == [row["role"] for row in rows]


def _without_the_last(recordings: list[Recording]) -> list[Recording]:
    return recordings[:-1]


def _with_one_twice(recordings: list[Recording]) -> list[Recording]:
    return [*recordings, recordings[-1]]


def _with_another(recordings: list[Recording]) -> list[Recording]:
    return [*recordings[:-1], replace(recordings[-1], dialogue_ids=("other",))]


def _with_another_key(recordings: list[Recording]) -> list[Recording]:
    return [*recordings[:-1], replace(recordings[-1], key=b"x" * 16)]


@pytest.mark.parametrize(
    "change", [_without_the_last, _with_one_twice, _with_another, _with_another_key, lambda found: found[::-1]]
)
def test_an_index_of_other_tasks_is_not_current(tmp_path: Path, change: Any):
    dataset = PlainDataset(tmp_path, [record(n) for n in range(3)])
    dataset.build()
    tasks = dataset.store.tasks("talks.000000")
    found = read_index(dataset.store.index_path("talks.000000"))
    assert are_current(found, tasks, dataset.recipe)
    assert not are_current(change(found), tasks, dataset.recipe)
