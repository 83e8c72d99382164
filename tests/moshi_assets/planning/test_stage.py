"""From a dialogue file to the tasks of every shard."""

import gc
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moshi_assets.audit.line_counts import count_dataset
from moshi_assets.audit.stock import INCOMPLETE, OUTDATED, take_stock
from moshi_assets.dialogues.reader import DialogueFileError
from moshi_assets.planning.stage import lanes_warning, plan, split_warning
from moshi_assets.recipe import RecipeError, make_recipe
from moshi_assets.storage.dataset import DatasetError, datasets_in, tasks_path
from tests.moshi_assets.support.plain_dataset import PlainDataset, full_disk, record, records

MEASURE = """
import pathlib, sys
from moshi_assets.processes.memory import peak_rss
from moshi_assets.planning.stage import plan
from moshi_assets.recipe import make_recipe
from moshi_assets.storage.dataset import DatasetStore
folder = pathlib.Path(sys.argv[1])
recipe = make_recipe({"name": "talks", "source": str(folder / "talks.jsonl"), "engine": "noise"})
plan(recipe, DatasetStore(folder / "data", "talks"))
print(peak_rss())
"""


def keys(dataset: PlainDataset) -> dict[tuple[str, int], bytes]:
    """Content key by dialogue id and turn."""
    return {(row["dialogue_id"], row["turn"]): row["content_key"] for row in dataset.tasks()}


def planned(folder: Path, lines: list[dict[str, Any] | str], **options: Any) -> PlainDataset:
    folder.mkdir(exist_ok=True)
    dataset = PlainDataset(folder, lines, **options)
    dataset.plan()
    return dataset


def test_each_dialogue_becomes_two_tasks_in_speaking_order(tmp_path: Path):
    dataset = planned(tmp_path, [record(0, user_text="Why?", assistant_text="So."), record(1)])
    rows = [(row["dialogue_id"], row["turn"], row["role"], row["text"]) for row in dataset.tasks()[:3]]
    assert rows == [
        ("talk_000", 0, "user", "Why?"),
        ("talk_000", 1, "assistant", "So."),
        ("talk_001", 0, "user", record(1)["user_text"]),
    ]


def test_each_turn_of_a_conversation_becomes_a_task(tmp_path: Path):
    turns = [
        {"role": "assistant", "text": "Tickets, please."},
        {"role": "user", "text": "Here you are.", "gap": -0.5, "voice": "high"},
        {"role": "assistant", "text": "Mm-hm.", "backchannel": True},
    ]
    dataset = planned(tmp_path, [{"id": "train", "turns": turns}, record(0)])
    columns = ("turn", "role", "text", "voice", "gap", "backchannel")
    assert [tuple(row[name] for name in columns) for row in dataset.tasks()[:3]] == [
        (0, "assistant", "Tickets, please.", "high", None, False),
        (1, "user", "Here you are.", "high", -0.5, False),
        (2, "assistant", "Mm-hm.", "high", None, True),
    ]
    assert len({row["seed"] for row in dataset.tasks()}) == 5


def test_a_conversation_of_too_many_turns_is_rejected(tmp_path: Path):
    turns = [{"role": "assistant", "text": "Hello."}] * 4
    dataset = planned(tmp_path, [{"turns": turns}, {"turns": turns[:3]}], max_turns=3)
    (reject,) = dataset.store.rejects()
    assert reject.line == 1 and "max_turns=3" in reject.reason


def test_unknown_fields_of_turns_are_counted(tmp_path: Path):
    line = {"turns": [{"role": "assistant", "text": "Hello.", "mood": "calm"}]}
    assert PlainDataset(tmp_path, [line, line, record(0, mood=1)]).plan().unknown_fields == {
        "turns[].mood": 2,
        "mood": 1,
    }


def test_tasks_name_the_line_they_come_from(tmp_path: Path):
    dataset = planned(tmp_path, ["", "broken", record(0), "", record(1)])
    assert [row["line"] for row in dataset.tasks()] == [3, 3, 5, 5]


@pytest.mark.parametrize(
    ("count", "per_shard", "sizes"),
    [(1, 4, [1]), (4, 4, [4]), (5, 4, [4, 1]), (9, 4, [4, 4, 1]), (3, 1, [1, 1, 1]), (600, 256, [256, 256, 88])],
)
def test_shards_hold_consecutive_dialogues(tmp_path: Path, count: int, per_shard: int, sizes: list[int]):
    dataset = planned(tmp_path, records(count), samples_per_shard=per_shard)
    store = dataset.store
    assert [len(store.tasks(shard)) // 2 for shard in store.shards()] == sizes
    assert [row["dialogue_id"] for row in dataset.tasks()[::2]] == [f"talk_{n:03d}" for n in range(count)]


@pytest.mark.parametrize("wanted", [1, 3, 255, 256, 257])
def test_max_samples_counts_good_dialogues(tmp_path: Path, wanted: int):
    lines = [line for n in range(300) for line in (record(n), "broken")]
    dataset = planned(tmp_path, lines, max_samples=wanted, samples_per_shard=1000)
    assert [row["dialogue_id"] for row in dataset.tasks()[::2]] == [f"talk_{n:03d}" for n in range(wanted)]
    assert len(dataset.tasks()) == 2 * wanted


def test_max_samples_stops_reading(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [record(0), record(1), "broken"], max_samples=2)
    assert dataset.plan().rejected == 0


def test_max_samples_past_the_end_takes_all(tmp_path: Path):
    assert PlainDataset(tmp_path, records(3), max_samples=100).plan().dialogues == 3


def test_the_figures_count_every_line(tmp_path: Path):
    figures = PlainDataset(tmp_path, [record(0, mood="calm"), "broken", record(0), record(1, mood=3)]).plan()
    counts = (figures.lines, figures.dialogues, figures.tasks, figures.rejected, figures.shards)
    assert counts == (4, 2, 4, 2, 1)
    assert figures.unknown_fields == {"mood": 2}


def test_the_stored_summary_equals_the_figures(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [record(0), "broken"])
    figures = dataset.plan()
    stored = dataset.store.summary()
    assert (stored.dialogues, stored.rejected, stored.shards) == (1, 1, 1)
    assert stored.characters == figures.characters == len(record(0)["user_text"] + record(0)["assistant_text"])


@settings(max_examples=30)
@given(good=st.lists(st.booleans(), min_size=1, max_size=12).filter(any))
def test_every_line_is_planned_or_rejected(good: list[bool], tmp_path_factory: pytest.TempPathFactory):
    lines = [record(number) if is_good else f"broken {number}" for number, is_good in enumerate(good)]
    dataset = planned(tmp_path_factory.mktemp("plan"), lines, samples_per_shard=3)
    from_tasks = [row["line"] for row in dataset.tasks()[::2]]
    from_rejects = [reject.line for reject in dataset.store.rejects()]
    assert sorted(from_tasks + from_rejects) == list(range(1, len(lines) + 1))


def test_rejects_hold_line_reason_and_excerpt(tmp_path: Path):
    dataset = planned(tmp_path, [record(0), '{"user_text": 5, "assistant_text": "x"}'])
    (row,) = [json.loads(line) for line in dataset.store.rejects_path.read_text().splitlines()]
    assert row["line"] == 2
    assert row["reason"] == "user_text is not a string"
    assert row["excerpt"] == '{"user_text": 5, "assistant_text": "x"}'


def test_of_two_records_with_one_id_the_first_wins(tmp_path: Path):
    dataset = planned(tmp_path, [record(0, user_text="First."), record(0, user_text="Second."), record(1)])
    assert [row["text"] for row in dataset.tasks() if row["turn"] == 0] == ["First.", record(1)["user_text"]]
    (reject,) = dataset.store.rejects()
    assert (reject.line, reject.id, reject.reason.startswith("duplicate id 'talk_000'")) == (2, "talk_000", True)


def test_a_duplicate_far_away_is_found(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [*records(1000), record(3)], samples_per_shard=1000)
    assert dataset.plan().rejected == 1


def test_an_integer_and_its_digits_are_the_same_id(tmp_path: Path):
    assert PlainDataset(tmp_path, [record(0, id=7), record(1, id="7")]).plan().rejected == 1


def test_a_rejected_record_does_not_take_its_id(tmp_path: Path):
    dataset = planned(tmp_path, [record(0, user_voice="nobody"), record(0, user_text="Second.")])
    assert dataset.tasks()[0]["text"] == "Second."


def test_a_long_unknown_field_is_counted_when_there_is_room_for_no_other(tmp_path: Path):
    many = {"f" * 100: 1} | {f"field_{number}": 1 for number in range(19)}

    counted = PlainDataset(tmp_path, [record(0, **many), record(1, **many)]).plan().unknown_fields

    assert counted["f" * 80] == 2 and len(counted) == 20


def test_a_parse_leaves_the_garbage_collector_as_it_was(tmp_path: Path):
    before = gc.get_threshold()

    PlainDataset(tmp_path, [record(0)]).plan()

    assert gc.get_threshold() == before


def test_a_record_with_an_unknown_voice_is_rejected(tmp_path: Path):
    dataset = planned(tmp_path, [record(0), record(1, assistant_voice="nobody")])
    (reject,) = dataset.store.rejects()
    assert reject.line == 2 and "unknown voice 'nobody'" in reject.reason


def test_a_record_s_voice_goes_before_the_recipe_s(tmp_path: Path):
    dataset = planned(tmp_path, [record(0), record(1, user_voice="low")], user_voice="high", assistant_voice="low")
    assert [row["voice"] for row in dataset.tasks()] == ["high", "low", "low", "low"]


def test_an_unknown_default_voice_is_an_error(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(1), assistant_voice="nobody")
    with pytest.raises(RecipeError, match="assistant_voice: unknown voice 'nobody'"):
        dataset.plan()


def test_each_dialogue_draws_its_voices_wherever_it_stands(tmp_path: Path):
    pools = {"user_voice": ["low", "high"], "assistant_voice": ["low", "high"]}
    forward = planned(tmp_path / "a", records(40), **pools)
    backward = planned(tmp_path / "b", records(60)[::-1], **pools)
    drawn = {row["dialogue_id"]: row["voice"] for row in forward.tasks() if row["role"] == "user"}
    assert set(drawn.values()) == {"low", "high"}
    assert keys(forward).items() <= keys(backward).items()
    for row in forward.tasks():
        assert (row["voice"] == drawn[row["dialogue_id"]]) == (row["role"] == "user")


# -- training and evaluation


def sides(dataset: PlainDataset) -> dict[str, str]:
    """Split by dialogue id; the turns of a dialogue agree."""
    by_turn = {(row["dialogue_id"], row["split"]) for row in dataset.tasks()}
    assert len(by_turn) == len(dict(by_turn))
    return dict(by_turn)


def test_all_dialogues_are_for_training_by_default(tmp_path: Path):
    assert set(sides(planned(tmp_path, records(5))).values()) == {"train"}


@pytest.mark.parametrize("wanted", [{"eval_fraction": 0.3}, {"eval_count": 12}])
def test_the_split_follows_the_texts_and_not_the_file(tmp_path: Path, wanted: dict[str, Any]):
    first = sides(planned(tmp_path / "a", records(40), **wanted))
    renamed = [record(n, id=f"other_{n:03d}", user_text=record(n)["user_text"].upper()) for n in range(40)]
    second = sides(planned(tmp_path / "b", renamed[::-1], **wanted))
    assert Counter(first.values())["eval"] == Counter(second.values())["eval"] > 0
    assert {name[-3:] for name in first if first[name] == "eval"} == {n[-3:] for n in second if second[n] == "eval"}


def test_the_figures_count_both_sides(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [*records(20), "broken"], eval_count=3)
    figures = dataset.plan()
    assert (figures.dialogues, figures.train_dialogues, figures.eval_dialogues) == (20, 17, 3)
    assert list(sides(dataset).values()).count("eval") == dataset.store.summary().eval_dialogues == 3


def test_a_count_is_of_the_good_dialogues_that_are_read(tmp_path: Path):
    """Neither bad lines nor duplicate ids nor what lies past max_samples can be chosen."""
    lines = ["broken", *records(10), *records(5), *({"user_text": f"{n}?", "assistant_text": "x"} for n in range(99))]
    dataset = planned(tmp_path, lines, eval_count=9, max_samples=10)
    assert list(sides(dataset).values()).count("eval") == 9


def test_settings_of_the_split_change_no_sound(tmp_path: Path):
    assert keys(planned(tmp_path / "a", records(6))) == keys(planned(tmp_path / "b", records(6), eval_count=2))


def test_another_seed_keeps_other_dialogues(tmp_path: Path):
    kept = [
        {
            name
            for name, side in sides(planned(tmp_path / str(seed), records(40), eval_count=10, seed=seed)).items()
            if side == "eval"
        }
        for seed in (0, 1)
    ]
    assert kept[0] != kept[1]


def test_evaluation_dialogues_have_their_own_voices(tmp_path: Path):
    voices = {"user_voice": "low", "assistant_voice": "low", "eval_user_voice": "high"}
    dataset = planned(tmp_path, records(20), eval_count=5, **voices)
    heard = Counter((row["split"], row["role"], row["voice"]) for row in dataset.tasks())
    assert heard == {
        ("train", "user", "low"): 15,
        ("train", "assistant", "low"): 15,
        ("eval", "user", "high"): 5,
        ("eval", "assistant", "low"): 5,
    }


@pytest.mark.parametrize(
    ("wanted", "count"), [({"eval_count": 3}, 3), ({"eval_count": 9}, 3), ({"eval_fraction": 0.999}, 2)]
)
def test_a_dataset_with_nothing_to_train_on_is_an_error(tmp_path: Path, wanted: dict[str, Any], count: int):
    dataset = PlainDataset(tmp_path, records(count), **wanted)
    with pytest.raises(RecipeError, match=rf"^eval_\w+ [\d.]+ keeps all {count} good dialogues of .*dialogues.jsonl"):
        dataset.plan()
    assert not dataset.store.exists()


def test_a_source_that_can_be_read_only_once_is_refused(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [])
    dataset.source.unlink()
    os.mkfifo(dataset.source)
    with pytest.raises(DialogueFileError, match=r"dialogues.jsonl is a pipe: give a regular file"):
        dataset.plan()


@pytest.mark.parametrize(
    ("wanted", "kept", "warning"),
    [
        ({}, 0, None),
        ({"eval_count": 3}, 3, None),
        ({"eval_count": 3}, 2, "2 dialogues are kept for evaluation, not eval_count=3"),
        ({"eval_fraction": 0.5}, 3, None),
        ({"eval_fraction": 0.01}, 0, "no dialogue is kept for evaluation: eval_fraction=0.01"),
        ({"eval_fraction": 0}, 0, None),
    ],
)
def test_an_odd_split_is_warned_of(tmp_path: Path, wanted: dict[str, Any], kept: int, warning: str | None):
    told = split_warning(PlainDataset(tmp_path, [], **wanted).recipe, kept)
    assert told == warning or (told and warning and told.startswith(warning))


@pytest.mark.parametrize("lines", [[], ["", " "], ["broken", "{}"]])
def test_a_file_without_a_good_line_is_an_error(tmp_path: Path, lines: list[dict[str, Any] | str]):
    with pytest.raises(DialogueFileError, match="no usable dialogue"):
        PlainDataset(tmp_path, lines).plan()


def test_a_file_without_a_good_line_leaves_nothing_so_the_message_says_all(tmp_path: Path):
    dataset = PlainDataset(tmp_path, ["broken", "broken too", "{}", record(0, user_text="")])
    with pytest.raises(DialogueFileError) as refusal:
        dataset.plan()
    assert "4 of 4 lines were rejected, the first because: line 1, not JSON" in str(refusal.value)
    assert "(in all: 2 x not JSON" in str(refusal.value) and "1 x user_text is empty" in str(refusal.value)
    assert list(dataset.store.folder.iterdir()) == []


@pytest.mark.parametrize("lines", [["broken"], [record(0), record(1)]], ids=["no-good-line", "full-disk"])
def test_a_failed_parse_leaves_the_earlier_dataset(tmp_path: Path, lines: list[dict[str, Any] | str]):
    dataset = planned(tmp_path, [record(7), "broken"])
    before = {path: path.read_bytes() for path in dataset.store.folder.rglob("*") if path.is_file()}

    dataset.write(lines)
    with full_disk(200), pytest.raises((DialogueFileError, OSError)):
        dataset.plan()

    assert {path: path.read_bytes() for path in dataset.store.folder.rglob("*") if path.is_file()} == before


def test_a_parse_replaces_the_earlier_one(tmp_path: Path):
    dataset = planned(tmp_path, [*records(9), "broken"])
    dataset.write(records(2))
    dataset.plan()
    assert len(dataset.store.shards()) == 1 and len(dataset.tasks()) == 4
    assert list(dataset.store.rejects()) == []
    assert sorted(path.name for path in dataset.store.tasks_folder.iterdir()) == [
        "summary.json",
        "talks.000000.tasks",
        "voices.json",
    ]


# -- a large new dataset, of which the first shards can be built while the rest is read


def opened_while_planned(dataset: PlainDataset) -> list[dict[str, bytes]]:
    """Plan a dataset; the tasks of the shards that could be built, each time that it was told."""
    store, seen = dataset.store, []

    def opened() -> None:
        assert not store.is_complete()
        assert store.recipe().samples_per_shard == dataset.recipe.samples_per_shard
        assert store.voice_fingerprints()
        seen.append(task_files(dataset))

    plan(dataset.recipe, store, opened=opened)
    return seen


def task_files(dataset: PlainDataset) -> dict[str, bytes]:
    """Bytes of each shard's tasks, by shard."""
    store = dataset.store
    return {shard: tasks_path(store.tasks_folder, shard).read_bytes() for shard in store.shards()}


def test_the_first_shards_can_be_built_before_the_file_is_read_to_its_end(tmp_path: Path):
    lines = [*records(9), "broken", *records(14)[9:]]
    at_once = planned(tmp_path / "at once", lines, samples_per_shard=2)
    opened = PlainDataset(tmp_path, lines, samples_per_shard=2, speak_after=5, shard_dirs=None)

    (seen,) = opened_while_planned(opened)

    assert [*seen] == ["talks.000000", "talks.000001", "talks.000002"]
    assert opened.store.is_complete()
    assert task_files(opened) == task_files(at_once)
    assert seen.items() < task_files(opened).items()
    assert [*opened.store.rejects()] == [*at_once.store.rejects()] != []
    assert opened.store.recipe().shard_dirs  # decided when it was opened, by its size


def test_no_shard_is_given_away_early_where_all_of_the_file_decides(tmp_path: Path):
    evaluated = PlainDataset(tmp_path, records(14), samples_per_shard=2, speak_after=5, eval_count=3)
    assert opened_while_planned(evaluated) == []


def test_no_shard_of_an_earlier_dataset_is_given_away_early(tmp_path: Path):
    dataset = planned(tmp_path, records(4), samples_per_shard=2, speak_after=5)
    dataset.write(records(14))
    assert opened_while_planned(dataset) == []
    assert len(dataset.store.shards()) == 7


def test_a_small_dataset_is_not_given_away_early(tmp_path: Path):
    assert opened_while_planned(PlainDataset(tmp_path, records(14), samples_per_shard=2)) == []


def test_a_parse_that_broke_off_leaves_a_dataset_that_nobody_takes_for_whole_and_is_done_again(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(14), samples_per_shard=2, speak_after=5)
    with pytest.raises(KeyboardInterrupt):
        plan(dataset.recipe, dataset.store, opened=interrupted)

    assert len(dataset.store.shards()) == 3 and not dataset.store.is_complete()
    assert datasets_in(dataset.store.root) == []
    dataset.make()  # all shards that are there
    assert [item.state for item in take_stock(dataset.store.root)] == [INCOMPLETE]
    for look in (dataset.publish, lambda: count_dataset(dataset.store, dataset.recipe)):
        with pytest.raises(DatasetError, match="has not been read to its end"):
            look()

    (seen,) = opened_while_planned(dataset)
    assert len(seen) == 3 and len(dataset.store.shards()) == 7
    assert datasets_in(dataset.store.root)
    dataset.make()
    assert [item.state for item in take_stock(dataset.store.root)] == [OUTDATED]


def interrupted() -> None:
    raise KeyboardInterrupt


def test_what_was_spoken_of_a_parse_that_broke_off_is_not_spoken_again(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(14), samples_per_shard=2, speak_after=5)

    def speak_and_break_off() -> None:
        dataset.make()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan(dataset.recipe, dataset.store, opened=speak_and_break_off)
    dataset.plan()

    counts = [report.speech for report in dataset.make()]
    assert [(count["spoken"], count["reused"]) for count in counts] == [(0, 4)] * 3 + [(4, 0)] * 4


def test_the_recipe_is_stored(tmp_path: Path):
    dataset = planned(tmp_path, records(1), gap=0.25)
    decided = {"shard_dirs": False}  # left to the size of the dataset
    assert dataset.store.recipe() == dataset.recipe.model_copy(update=decided)


# -- what decides a task's sound, and what does not


def test_seeds_are_distinct_and_fit_into_63_bits(tmp_path: Path):
    seeds = [row["seed"] for row in planned(tmp_path, records(500), samples_per_shard=500).tasks()]
    assert len(set(seeds)) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_seed_does_not_depend_on_the_place_in_the_file(tmp_path: Path):
    forward, backward = planned(tmp_path / "a", records(9)), planned(tmp_path / "b", records(9)[::-1])
    by_id = [{(r["dialogue_id"], r["turn"]): r["seed"] for r in d.tasks()} for d in (forward, backward)]
    assert by_id[0] == by_id[1]


@pytest.mark.parametrize(
    "same",
    [
        {"gap": 0.1},
        {"layout": "overlapped"},
        {"sample_rate": "native"},
        {"samples_per_shard": 2},
        {"worker_count": 3},
        {"keep_mono": False},
        {"name": "other"},
        {"planner_buffer": 1},
        {"max_samples": 9},
        {"noise": {"characters_per_second": 200.0, "seconds_per_call": 1.0}},
    ],
    ids=lambda options: next(iter(options)),
)
def test_settings_that_do_not_touch_the_sound_keep_every_key(tmp_path: Path, same: dict[str, Any]):
    assert keys(planned(tmp_path / "a", records(6))) == keys(planned(tmp_path / "b", records(6), **same))


@pytest.mark.parametrize(
    "other",
    [{"seed": 1}, {"noise": {"characters_per_second": 100.0}}, {"user_voice": "high", "assistant_voice": "low"}],
    ids=["seed", "engine-option", "voices"],
)
def test_settings_that_change_the_sound_change_every_key(tmp_path: Path, other: dict[str, Any]):
    before, after = keys(planned(tmp_path / "a", records(3))), keys(planned(tmp_path / "b", records(3), **other))
    assert before.keys() == after.keys()
    assert set(before.values()).isdisjoint(after.values())


@pytest.mark.parametrize(
    ("change", "turns"),
    [
        ({"user_text": "Another question?"}, {0}),
        ({"assistant_text": "Another answer."}, {1}),
        ({"user_voice": "high"}, {0}),
        ({"assistant_voice": "low"}, {1}),
        ({"user_voice": "low"}, set()),
        ({"mood": "calm"}, set()),
        ({"user_text": "  " + record(1)["user_text"]}, set()),
    ],
)
def test_an_edited_record_changes_the_keys_of_its_changed_turns(
    tmp_path: Path, change: dict[str, Any], turns: set[int]
):
    before = keys(planned(tmp_path / "a", records(3)))
    after = keys(planned(tmp_path / "b", [record(0), record(1, **change), record(2)]))
    assert {place for place in before if before[place] != after[place]} == {("talk_001", turn) for turn in turns}


def test_keys_are_distinct_even_for_equal_texts(tmp_path: Path):
    """Each turn has its own seed, so that equal texts do not give equal sound."""
    same = {"user_text": "Yes.", "assistant_text": "Yes.", "user_voice": "low", "assistant_voice": "low"}
    dataset = planned(tmp_path, [record(0, **same), record(1, **same)])
    assert len(set(keys(dataset).values())) == 4


def peak(folder: Path, lines: str) -> float:
    """Peak memory of a parse in a process of its own, MiB."""
    (folder / "talks.jsonl").write_text(lines)
    return json.loads(subprocess.check_output([sys.executable, "-c", MEASURE, folder]))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path):
    """Ids of the greatest length: whoever kept them in memory would need 36 MiB for them, beside the usual 18."""
    line = '{{"id": "{0:01000x}", "user_text": "Question {0}?", "assistant_text": "So."}}\n'
    small, large = (peak(tmp_path, "".join(map(line.format, range(count)))) for count in (3000, 40_000))
    assert large - small <= 40


@pytest.mark.slow
def test_memory_does_not_grow_with_unknown_voices(tmp_path: Path):
    line = '{{"user_text": "Question?", "assistant_text": "So.", "user_voice": "{:01000x}"}}\n'
    good = '{"user_text": "Question?", "assistant_text": "So."}\n'
    small, large = (peak(tmp_path, good + "".join(map(line.format, range(count)))) for count in (3000, 40_000))
    assert large - small <= 50


@pytest.mark.parametrize(
    ("engine", "lanes", "warned"), [("indextts2", 2, True), ("indextts2", 1, False), ("builtin", 2, False)]
)
def test_lanes_warn_of_gpu_memory_where_they_fill_it(engine: str, lanes: int, warned: bool):
    voices = {"user_voice": "user.wav", "assistant_voice": "assistant.wav"} if engine == "indextts2" else {}
    recipe = make_recipe({"name": "t", "source": "t.jsonl", "engine": engine, "worker_count": lanes, **voices})
    assert bool(lanes_warning(recipe)) is warned
