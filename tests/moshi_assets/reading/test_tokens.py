"""Text in tokens, as old corpora have it, and turns that hold what several speakers say."""

import pytest

from moshi_assets.reading import CleanRules, read


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("I do n't know .", "I don't know."),
        ("I 'm fine , thanks .", "I'm fine, thanks."),
        ("can ' t you see ?", "can't you see?"),
        ("I ca n't , and wo n't .", "I can't, and won't."),
        ("John 's car", "John's car"),
        ("hello , how are you ?", "hello, how are you?"),
        ("hello . . . world", "hello... world"),
        ("`` quoted '' text", '"quoted" text'),
        ("-LRB- laughs -RRB- hi", "hi"),
        ("I 'm gon na go .", "I'm gonna go."),
        ("Mr . Smith", "Mr. Smith"),
        ("well @-@ known", "well-known"),
        ("hello _comma_ world", "hello, world"),
        ("It is 10 : 30 a . m .", "It is 10:30 a.m."),
        ("3 , 000 people", "3,000 people"),
    ],
)
def test_tokens_are_put_together(written: str, kept: str):
    assert read(written).text == kept


@pytest.mark.parametrize(
    "text",
    [
        "rock 'n' roll",
        "I said 'm' and 's'.",
        "the dogs' bowl",
        "He said 'tis fine.",
        "well - known",
        "It costs 3, 000 is a bad number.",
        "I have two. 50 are missing.",
        "Wait... what?",
    ],
)
def test_what_is_written_as_usual_stays(text: str):
    assert read(text).text == text


def test_tokens_stay_where_the_rule_is_off():
    assert read("I do n't know .", rules=CleanRules(tokenised=False)).text == "I do n't know ."


def rejected(text: str) -> str:
    found = read(text).rejected
    return found.kind if found else ""


@pytest.mark.parametrize(
    "text",
    [
        "User: hi\nAssistant: hello",
        "User: hi Assistant: hello",
        "**User:** hi\n**Assistant:** hello",
        "A: Hi. B: Hello.",
        "Person 1: hi\nPerson 2: hello",
        "[USER] hi [ASSISTANT] hello",
        "### Human: hi ### Assistant: hello",
        "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nhello<|im_end|>",
        "Ann: Hi.\nBob: Hello.\nAnn: Bye.",
        "John: hi\nMary: hello",
        "john: hi\nmary: hello",
        "JOHN: Hi.\n(He waves.)\nMARY: Hello.",
        "**John Smith:** hi\n**Mary Jones (angry):** hello",
        "John: hi Mary: hello",
        "Mr. Lee: hi\nMom: hello",
        "<John> hi\n<Mary> hello",
        "[10:30] John: hi\n[10:31] Mary: hello",
        "[INST] How are you? [/INST] I am fine.",
        "<s>[INST] How are you? [/INST] I am fine.</s>",
        "How are you? [/INST] I am fine.",
        "<user>Hi there</user><assistant>Hello!</assistant>",
        '<turn speaker="A">hi</turn><turn speaker="B">hello</turn>',
        '{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}',
        "小明：你好\n小红：你好",
        "妈妈：吃饭了\n我：来了",
        "\u7528\u6237\uff1a\u4f60\u597d\n\u52a9\u624b\uff1a\u4f60\u597d",
    ],
)
def test_a_turn_of_several_speakers_is_rejected_by_that_kind(text: str):
    assert rejected(text) == "several speakers"


@pytest.mark.parametrize(
    "text",
    [
        "Assistant: hello",
        "Person 1: hi",
        "[USER] hi",
        "<|im_start|>assistant\nhello<|im_end|>\n<|im_start|>user\n",
        "Ingredients: flour\nSteps: mix\nTime: an hour",
        "Name: John\nAge: five",
        "Note: bring milk",
        "Reminder: call John.",
        "Note: bring milk\nReminder: call Mary",
        "Pros: cheap\nCons: slow",
        "Monday: rest\nTuesday: run",
        "John: 5\nMary: 7",
        "John: I told you so.",
        "I told John: go home. And Mary: stay.",
        "[INST] How are you? [/INST]",
        "<user>Hi there</user><assistant></assistant>",
        "时间：三点\n地点：学校",
        "He said to the agent: go. The customer: no.",
        "Assistant: Sure.\nAssistant: Anything else?",
    ],
)
def test_one_label_or_a_list_is_no_conversation(text: str):
    assert rejected(text) == ""
