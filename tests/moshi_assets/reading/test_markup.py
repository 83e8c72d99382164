"""Stars, angle brackets and signs at a line's start: what is markup, and what the sentence needs."""

import pytest

from moshi_assets.reading import read


def outcomes(text: str) -> list[tuple[str, str]]:
    return [(finding.outcome, finding.kind) for finding in read(text).findings]


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("F***ing hell, s**t", "bleeping hell, bleep"),
        ("Oh f*ck off, you b*tch.", "Oh bleep off, you bleep."),
        ("f*ck*ng m*therf*cker", "bleep bleeper"),
        ("What the f---?", "What the bleep?"),
        ("Oh sh#@t, $#@!", "Oh bleep, bleep"),
    ],
)
def test_a_word_that_its_writer_keeps_back_stays_whole_and_is_told(written, spoken):
    assert (read(written).text, read(written).spoken) == (written, spoken)
    assert ("suspicious", "censored word") in outcomes(written)


@pytest.mark.parametrize(
    "written",
    ["I--I can't", "W--what?", "Hi!! 5%", "R&D costs 5$!", "It costs $$$$", "A* is an algorithm", "100%!", "price*"],
)
def test_other_signs_keep_no_word_back(written):
    assert ("suspicious", "censored word") not in outcomes(written)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("un**believ**able", "unbelievable"),
        ("un*believ*able", "unbelievable"),
        ("It is *em*phasis", "It is emphasis"),
        ("A super*man*", "A superman"),
        ("***bold** text*", "bold text"),
        ("*What the f***?*", "What the f***?"),
        ("*f*ck you*", "f*ck you"),
        ("**f**k**", "f**k"),
        ("`a*b` is **5**", "a*b is 5"),
    ],
)
def test_stars_that_enclose_something_are_emphasis_also_in_a_word(written, text):
    assert read(written).text == text


def test_a_star_between_letters_of_a_product_is_said():
    assert read("a*b*c and 5*3*2, 2*x").spoken == "a times b times c and five times three times two, two times x"


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("if a<b and c>d then", "if a is less than b and c is greater than d then"),
        ("a<b>c", "a is less than b is greater than c"),
        ("List<String> is it", "List is less than String is greater than is it"),
        ("x <y> z", "x is less than y is greater than z"),
    ],
)
def test_a_comparison_is_no_tag(written, spoken):
    assert (read(written).text, read(written).spoken) == (written, spoken)


def test_brackets_that_are_no_tag_are_told():
    assert outcomes("List<String> is it")[-1] == ("suspicious", "angle brackets")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("<answer>Yes.</answer>", "Yes."),
        ("<speak>Hi <prosody rate='slow'>you</prosody></speak>", "Hi you"),
        ('<a href="x>y" target=_blank>here</a>', "here"),
        ("<BR>One<BR/>two<input disabled>", "One two"),
        ("un<b>believ</b>able", "unbelievable"),
        ("<details><summary>More</summary>Text</details>", "More Text"),
        ("x<sup>2</sup> is the 10<sup>th</sup>", "x^2 is the 10th"),
    ],
)
def test_a_tag_is_a_known_name_or_one_that_is_closed(written, text):
    assert read(written).text == text


@pytest.mark.parametrize(
    "written",
    [
        "My name is <PERSON> and my number is <PHONE_NUMBER>.",
        "Call <NAME> at <TIME>.",
        "Dear <your name>, hello.",
        "Dear [NAME], call [PHONE_NUMBER].",
        "Hi {name}, hi {{ user }}.",
        "Hi &lt;PERSON&gt;.",
    ],
)
def test_a_gap_where_a_name_was_rejects_the_dialogue(written):
    assert ("rejected", "placeholder") in outcomes(written)


def test_a_cell_of_a_table_is_a_table():
    assert ("rejected", "table") in outcomes("<td>one</td><td>two</td>")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("Email <a@b.com> now", "Email a@b.com now"),
        ("> 5 people", "> 5 people"),
        (">=5", ">=5"),
        ("> quoted", "quoted"),
        ("> 5 of us\n> 6 of them", "5 of us 6 of them"),
        ("- 5 degrees", "-5 degrees"),
        ("The answer is\n- 5", "The answer is 5"),
        ("It is true.[1][2] And so[3].", "It is true. And so."),
        ("See [1] for it.", "See [1] for it."),
        ("array[0] is x[1]", "array[0] is x[1]"),
        ("[John]: hello", "[John]: hello"),
    ],
)
def test_a_sign_that_the_sentence_needs_stays(written, text):
    assert read(written).text == text


@pytest.mark.parametrize("written", ["- 5 degrees", "The answer is\n- 5", "- 5 eggs"])
def test_a_lone_number_after_a_dash_is_told(written):
    assert ("suspicious", "minus or list") in outcomes(written)


def test_a_list_of_several_numbers_is_not():
    assert ("suspicious", "minus or list") not in outcomes("- 5 eggs\n- 6 apples")
