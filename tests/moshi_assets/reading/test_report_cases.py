"""The files of users' reports: what is said and what the transcript shows."""

import json
from pathlib import Path

import pytest

from moshi_assets.reading import SpokenText, detect_language, read

CASES = Path(__file__).parent / "cases"


def texts(record: dict) -> list[str]:
    if "turns" in record:
        return [turn["text"] for turn in record["turns"]]
    if "messages" in record:
        return [message["content"] for message in record["messages"]]
    return [record["user_text"], record["assistant_text"]]


def answer(file: str, dialogue: str, turn: int = -1) -> SpokenText:
    """How a turn of a case file is read, in the language of its dialogue."""
    records = map(json.loads, next(CASES.glob(f"{file}.*")).read_text(encoding="utf-8").splitlines())
    record = next(record for record in records if record["id"] == dialogue)
    return read(texts(record)[turn], detect_language(texts(record)))


SPOKEN = [
    ("01", "no1", -1, "No. It opens on Tuesday."),
    ("01", "no2", 1, "No."),
    ("01", "no2", 2, "Not even for the tower? No. I see."),
    ("02", "price", -1, "three dollars and fifty cents."),
    ("02", "when", -1, "ten thirty."),
    ("02", "quiz", 0, "twelve plus thirty?"),
    ("02", "quiz", 2, "fifty fifty?"),
    ("02", "quiz", 3, "one hundred percent"),
    ("02", "year", -1, "nineteen ninety nine."),
    ("03", "days", -1, "It takes three to five days."),
    ("03", "hours", -1, "About three to four hours, or two to three minutes by air."),
    ("03", "call", -1, "Call nine one one, or five five five, oh one four two for the desk, twenty four seven."),
    ("04", "list", -1, "Tea. Boil the water. Add two spoons. Wait three minutes. See the guide."),
    ("05", "tail", -1, "Well done!"),
    ("05", "mid", -1, "I pizza very much."),
    ("05", "ascii", -1, "You are welcome"),
    ("06", "star", -1, "Why did the chicken cross the road?"),
    ("06", "square", -1, "To get to the other side."),
    ("06", "paren", -1, "I know."),
    ("06", "angle", -1, "No more for today."),
    ("07", "html", 0, "Is it really open?"),
    ("07", "html", 1, "Yes, until nine."),
    ("16", "been", 0, "It's been ages, what's happened?"),
    ("16", "been", 1, "She's gone, and he's got a new job. That's been hard."),
    ("16", "caps", 0, "Why is it so loud in here?"),
    ("16", "caps", 1, "I do not know, please calm down."),
    ("16", "abbr", 0, "Is Doctor Lee on Saint James Street at five P M?"),
    ("16", "ids", 0, "My PIN is zero zero four two and code X seven nine Q."),
]


@pytest.mark.parametrize(("file", "dialogue", "turn", "spoken"), SPOKEN)
def test_a_reported_turn_is_said_as_it_should_be(file, dialogue, turn, spoken):
    assert answer(file, dialogue, turn).spoken == spoken


@pytest.mark.parametrize(
    ("file", "dialogue", "kind"),
    [
        ("04", "code", "code"),
        ("04", "table", "table"),
        ("04", "latex", "formula"),
        ("05", "only", "nothing to say"),
        ("06", "only", "nothing to say"),
    ],
)
def test_a_reported_turn_that_cannot_be_said_is_rejected_by_kind(file, dialogue, kind):
    rejected = answer(file, dialogue).rejected
    assert rejected is not None
    assert rejected.kind == kind


def test_the_transcript_shows_what_was_kept():
    assert answer("04", "list").text == "Tea. Boil the water. Add two spoons. Wait 3 minutes. See the guide."


@pytest.mark.parametrize("language", ["ru", "es", "ar", "ja", "hi", "zh", "de"])
def test_the_language_of_a_reported_dialogue_is_told(language):
    records = map(json.loads, next(CASES.glob("08.*")).read_text(encoding="utf-8").splitlines())
    record = next(record for record in records if record["id"] == language)
    assert detect_language(texts(record)) == language


def test_the_language_is_that_of_the_whole_dialogue():
    assert detect_language(["How much is it?", "$3.50."]) == "en"
    assert detect_language(["多少钱?", "$3.50."]) == "zh"
    assert detect_language(["What does 你好 mean?", "It means hello, like привет."]) == "en"
    assert detect_language(["10%", "42"]) == "en"


@pytest.mark.parametrize(
    "texts",
    [
        ["Robots should die.", "We cannot die."],
        ["Um, as usual."],
        ["Los Angeles or Las Vegas?", "Las Vegas."],
        ["E-mail: bob@gmail.com"],
        ["La la la, come on!"],
    ],
)
def test_english_words_that_others_have_too_make_no_other_language(texts):
    assert detect_language(texts) == "en"


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("nl", ["Hoe gaat het met je?", "Goed, dank je."]),
        ("sv", ["Hur mår du?", "Bra, tack."]),
        ("pl", ["Jak się masz?", "Dobrze, dziękuję."]),
        ("tr", ["Nasılsın?", "İyiyim, teşekkürler, ya sen?"]),
        ("id", ["Apa kabar?", "Baik, terima kasih, bagaimana dengan kamu?"]),
        ("it", ["Ciao, come stai?", "Sto bene, grazie."]),
        ("de", ["ICH BIN NICHT DA."]),
    ],
)
def test_other_languages_in_latin_letters_are_told(language, texts):
    assert detect_language(texts) == language


def test_the_dialogues_of_the_demo_are_spoken_as_they_are_written():
    sample = Path(__file__).parents[3] / "examples" / "moshi_sample.jsonl"
    for record in map(json.loads, sample.read_text(encoding="utf-8").splitlines()):
        for text in texts(record):
            assert read(text, detect_language(texts(record))) == SpokenText(text, text)
