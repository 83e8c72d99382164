"""What a dialogue's turns say once they are planned, and which dialogues a voice cannot speak."""

from __future__ import annotations

import json
import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from moshi_assets.dialogues.reader import DialogueFileError
from moshi_assets.planning.task_table import dialogue_texts
from moshi_assets.processes.pools import usable_cores
from tests.moshi_assets.support.plain_dataset import PlainDataset, record

BUILTIN = {"engine": "builtin"}


def planned(folder: Path, *turns: str, **settings: Any) -> PlainDataset:
    """A dataset of one plain dialogue, and one whose turns are given, the user's first."""
    roles = ("user", "assistant")
    dialogue = {"id": "talk", "turns": [{"role": roles[n % 2], "text": text} for n, text in enumerate(turns)]}
    dataset = PlainDataset(folder, [record(0, user_text="Well?", assistant_text="Yes."), dialogue], **settings)
    dataset.plan()
    return dataset


def said(dataset: PlainDataset) -> list[tuple[str, str]]:
    """Written and spoken text of each turn of the dialogue."""
    (shard,) = dataset.store.shards()
    return [(each.text, each.spoken) for each in dialogue_texts(dataset.store.tasks(shard)).get("talk", [])]


def reason(dataset: PlainDataset) -> str:
    (line,) = dataset.store.rejects_path.read_text(encoding="utf-8").splitlines()
    return str(json.loads(line)["reason"])


def reading(dataset: PlainDataset) -> dict[tuple[str, str], int]:
    """Turns by outcome and kind, as the summary counts them."""
    return {(kind.outcome, kind.kind): kind.turns for kind in dataset.store.summary().reading}


def test_the_transcript_shows_what_was_kept_and_the_voice_is_given_words(tmp_path: Path):
    dataset = planned(tmp_path, "It is **5 km**, right?", "No. It's $3.50 \U0001f600")

    assert said(dataset) == [
        ("It is 5 km, right?", "It is five kilometers, right?"),
        ("No. It's $3.50", "No. It's three dollars and fifty cents"),
    ]


def test_a_plain_turn_takes_no_room_beside_its_text(tmp_path: Path):
    row = planned(tmp_path, "Is that so?", "It is.").tasks()[-1]

    assert (row["text"], row["spoken"], row["spans"]) == ("It is.", None, None)


def test_a_language_is_that_of_the_dialogue_not_of_the_turn(tmp_path: Path):
    dataset = planned(tmp_path, "How much is it?", "$3.50.")

    assert said(dataset)[1] == ("$3.50.", "three dollars and fifty cents.")


LESSON = ("Let's practise, and then you tell me how it was for you.", "Muy bien, vamos a hablar de tu familia.")


def test_a_turn_in_a_language_that_the_voice_cannot_speak_rejects_its_dialogue_by_name(tmp_path: Path):
    why = reason(planned(tmp_path, *LESSON, **BUILTIN))

    assert why.startswith("the voice cannot speak: Spanish, in which turn 1 of the dialogue is, 'Muy bien, vamos")


@pytest.mark.parametrize("text", [{"max_unspeakable": 1}, {"languages": ["en", "es"]}, {"language": "en"}])
def test_a_lesson_is_taken_where_the_recipe_says_so(tmp_path: Path, text: dict[str, Any]):
    assert len(said(planned(tmp_path, *LESSON, text=text, **BUILTIN))) == 2


def test_a_borrowed_phrase_rejects_nothing(tmp_path: Path):
    assert len(said(planned(tmp_path, "Hasta la vista, baby.", "De nada.", **BUILTIN))) == 2


def test_content_keys_follow_what_is_spoken(tmp_path: Path):
    def keys(*turns: str) -> list[bytes]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        return [row["content_key"] for row in planned(folder, *turns).tasks()[-2:]]

    assert keys("Have **5**?", "Yes.") == keys("Have five?", "Yes.")
    assert keys("Have 5?", "Yes.") != keys("Have 6?", "Yes.")


def test_a_pause_of_a_stated_length_parts_the_turn(tmp_path: Path):
    dataset = planned(tmp_path, "Wait. [pause 1.5s] Now. — <break time='2s'/> So [pause 1s]", "[pause 3s] Yes.")
    rows = [(row["role"], row["text"], row["gap"]) for row in dataset.tasks()[2:]]

    assert rows == [
        ("user", "Wait.", None),
        ("user", "Now. —", 1.5),
        ("user", "So", 2.0),
        ("assistant", "Yes.", 3.0),
    ]


def test_a_part_that_looks_like_code_by_itself_leaves_no_empty_turn(tmp_path: Path):
    dataset = planned(tmp_path, "Well, [pause 1s] def f(x): return x + 1; print(f(2))", "Yes.")

    assert said(dataset) == [] and reason(dataset).startswith("turn 1 holds code, which cannot be spoken")


def test_pauses_do_not_make_more_turns_than_a_dialogue_may_have(tmp_path: Path):
    dataset = planned(tmp_path, "So, [pause 1s] well, [pause 1s] yes.", "No.", max_turns=3)

    assert said(dataset) == [] and "make 4 turns of it, more than max_turns=3" in reason(dataset)


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        (("Hello.", "```py\nprint(1)\n```"), "turn 1 holds code, which cannot be spoken"),
        (("*nods*", "Hello."), "turn 0 has nothing to say: '*nods*'"),
        (("Wie geht es dir?", "Das ist nicht schön, und du?"), "the voice cannot speak: German"),
        (("你好吗？", "我很好。"), "the voice cannot speak: Chinese"),
        (("Привет, как дела?", "Hello."), "the voice cannot speak: Cyrillic"),
        (("What does 你好 mean, my friend?", "It is a greeting."), "the voice cannot speak: '你好' of turn 0"),
    ],
)
def test_what_the_voice_cannot_speak_is_rejected_by_name(tmp_path: Path, turns: tuple[str, str], why: str):
    dataset = planned(tmp_path, *turns, **BUILTIN)

    assert said(dataset) == [] and reason(dataset).startswith(why)


@pytest.mark.parametrize(
    ("turns", "text"),
    [
        (("Wie geht es dir?", "Das ist nicht schön, und du?"), {"languages": ["de", "en"]}),
        (("Wie geht es dir?", "Das ist nicht schön, und du?"), {"language": "en"}),
        (("What does 你好 mean, my friend?", "It is a greeting."), {"max_unspeakable": 0.2}),
        (("Look:", "```py\nprint(1)\n```\nThat is it."), {"clean": {"blocks": "drop"}}),
    ],
)
def test_a_setting_takes_it_all_the_same(tmp_path: Path, turns: tuple[str, str], text: dict[str, Any]):
    assert len(said(planned(tmp_path, *turns, text=text, **BUILTIN))) == 2


def test_a_language_that_the_recipe_names_is_asked_for_too(tmp_path: Path):
    dataset = planned(tmp_path, "Hallo!", "Um 5 Uhr.", text={"language": "de", "languages": ["de"]}, **BUILTIN)
    assert said(dataset)[1] == ("Um 5 Uhr.", "Um 5 Uhr.")

    with pytest.raises(DialogueFileError, match="the voice cannot speak: German"):
        planned(tmp_path, "Hallo!", "Hi.", text={"language": "de"}, **BUILTIN)


def test_an_engine_of_every_language_takes_every_language(tmp_path: Path):
    assert len(said(planned(tmp_path, "你好吗？", "我有5个。"))) == 2


def test_the_summary_counts_turns_by_what_was_found(tmp_path: Path):
    dataset = planned(tmp_path, "**Is** it 5?", "It is 6, *really*.", "So ^ it is.")

    assert reading(dataset) == {
        ("suspicious", "symbol"): 1,
        ("cleaned", "markdown"): 2,
        ("verbalised", "number"): 2,
    }
    assert dataset.store.summary().changed_turns == 3


def test_turns_are_counted_once_though_the_file_is_read_twice(tmp_path: Path):
    dataset = planned(tmp_path, "Is it 5?", "It is 6.", eval_count=1)

    assert reading(dataset) == {("verbalised", "number"): 2}


def test_a_lexicon_says_how_a_name_is_spoken(tmp_path: Path):
    dataset = planned(tmp_path, "Is it SQL?", "Yes.", text={"lexicon": {"SQL": "sequel"}})

    assert said(dataset)[0] == ("Is it SQL?", "Is it sequel?")


def test_tasks_of_another_version_are_refused_with_the_remedy(tmp_path: Path):
    from moshi_assets.storage.checked_table import write_table
    from moshi_assets.storage.dataset import DatasetError, tasks_path

    dataset = planned(tmp_path, "Is it?", "Yes.")
    (shard,) = dataset.store.shards()
    older = dataset.store.tasks(shard).drop(["spoken", "spans"]).replace_schema_metadata(None)
    write_table(tasks_path(dataset.store.tasks_folder, shard), older)

    with pytest.raises(DatasetError, match=r"another version of moshi-assets.*materialize synthesis_tasks"):
        dataset.store.tasks(shard)


# -- turns that are too long

LONG = "First we **boil** it. Then, after 5 minutes, we eat it. That is all."


def test_a_turn_that_is_too_long_is_rejected(tmp_path: Path):
    dataset = planned(tmp_path, "How?", LONG, max_text_chars=40)
    assert reason(dataset) == f"turns[1].text has {len(LONG)} characters, more than max_text_chars=40"


def test_or_split_after_cleaning_into_turns_of_its_speaker(tmp_path: Path):
    dataset = planned(tmp_path, "How?", LONG, "I see.", max_text_chars=40, text={"longest": "split"})

    assert said(dataset) == [
        ("How?", "How?"),
        ("First we boil it.", "First we boil it."),
        ("Then, after 5 minutes, we eat it.", "Then, after five minutes, we eat it."),
        ("That is all.", "That is all."),
        ("I see.", "I see."),
    ]
    assert roles(dataset) == ["user", "assistant", "assistant", "assistant", "user"]
    assert reading(dataset)["cleaned", "split"] == 1


def test_or_cut_and_what_is_left_out_is_told(tmp_path: Path):
    dataset = planned(tmp_path, "How?", LONG, max_text_chars=40, text={"longest": "cut"})

    assert said(dataset)[1:] == [("First we boil it.", "First we boil it.")]
    (cut,) = [kind for kind in dataset.store.summary().reading if kind.kind == "cut"]
    assert (cut.turns, cut.written) == (1, "Then, after 5 minutes, we eat it. That is all.")


def test_what_is_long_enough_only_with_its_markup_stays_whole(tmp_path: Path):
    dataset = planned(tmp_path, "How?", "**So:** " + "_we_ boil it.", max_text_chars=16, text={"longest": "split"})
    assert said(dataset)[1:] == [("So: we boil it.", "So: we boil it.")]


def test_a_plain_turn_is_split_too(tmp_path: Path):
    dataset = planned(tmp_path, "How?", "We boil it. We eat it.", max_text_chars=12, text={"longest": "split"})
    assert [text for text, _ in said(dataset)] == ["How?", "We boil it.", "We eat it."]


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("First we boil it. 2. Then we eat it.", ("2. Then we eat it.", "two. Then we eat it.")),
        ("He asked for it. User: a person.", ("User: a person.", "User: a person.")),
        ("It is not far, about 5 km.", ("about 5 km.", "about five kilometers.")),
    ],
    ids=["looks-like-a-list", "looks-like-a-label", "numbers-stay"],
)
def test_a_piece_is_spoken_as_it_is_in_the_whole(tmp_path: Path, text: str, last: tuple[str, str]):
    dataset = planned(tmp_path, "How?", text, max_text_chars=18, text={"longest": "split"})
    assert said(dataset)[2:] == [last]


def test_a_part_after_a_pause_is_spoken_as_it_is_in_the_whole(tmp_path: Path):
    dataset = planned(tmp_path, "How?", "First we boil it. [pause 1s] 2. Then we eat it.")
    assert said(dataset)[1:] == [("First we boil it.",) * 2, ("2. Then we eat it.", "two. Then we eat it.")]


def test_a_turn_of_more_pieces_than_a_dialogue_may_have_is_rejected(tmp_path: Path):
    settings: dict[str, Any] = {"max_text_chars": 20, "max_turns": 5, "text": {"longest": "split"}}
    dataset = planned(tmp_path, "How?", "We boil it again. " * 9, **settings)
    assert reason(dataset) == "split at max_text_chars=20 it has 10 turns, more than max_turns=5"


def roles(dataset: PlainDataset) -> list[str]:
    (shard,) = dataset.store.shards()
    tasks = dataset.store.tasks(shard).to_pylist()
    return [task["role"] for task in tasks if task["dialogue_id"] == "talk"]


def plan_in_a_step(folder: Path, pipe: Connection) -> None:
    """What the step of `synthesis_tasks` does, in a process of its own as every step."""
    dataset, seen, done = PlainDataset(folder, NUMBERED), set(), Event()

    def watch() -> None:
        while not done.wait(0.02):
            seen.update(child.pid for child in multiprocessing.active_children())

    watcher = Thread(target=watch)
    watcher.start()
    dataset.plan()
    done.set()
    watcher.join()
    pipe.send(len(seen))


NUMBERED = [record(n, user_text=f"Is it ${n}.50?", assistant_text=f"It is {n} km, **no** more.") for n in range(1200)]


@pytest.mark.skipif(usable_cores() < 2, reason="one core has one process")
def test_processes_read_what_one_reads(tmp_path: Path):
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    for folder in (alone, shared):
        folder.mkdir()
    PlainDataset(alone, NUMBERED).plan()
    ours, theirs = multiprocessing.Pipe()
    step = multiprocessing.get_context("spawn").Process(target=plan_in_a_step, args=(shared, theirs))
    step.start()
    assert ours.poll(120)
    processes = ours.recv()
    step.join()

    assert processes >= 2
    (first, second) = (sorted((folder / "data/talks/tasks").glob("*.tasks")) for folder in (alone, shared))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second] != []
