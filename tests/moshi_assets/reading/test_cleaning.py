"""Cleaning: what is written in a turn but never said."""

import pytest

from moshi_assets.reading import CleanRules, read

CLEANED = {
    "markdown": {
        "==marked== and ||hidden|| words": "marked and hidden words",
        "- [ ] buy milk\n- [x] sell eggs": "buy milk. sell eggs",
        "[b]bold[/b] and [url=http://a.com]link[/url]": "bold and link",
        "• one\n• two": "one. two",
        "It is so[^1], they say [2, 3].": "It is so, they say.",
        "See <https://example.com> now.": "See https://example.com now.",
        "See [the guide][1].\n\n[1]: http://a.com": "See the guide.",
        "**bold** and _italic_ and ~~gone~~ and `code`": "bold and italic and gone and code",
        "# Tea\nWater boils.": "Tea. Water boils.",
        "1. Boil.\n2. Pour.": "Boil. Pour.",
        "- one\n- two\n- three": "one. two. three",
        "> quoted": "quoted",
        "See [the guide](https://example.org/tea?x=1).": "See the guide.",
        "![a cat](cat.png) sat": "a cat sat",
        r"\*not bold\*": "not bold",
    },
    "html": {
        "Is it <b>really</b> open?<br>": "Is it really open?",
        "<p>Yes, until&nbsp;nine.</p>": "Yes, until nine.",
        "Fish &amp; chips, it&#39;s &quot;fresh&quot;.": 'Fish & chips, it\'s "fresh".',
        "<script>alert(1)</script>Hello": "Hello",
        "<!-- hidden -->Hi": "Hi",
        "&amp;lt;b&amp;gt;deep&amp;lt;/b&amp;gt;": "deep",
    },
    "chat tokens": {
        "<|start|>assistant<|channel|>final<|message|>Hi.<|return|>": "Hi.",
        "[S1] Hello.": "Hello.",
        "[Assistant]: Hi.": "Hi.",
        "<|im_start|>assistant\nHello there.<|im_end|>": "Hello there.",
        "<|start_header_id|>assistant<|end_header_id|>\n\nHi.<|eot_id|>": "Hi.",
        "[INST] What is tea? [/INST]": "What is tea?",
        "<s>Hi</s>": "Hi",
        "<start_of_turn>model\nHi<end_of_turn>": "Hi",
        "### Response: Sure.": "Sure.",
    },
    "label": {
        "Speaker 2: Hello": "Hello",
        "SPEAKER_00: Hello": "Hello",
        "AI Assistant: Hello": "Hello",
        "Patient: Hello": "Hello",
        "机器人：你好": "你好",
        "User: Hello": "Hello",
        "**Assistant:** Hi there!": "Hi there!",
        "AI: yes": "yes",
        "用户：你好": "你好",
    },
    "reasoning": {
        "[THINK]Hm.[/THINK]Yes.": "Yes.",
        "◁think▷Hm.◁/think▷Yes.": "Yes.",
        "<|channel|>analysis<|message|>Hm.<|end|>Yes.": "Yes.",
        "<think>Let me see.</think>The answer is yes.": "The answer is yes.",
        "left over</think> Yes.": "Yes.",
    },
    "stage direction": {
        "**sighs** Well.": "Well.",
        "_laughs_ Well.": "Well.",
        "{laughs} Well.": "Well.",
        "<<laughs>> Well.": "Well.",
        "((unclear)) Well.": "Well.",
        "[inaudible 00:12] Well.": "Well.",
        "*waves hand* Hi.": "Hi.",
        "*he walks to the door* Bye.": "Bye.",
        "(in a low voice) Yes.": "Yes.",
        "[sarcastically] Sure.": "Sure.",
        "Wait [1.5s] here.": "Wait here.",
        "【笑】好的": "好的",
        "*laughs* Why did it?": "Why did it?",
        "*clears his throat* Well.": "Well.",
        "[pause] To get there. [laughter]": "To get there.",
        "(sighs) I know.": "I know.",
        "<laugh> No more.": "No more.",
        "*leans back slowly* Well.": "Well.",
        "[excited] Yes!": "Yes!",
        "（笑）好的": "好的",
    },
    "emoji": {
        "Who knows ¯\\_(ツ)_/¯": "Who knows",
        "No (╯°□°)╯︵ ┻━┻ way": "No way",
        "Well done! 😀👍🏽": "Well done!",
        "I ❤️ pizza 🍕 very much.": "I pizza very much.",
        "Thanks :)": "Thanks",
        "Welcome ;-) <3": "Welcome",
        "Hello :smile: there": "Hello there",
        "👨‍👩‍👧 family": "family",
        "Flags 🇩🇪🏴󠁧󠁢󠁥󠁮󠁧󠁿 here": "Flags here",
    },
    "characters": {
        "zero\u200bwidth": "zerowidth",
        "\ufeffHello": "Hello",
        "One.\\nTwo.": "One. Two.",
        "ＡＢ１２": "AB12",
        "\u202ertl": "rtl",
    },
}
KEPT = (
    "x == y or a == b",
    "The host: a tall man",
    "(1) first, (2) second",
    "I am *very* sure".replace("*", ""),
    "a < b and c > d",
    "5 * 3 = 15",
    "2*3*4 = 24",
    "1999. It was hot.",
    "42.",
    "1. e4 is best.",
    "(a few) people came",
    "(turns out) it works",
    "snake_case_name",
    "It costs $5 and $6.",
    "Question: what is it?",
    "AT&T",
    "if x<y then",
    "The ratio is 3:1",
    "See you at 8) maybe",
)
BLOCKS = {
    "code": (
        "Sure:\n\n```python\nprint('hello')\n```\n\nThat is all.",
        "def f(x):\n    return x",
        'print("hi"); x = foo(bar)',
        "<pre>x = 1</pre>",
    ),
    "table": ("| a | b |\n|---|---|\n| 1 | 2 |", "<table><tr><td>1</td></tr></table>"),
    "formula": ("It is $A = \\pi r^2$.", "$$x$$", "So \\[ x^2 \\] it is", "\\begin{align}x\\end{align}"),
}


@pytest.mark.parametrize(
    ("kind", "written", "kept"), [(kind, *pair) for kind, pairs in CLEANED.items() for pair in pairs.items()]
)
def test_what_is_not_said_is_taken_off_and_named(kind, written, kept):
    spoken = read(written)
    assert spoken.text == kept
    assert kind in {finding.kind for finding in spoken.findings if finding.outcome == "cleaned"}


@pytest.mark.parametrize(
    ("kind", "written", "kept"), [(kind, *next(iter(pairs.items()))) for kind, pairs in CLEANED.items()]
)
def test_each_rule_can_be_turned_off(kind, written, kept):
    setting = {"chat tokens": "chat_tokens", "label": "labels", "stage direction": "directions"}.get(kind, kind)
    off = read(written, "en", CleanRules(**{setting: False}))
    assert kind not in {finding.kind for finding in off.findings}


@pytest.mark.parametrize("written", KEPT)
def test_words_that_only_look_like_markup_stay(written):
    assert read(written).text == written


@pytest.mark.parametrize(("kind", "written"), [(kind, text) for kind, texts in BLOCKS.items() for text in texts])
def test_a_block_that_nobody_can_say_rejects_the_turn_by_its_kind(kind, written):
    rejected = read(written).rejected
    assert rejected is not None
    assert rejected.kind == kind


def test_blocks_can_be_dropped_instead():
    spoken = read("Sure:\n\n```python\nprint('hello')\n```\n\nThat is all.", rules=CleanRules(blocks="drop"))
    assert spoken.text == "Sure: That is all."
    assert spoken.rejected is None
    assert ("cleaned", "code") in {(finding.outcome, finding.kind) for finding in spoken.findings}


@pytest.mark.parametrize("written", ["😴", "[silence]", "***", "", "<think>hm</think>"])
def test_a_turn_that_leaves_nothing_to_say_is_rejected(written):
    rejected = read(written).rejected
    assert rejected is not None
    assert rejected.kind == "nothing to say"


def test_a_hostile_turn_takes_no_time_worth_naming():
    """Patterns that step back would take hours over these."""
    for piece in (
        "*",
        "[",
        "(",
        "<",
        "`",
        "&",
        "\n",
        "<think>",
        "[think]",
        ".",
        "a_",
        "$",
        "_",
        "a.",
        "1-",
        "#",
        "> ",
        "- ",
        "\\",
        "1/",
        "www.",
        "(a",
        "<a ",
        "*a",
        "x/",
        "-1",
    ):
        read(piece * (2000 // len(piece)))


def test_what_begins_the_turn_once_a_direction_is_gone_is_cleaned_too():
    assert read("*laughs* *laughs* > Yes.").text == "Yes."
