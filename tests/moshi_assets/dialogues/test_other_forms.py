"""The forms of other corpora are read without being told; what is none of them is told what it has."""

import json
import tracemalloc
from typing import Any

import pytest

from moshi_assets.dialogues.dialogue import Dialogue, Reject
from moshi_assets.dialogues.forms import AS_USUAL, InputSettings, parse_record

SAID = [("user", "How late is it?"), ("assistant", "Six.")]
Q, A = "How late is it?", "Six."


def parse(record: Any, **mapping: Any) -> Dialogue | Reject:
    line = json.dumps(record).encode()
    return parse_record(1, line, 2000, 200, mapping=InputSettings(**mapping) if mapping else AS_USUAL)


def said(record: Any, **mapping: Any) -> list[tuple[str, str]]:
    dialogue = parse(record, **mapping)
    assert isinstance(dialogue, Dialogue), dialogue
    return [(turn.role, turn.text) for turn in dialogue.turns]


def reason(record: Any, **mapping: Any) -> str:
    reject = parse(record, **mapping)
    assert isinstance(reject, Reject), reject
    return reject.reason


# -- each form, and beside it what is nearly the same and no dialogue

FORMS: dict[str, tuple[Any, Any]] = {
    "ShareGPT": (
        {"conversations": [{"from": "human", "value": Q}, {"from": "gpt", "value": A}]},
        {"conversations": [{"from": "human", "value": Q}, {"from": "ghost", "value": A}]},
    ),
    "ShareGPT with a system prompt": (
        {
            "conversations": [
                {"from": "system", "value": "Be brief."},
                {"from": "human", "value": Q},
                {"from": "gpt", "value": A},
            ]
        },
        {"conversations": [{"from": "system", "value": Q}, {"from": "human", "value": A}]},
    ),
    "turns by other names": (
        {"turns": [{"speaker": "USER", "utterance": Q}, {"speaker": "Bot", "utterance": A}]},
        {"turns": [{"speaker": "USER", "utterance": Q}, {"speaker": "Bot", "utterance": ""}]},
    ),
    "messages by other names": (
        {"messages": [{"who": "customer", "message": Q}, {"who": "agent", "message": A}]},
        {"messages": [{"who": "customer", "message": Q}, {"who": "customer", "message": A}]},
    ),
    "messages with roles of any case": (
        {"messages": [{"role": "Human", "content": Q}, {"role": "AI", "content": A}]},
        {"messages": [{"role": "Human", "content": Q}, {"role": "AI", "content": 6}]},
    ),
    "a list by any name": (
        {"talk": [{"author": "prompter", "text": Q}, {"author": "assistant", "text": A}]},
        {"talk": [{"author": "prompter", "words": Q}, {"author": "assistant", "words": A}]},
    ),
    "texts that alternate": ({"dialog": [Q, A]}, {"talk": [Q, A]}),
    "texts that alternate, as UltraChat has them": ({"id": "0", "data": [Q, A]}, {"id": "0", "data": [Q]}),
    "objects that alternate": (
        {"utterances": [{"text": Q}, {"text": A}]},
        {"utterances": [{"text": Q, "by": 1}, {"text": A, "by": 2}]},
    ),
    "a list of turns alone": (
        [{"role": "user", "text": Q}, {"role": "assistant", "text": A}],
        [{"role": "user", "text": Q}],
    ),
    "questions with their answers": (
        {"conversation": [{"human": Q, "assistant": A}]},
        {"data": [{"human": Q, "assistant": A}]},
    ),
    "columns of a nested table": (
        {"dialogue": {"speaker": ["user", "model"], "text": [Q, A]}},
        {"dialogue": {"speaker": ["user", "model"], "text": [Q]}},
    ),
    "instruction": ({"instruction": Q, "input": "", "output": A}, {"instruction": Q, "input": "", "output": ""}),
    "prompt": ({"prompt": Q, "completion": A}, {"prompt": Q, "completion": None}),
    "prompt of messages": (
        {"prompt": [{"role": "user", "content": Q}], "completion": [{"role": "assistant", "content": A}]},
        {"chosen": [{"role": "user", "content": Q}], "rejected": [{"role": "assistant", "content": A}]},
    ),
    "question": ({"Question": Q, "Answer": A}, {"Question": Q, "Answer": A, "response": A}),
    "query": ({"query": Q, "response": A}, {"query": Q, "prompt": Q, "response": A}),
    "two texts written otherwise": ({"User Text": Q, "Assistant-Text": A}, {"User Text": Q, "Assistant-Text": "..."}),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_read_without_being_told(form: str):
    assert said(FORMS[form][0]) == SAID


@pytest.mark.parametrize("form", FORMS)
def test_what_is_nearly_of_that_form_is_rejected(form: str):
    assert reason(FORMS[form][1])


def test_speakers_in_a_list_beside_the_texts_tell_who_says_them():
    assert said({"dialogue": [A, Q], "speakers": ["bot", "user"]}) == SAID[::-1]
    assert said({"dialogue": [Q, A], "speakers": ["Ann", "Bob"]}) == SAID  # they alternate, whoever they are
    assert "do not alternate" in reason({"dialogue": [Q, Q, A], "speakers": ["Ann", "Ann", "Bob"]})
    mapping = {"roles": {"Ann": "user", "Bob": "assistant"}}
    assert said({"dialogue": [Q, Q, A], "speakers": ["Ann", "Ann", "Bob"]}, **mapping)[1:] == SAID


def test_an_instruction_is_said_with_its_input():
    assert said({"instruction": "Translate.", "input": "Guten Tag", "output": A})[0] == (
        "user",
        "Translate.\nGuten Tag",
    )


def test_a_list_goes_before_texts_beside_it():
    turns = [{"from": "human", "value": Q}, {"from": "gpt", "value": A}]
    assert said({"prompt": "x", "response": "y", "conversations": turns}) == SAID


def test_the_list_of_turns_may_have_gaps_whatever_its_names():
    dialogue = parse({"turns": [{"speaker": "user", "utterance": Q}, {"speaker": "bot", "utterance": A, "gap": -0.5}]})
    assert isinstance(dialogue, Dialogue) and dialogue.turns[1].gap == -0.5


def test_the_record_s_voices_and_emotions_are_used():
    dialogue = parse({"question": Q, "answer": A, "user_voice": "u.wav", "assistant_emotion": {"emo_text": "glad"}})
    assert isinstance(dialogue, Dialogue)
    assert dialogue.turns[0].voice == "u.wav" and dialogue.turns[1].emotion.emo_text == "glad"


@pytest.mark.parametrize("field", ["id", "ID", "conversation_id", "dialogue_id", "uuid"])
@pytest.mark.parametrize("form", ["question", "own"])
def test_an_id_has_usual_names(field: str, form: str):
    texts = {"question": Q, "answer": A} if form == "question" else {"user_text": Q, "assistant_text": A}
    dialogue = parse({field: "x1", **texts})
    assert isinstance(dialogue, Dialogue) and (dialogue.id, dialogue.unknown_fields) == ("x1", ())


def test_what_is_not_read_is_named():
    turns = [{"from": "human", "value": Q, "weight": 1}, {"from": "gpt", "value": A}]
    dialogue = parse({"conversations": turns, "source": "x"})
    assert isinstance(dialogue, Dialogue) and set(dialogue.unknown_fields) == {"source", "conversations[].weight"}


# -- the mapping of the recipe

OWN_NAMES = {"nr": 7, "gespräch": [{"wer": "A", "satz": Q}, {"wer": "B", "satz": A}]}
MAPPING = {"turns": "gespräch", "role": "wer", "text": "satz", "roles": {"A": "user", "B": "assistant"}, "id": "nr"}


def test_a_mapping_reads_what_has_names_of_its_own():
    dialogue = parse(OWN_NAMES, **MAPPING)
    assert said(OWN_NAMES, **MAPPING) == SAID and dialogue.id == "7" and not dialogue.unknown_fields


@pytest.mark.parametrize("without", ["role", "text", "roles"])
def test_its_names_are_needed(without: str):
    assert reason(OWN_NAMES, **{name: value for name, value in MAPPING.items() if name != without})


def test_a_mapping_may_name_speakers_alone():
    record = {"dialog": [{"speaker": 0, "text": Q}, {"speaker": 1, "text": A}]}
    assert said(record, roles={0: "user", 1: "assistant"}) == SAID


def test_a_mapping_overrides_what_a_name_usually_means():
    record = {"turns": [{"role": "USER", "text": Q}, {"role": "SYSTEM", "text": A}]}
    assert "'SYSTEM' is left out" in reason({"log": record["turns"]})
    assert "'SYSTEM' is left out" in reason({"turns": [{"speaker": t["role"], "text": A} for t in record["turns"]]})
    assert said(record, roles={"system": "assistant"}) == SAID


def test_a_mapping_may_leave_a_speaker_out():
    record = {"log": [{"who": "Narrator", "text": "Rain."}, {"who": "user", "text": Q}, {"who": "bot", "text": A}]}
    assert said(record, roles={"Narrator": "system"}) == SAID


def test_a_mapping_may_name_two_texts():
    assert said({"Frage": Q, "Antwort": A}, user_text="Frage", assistant_text="Antwort") == SAID


def test_with_a_mapping_our_own_forms_are_read_too():
    assert said({"user_text": Q, "assistant_text": A}, roles={"A": "user"}) == SAID


@pytest.mark.parametrize(
    "wrong",
    [
        {"turn": "x"},
        {"roles": {"A": "me"}},
        {"user_text": "x"},
        {"user_text": "a", "assistant_text": "b", "turns": "c"},
    ],
)
def test_a_mapping_that_means_nothing_is_an_error(wrong: dict[str, Any]):
    with pytest.raises(ValueError):
        InputSettings(**wrong)


# -- what fits nothing is told what it has, and what would read it


def advised(record: Any) -> str:
    return reason(record).rpartition("such as ")[2].strip("'")


@pytest.mark.parametrize(
    ("record", "fields", "setting"),
    [
        (OWN_NAMES, "nr (number), gespräch (list of objects with wer, satz)", MAPPING | {"id": None}),
        (
            {"Frage": Q, "Antwort": A},
            "Frage (text), Antwort (text)",
            {"user_text": "Frage", "assistant_text": "Antwort"},
        ),
        ({"talk": [Q, A]}, "talk (list of texts)", {"turns": "talk"}),
    ],
)
def test_a_record_of_no_form_is_told_its_fields_and_a_setting_that_reads_it(record: Any, fields: str, setting: dict):
    import yaml

    assert f"its fields are {fields}" in reason(record)
    mapping = yaml.safe_load(advised(record))["input"]
    assert mapping == {name: value for name, value in setting.items() if value is not None}
    assert said(record, **mapping) == SAID


def test_a_record_that_holds_the_dialogues_says_how_to_take_them_out():
    for dialogue in ({"question": Q, "answer": A}, {"conversations": [{"from": "human", "value": Q}]}):
        assert reason({"version": 1, "items": [dialogue]}).endswith("make each a record of its own ('jq -c .items[]')")


def test_a_turn_alone_is_told_to_be_one():
    assert "it seems to be one turn" in reason({"dialogue_id": "x", "speaker": "user", "text": Q})


def test_columns_of_millions_of_turns_are_not_made_into_turns():
    line = b'{"dialog": {"speaker": [%s0], "text": [%s0]}}' % (b"0," * 900_000, b"0," * 900_000)
    tracemalloc.start()
    assert isinstance(parse_record(1, line, 2000, 200), Reject)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


def test_unknown_speakers_are_named_with_the_setting_that_reads_them():
    record = {"dialog": [{"speaker": "A", "text": Q}, {"speaker": "B", "text": A}]}
    assert reason(record).startswith("dialog[].speaker is 'A', 'B', a speaker that is not known")
    assert advised(record) == "input: {roles: {A: user, B: assistant}}"


@pytest.mark.parametrize(
    "bad",
    [
        {"id": "x1", "Frage": Q},
        {"id": "x1", "user_text": Q},
        {"id": "x1", "turns": [{"role": "user", "text": ""}]},
        {"id": "x1", "messages": [{"role": "user", "content": Q}]},
        {"conversation_id": "x1", "conversations": [{"from": "ghost", "value": Q}]},
    ],
)
def test_a_reject_keeps_the_id(bad: Any):
    reject = parse(bad)
    assert isinstance(reject, Reject) and reject.id == "x1"


def test_names_that_a_terminal_would_obey_are_not_told():
    assert "\x1b" not in reason({"\x1b[31m": 1, "a\nb": 2}) and "\n" not in reason({"a\nb": 2})


def test_a_hostile_record_is_told_in_a_few_words():
    assert len(reason({f"{number:0100000}": [number] for number in range(20)})) < 1500
