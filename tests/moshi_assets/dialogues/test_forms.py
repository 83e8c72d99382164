"""The forms of a record: two texts, turns, messages."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.dialogues.dialogue import Dialogue, EmotionSettings, Reject, Turn
from moshi_assets.dialogues.forms import MAX_DIALOGUE_CHARS, MAX_LIST_ENTRIES, MAX_VOICE_CHARS, parse_record
from moshi_assets.dialogues.reader import read_dialogues
from tests.moshi_assets.support.pipeline import REPOSITORY

SAD = {"emo_text": "sad"}


def parse(record: Any, max_text_chars: int = 2000, max_turns: int = 200) -> Dialogue | Reject:
    line = record if isinstance(record, bytes) else json.dumps(record).encode()
    return parse_record(1, line, max_text_chars, max_turns)


def user(text: Any = "Hello?", **fields: Any) -> dict[str, Any]:
    return {"role": "user", "text": text} | fields


def assistant(text: Any = "Hi!", **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "text": text} | fields


def said(role: str, content: Any = "Hello.", **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content} | fields


def turns_of(record: dict[str, Any]) -> tuple[Turn, ...]:
    dialogue = parse(record)
    assert isinstance(dialogue, Dialogue), dialogue
    return dialogue.turns


def reason(record: Any, **limits: int) -> str:
    reject = parse(record, **limits)
    assert isinstance(reject, Reject), reject
    return reject.reason


# -- turns


def test_turns_become_a_dialogue_in_their_order():
    spoken = [assistant("Good morning."), user("Morning.", gap=0.5), user("Is it open?"), assistant("Yes.", gap=-0.25)]
    assert turns_of({"turns": spoken}) == (
        Turn("assistant", "Good morning.", None),
        Turn("user", "Morning.", None, None, 0.5),
        Turn("user", "Is it open?", None),
        Turn("assistant", "Yes.", None, None, -0.25),
    )


def test_a_backchannel_is_marked():
    turns = turns_of(
        {"turns": [user(), assistant("Mm-hm.", backchannel=True), user("So."), assistant(backchannel=False)]}
    )
    assert [turn.backchannel for turn in turns] == [False, True, False, False]


def test_a_lone_turn_of_the_assistant_is_enough():
    assert turns_of({"turns": [assistant("Welcome.")]}) == (Turn("assistant", "Welcome.", None),)


def test_a_turn_s_voice_and_emotion_go_before_the_record_s():
    turns = turns_of(
        {
            "user_voice": "u.wav",
            "user_emotion": SAD,
            "turns": [user(), user(voice="x.wav", emotion={"emo_text": "happy"}), assistant()],
        }
    )
    assert [turn.voice for turn in turns] == ["u.wav", "x.wav", None]
    assert [turn.emotion and turn.emotion.emo_text for turn in turns] == ["sad", "happy", None]
    assert turns[0].emotion == EmotionSettings(emo_text="sad")


@pytest.mark.parametrize("gap", [-30, -0.1, 0, 1, 59.5, 60])
def test_a_gap_within_its_bounds_is_kept(gap: float):
    assert turns_of({"turns": [user(), assistant(gap=gap)]})[1].gap == gap


def test_null_stands_for_an_absent_field():
    empty = {"voice": None, "emotion": None, "gap": None, "backchannel": None}
    expected = turns_of({"turns": [user(), assistant()]})
    assert turns_of({"turns": [user(**empty), assistant()], "messages": None, "user_text": None}) == expected
    assert turns_of({"turns": None, "messages": None, "user_text": "Hello?", "assistant_text": "Hi!"}) == expected


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([user(), assistant(), user(""), assistant()], "turns[2].text is empty"),
        ([user(), assistant(" \n\u3000")], "turns[1].text is empty"),
        ([user(), assistant("x" * 2001)], "turns[1].text has 2001 characters, more than max_text_chars=2000"),
        ([user(), assistant(7)], "turns[1].text is not a string"),
        ([user(), {"role": "assistant"}], "turns[1].text is missing"),
        ([user(), {"text": "Hi!"}], "turns[1].role is missing"),
        ([user(), {"role": "system", "text": "Hi!"}], "turns[1].role is not user or assistant"),
        ([user(), {"role": ["user"], "text": "Hi!"}], "turns[1].role is not user or assistant"),
        ([user(), "Hi!"], "turns[1] is not a JSON object"),
        ([user(), None], "turns[1] is not a JSON object"),
        ([user()], "turns has no turn of the assistant"),
        ([], "turns has no turn of the assistant"),
        ({}, "turns is not a list"),
        ("Hi!", "turns is not a list"),
        ([user(), assistant(gap=-30.5)], "turns[1].gap is not within -30..60 seconds"),
        ([user(), assistant(gap=61)], "turns[1].gap is not within -30..60 seconds"),
        ([user(), assistant(gap=float("nan"))], "turns[1].gap is not within -30..60 seconds"),
        ([user(), assistant(gap=float("inf"))], "turns[1].gap is not within -30..60 seconds"),
        ([user(), assistant(gap="1")], "turns[1].gap is not a number"),
        ([user(), assistant(gap=True)], "turns[1].gap is not a number"),
        ([user(gap=-1), assistant()], "turns[0].gap is -1: there is no turn before it"),
        ([assistant(), user(), user(gap=-0.5)], "turns[2].gap is -0.5: the turn before it is the user's own"),
        ([user(), assistant(backchannel="yes")], "turns[1].backchannel is not true or false"),
        ([user(), assistant(backchannel=1)], "turns[1].backchannel is not true or false"),
        ([assistant(backchannel=True)], "turns[0].backchannel: there is no turn before it"),
        ([assistant(), assistant(backchannel=True)], "turns[1].backchannel: the turn before it is the assistant's own"),
        (
            [user(), assistant(backchannel=True), user(backchannel=True)],
            "turns[2].backchannel: the turn before it is the user's own",
        ),
        ([user(), assistant(voice=3)], "turns[1].voice is not a string"),
        ([user(), assistant(voice="x" * (MAX_VOICE_CHARS + 1))], "turns[1].voice has 1001 characters, more than 1000"),
        ([user(), assistant(emotion={"emo_alpha": 1})], "turns[1].emotion: Value error, give one of"),
        ([user(), assistant(emotion="sad")], "turns[1].emotion is not a JSON object"),
    ],
)
def test_a_bad_turn_is_a_reject_that_names_it(turns: Any, expected: str):
    assert reason({"turns": turns}).startswith(expected)


def test_backchannels_of_both_listeners_may_follow_one_another():
    """Two sounds over one turn; and what is overlapped is the turn, not the sound over it."""
    turns = [user(), assistant("Mm.", backchannel=True), assistant("Yeah.", backchannel=True), assistant(gap=-1)]
    assert len(turns_of({"turns": turns})) == 4


def test_the_number_of_turns_is_limited():
    turns = [user(), assistant()] * 3
    assert isinstance(parse({"turns": turns}, max_turns=6), Dialogue)
    assert reason({"turns": turns}, max_turns=5) == "turns has 6 turns, more than max_turns=5: split the dialogue"


def test_the_characters_of_a_dialogue_are_limited():
    turns = [assistant("x" * 2000)] * (MAX_DIALOGUE_CHARS // 2000)
    assert isinstance(parse({"turns": turns}), Dialogue)
    assert reason({"turns": [*turns, user("x")]}).startswith(f"turns has {MAX_DIALOGUE_CHARS + 1} characters in all")


@pytest.mark.parametrize("entry", ["0", "{}"])
@pytest.mark.parametrize("form", ["turns", "messages"])
def test_a_hundred_thousand_bad_entries_cost_little(form: str, entry: str):
    line = f'{{"{form}": [{", ".join([entry] * 100_000)}]}}'.encode()
    tracemalloc.start()
    parse(line)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * 2**20


def test_a_list_longer_than_any_recipe_allows_is_rejected():
    turns = [assistant()] * (MAX_LIST_ENTRIES + 1)
    assert reason({"turns": turns}, max_turns=MAX_LIST_ENTRIES) == f"turns has more than {MAX_LIST_ENTRIES} entries"


# -- messages


def test_messages_become_turns_without_what_nobody_says():
    messages = [
        said("system"),
        said("developer"),
        said("user", "How late is it?"),
        said("tool"),
        said("assistant", "Six."),
    ]
    assert turns_of({"messages": messages}) == (Turn("user", "How late is it?", None), Turn("assistant", "Six.", None))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (" Six. ", "Six."),
        ([{"type": "text", "text": "Six."}], "Six."),
        (
            [{"type": "text", "text": "Six. "}, {"type": "text", "text": ""}, {"type": "text", "text": "Or so."}],
            "Six. Or so.",
        ),
        ([{"type": "output_text", "text": "Six."}, "Yes."], "Six. Yes."),
    ],
)
def test_content_is_a_string_or_text_parts(content: Any, text: str):
    assert turns_of({"messages": [said("assistant", content)]})[0].text == text


@pytest.mark.parametrize("call", [{"tool_calls": [{"id": "x"}]}, {"function_call": {"name": "clock"}}])
@pytest.mark.parametrize("content", [None, "", []])
def test_a_message_that_only_calls_a_tool_is_left_out(call: dict[str, Any], content: Any):
    messages = [said("user"), said("assistant", content, **call), said("tool", "18:00"), said("assistant", "Six.")]
    assert [turn.text for turn in turns_of({"messages": messages})] == ["Hello.", "Six."]


@pytest.mark.parametrize("text", ["?!...", "…", "--- * ---", "_ _", "。。。！", "~~~", "\u0301", "\b"])
def test_a_turn_of_punctuation_only_is_none(text: str):
    for record, field in (
        ({"user_text": text, "assistant_text": "Yes."}, "user_text"),
        ({"user_text": "So?", "assistant_text": text}, "assistant_text"),
        ({"turns": [user(), assistant(text)]}, "turns[1].text"),
        ({"messages": [said("user", text), said("assistant")]}, "messages[0].content"),
    ):
        assert reason(record) == f"{field} is punctuation only, so there is nothing to say: {text!r}"


@pytest.mark.parametrize("text", ["7", "½", "好", "ок", "नमस्ते", "¿Qué?", "é", "(a)", "№ 5", "٣", "€", "👍🏽!"])
def test_a_letter_a_digit_or_a_sign_that_stands_for_something_is_a_turn(text: str):
    assert turns_of({"user_text": text, "assistant_text": text})[0].text == text


def test_messages_have_the_record_s_voices():
    turns = turns_of({"messages": [said("user"), said("assistant", voice=3)], "assistant_voice": "a.wav"})
    assert [turn.voice for turn in turns] == [None, "a.wav"]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([said("user"), said("assistant", "")], "messages[1].content is empty"),
        ([said("user"), said("assistant", None)], "messages[1].content is missing"),
        ([said("user"), {"role": "assistant"}], "messages[1].content is missing"),
        ([said("user"), said("assistant", 5)], "messages[1].content is neither a string nor a list of text parts"),
        ([said("user"), said("assistant", [])], "messages[1].content is empty"),
        ([said("user", [{"type": "image_url", "text": "x"}])], "messages[0].content[0] is no text part"),
        ([said("user", [{"type": "text"}])], "messages[0].content[0] is no text part"),
        ([said("user", [{"type": ["text"], "text": "x"}])], "messages[0].content[0] is no text part"),
        ([said("user", ["a", 5])], "messages[0].content[1] is no text part"),
        ([said("assistant", "x" * 2001)], "messages[0].content has 2001 characters, more than max_text_chars=2000"),
        ([said("narrator")], "messages[].role is 'narrator', a speaker that is not known"),
        ([said(5)], "messages[0].role is not a string"),
        ([{"content": "x"}], "messages[0].role is missing"),
        ([5], "messages[0] is not a JSON object"),
        ([said("system"), said("user")], "messages has no turn of the assistant"),
        ({}, "messages is not a list"),
    ],
)
def test_a_bad_message_is_a_reject_that_names_it(messages: Any, expected: str):
    assert reason({"messages": messages}).startswith(expected)


# -- which form


@pytest.mark.parametrize(
    ("fields", "both"),
    [
        ({"turns": [assistant()], "messages": [said("assistant")]}, "turns and messages"),
        ({"turns": [assistant()], "user_text": "Hello?"}, "turns and user_text"),
        ({"turns": [assistant()], "assistant_text": ""}, "turns and assistant_text"),
        ({"messages": [said("assistant")], "user_text": "Hello?", "assistant_text": "Hi!"}, "messages and user_text"),
    ],
)
def test_a_record_of_two_forms_is_rejected(fields: dict[str, Any], both: str):
    assert reason(fields).startswith(f"{both} are both given: use one of ")


def test_a_record_of_no_form_is_told_what_it_has():
    assert reason({"id": "a"}) == "no form of dialogue fits: its fields are id (text)"


def test_the_words_turns_and_messages_in_a_two_turn_record_mean_nothing():
    for text in ('She said "turns".', "messages", "turns"):
        assert turns_of({"id": "turns", "user_text": text, "assistant_text": "messages"})[0].text == text


def test_the_two_turn_form_is_a_list_of_two_turns():
    two = {"user_text": " Hello? ", "assistant_text": "Hi!", "user_voice": "u.wav", "assistant_emotion": SAD}
    assert turns_of(two) == turns_of({"turns": [user(voice="u.wav"), assistant(emotion=SAD)]})


@pytest.mark.parametrize(
    ("record", "unknown"),
    [
        ({"turns": [user(mood=1), assistant(mood=2, ref="x")], "page": 3}, ["page", "turns[].mood", "turns[].ref"]),
        ({"messages": [said("user", name="Ann"), said("assistant")], "page": 3}, ["messages[].name", "page"]),
        ({"turns": None, "user_text": "a", "assistant_text": "b", "page": 3}, ["page"]),
        ({"turns": [assistant()], "messages": None, "user_text": None}, []),
    ],
)
def test_unknown_fields_are_named_with_their_place(record: dict[str, Any], unknown: list[str]):
    dialogue = parse(record)
    assert isinstance(dialogue, Dialogue) and sorted(dialogue.unknown_fields) == unknown


TURN_LISTS = st.lists(
    st.builds(
        lambda role, text, gap: {"role": role, "text": text} | ({} if gap is None else {"gap": gap}),
        st.sampled_from(["user", "assistant"]),
        st.text(min_size=1, max_size=20).filter(lambda text: any(map(str.isalnum, text))),
        st.none() | st.floats(0, 60),
    ),
    min_size=1,
    max_size=12,
).filter(lambda turns: any(turn["role"] == "assistant" for turn in turns))


@given(TURN_LISTS)
def test_well_formed_turns_arrive_as_written(turns: list[dict[str, Any]]):
    dialogue = parse({"turns": turns})
    assert isinstance(dialogue, Dialogue), dialogue
    expected = [(turn["role"], turn["text"].strip(), turn.get("gap")) for turn in turns]
    assert [(turn.role, turn.text, turn.gap) for turn in dialogue.turns] == expected


@given(TURN_LISTS)
def test_messages_say_what_turns_say(turns: list[dict[str, Any]]):
    plain = [{name: turn[name] for name in ("role", "text")} for turn in turns]
    messages = [said("system"), *({"role": turn["role"], "content": turn["text"]} for turn in turns)]
    assert turns_of({"messages": messages}) == turns_of({"turns": plain})


def test_the_example_conversations_are_good_and_show_every_form():
    path = REPOSITORY / "examples" / "conversations.jsonl"
    dialogues = list(read_dialogues(path))
    assert all(isinstance(dialogue, Dialogue) and not dialogue.unknown_fields for dialogue in dialogues)
    turns = [turn for dialogue in dialogues for turn in dialogue.turns]
    assert {dialogue.turns[0].role for dialogue in dialogues} == {"user", "assistant"}
    assert any(turn.backchannel for turn in turns) and any((turn.gap or 0) < 0 for turn in turns)
    assert b'"messages"' in path.read_bytes()
