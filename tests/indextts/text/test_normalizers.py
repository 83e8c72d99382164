"""The readings that a text can get: none but the vocabulary's own marks, that of a package, that of a function."""

import re
import subprocess
import sys

import pytest

from benchmarks.reading_table import read_table
from indextts.infer_v2 import IndexTTS2
from indextts.text.frontend import TextFrontend
from indextts.text.normalizers import make_normalizer
from indextts.text.read_ahead import TextAhead
from moshi_assets.reading import read


@pytest.fixture(scope="module")
def spoken_texts() -> list[str]:
    return [read(pair.written, pair.language).spoken for pair in read_table()]


@pytest.fixture(scope="module")
def verbatim(tiny_config_dir) -> TextFrontend:
    return TextFrontend(tiny_config_dir / "bpe.model", normalizer="verbatim")


def words(text: str) -> str:
    """Letters and digits of a text, a blank for all that is between them."""
    return re.sub(r"[\W_]+", " ", text).strip().casefold()


def changed(texts: list[str], normalizer: str) -> list[str]:
    normalize = make_normalizer(normalizer).normalize
    return [text for text in texts if words(normalize(text)) != words(text)]


# Verbatim


def test_verbatim_changes_no_word_of_what_is_spelled_out(spoken_texts):
    assert changed(spoken_texts, "verbatim") == []


def test_the_published_front_end_would_read_some_of_it_once_more(spoken_texts):
    again = changed(spoken_texts, "published")
    assert "No. No. No." in again and "What's up?" in again


def test_verbatim_leaves_the_marks_that_the_vocabulary_has(spoken_texts):
    normalize = make_normalizer("verbatim").normalize
    left = {sign for text in spoken_texts for sign in re.findall(r"[^\w\s]", normalize(text))}
    assert left <= set(".,!?'-\u2026")
    assert normalize("(So)\u200b: \u201cyes\u201d; no\u2026\u2026") == "'So', 'yes', no\u2026"


def test_verbatim_keeps_the_notation_of_pronunciations():
    normalize = make_normalizer("verbatim").normalize
    assert normalize("晕XUAN4，<重|chong2:x>要") == "晕XVAN4,<重|chong2:x>要"


def test_verbatim_gives_the_pieces_of_upper_case_with_chinese_apart(verbatim):
    assert verbatim.tokenize("It's 你好") == verbatim.pieces.EncodeAsPieces("IT'S 你 好")
    assert verbatim.tokenize(" a ") == ["\u2581A"]
    assert verbatim.tokenize(" \u200b ") == []


def test_verbatim_needs_no_grammar():
    script = (
        "from indextts.text.normalizers import make_normalizer; make_normalizer('verbatim').normalize('No. 5'); "
        "import sys; print({'tn', 'wetext', 'pynini', 'moshi_assets'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


# Readings of packages and functions


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("No. It costs $3.50; *really*!", "No. It costs three dollars and fifty cents, really!"),
        ("它有25%。", "它有百分之二十五."),
    ],
)
def test_spoken_is_the_reading_of_moshi_assets(written, spoken):
    assert make_normalizer("spoken").normalize(written) == spoken


def test_a_function_reads_the_text_and_the_marks_are_folded_after_it():
    assert make_normalizer(lambda text: text.replace("3", "(three)")).normalize("No. 3") == "No. 'three'"


def test_an_unknown_name_is_answered_by_those_that_are_installed():
    with pytest.raises(ValueError, match=r"unknown normalizer 'spokn': known here are published, verbatim, spoken;"):
        make_normalizer("spokn")


def test_what_is_neither_a_name_nor_a_function_is_refused():
    with pytest.raises(TypeError, match="a name or a function from text to text, not None"):
        make_normalizer(None)


def test_a_function_that_returns_no_text_is_named():
    with pytest.raises(TypeError, match=r"returned None for 'Hi\.': it must return a str"):
        make_normalizer(lambda text: None).normalize("Hi.")


def test_a_glossary_that_is_not_used_is_warned_of(tiny_config_dir, tmp_path, caplog):
    glossary = tmp_path / "glossary.yaml"
    glossary.write_text("M.2: M dot two\n")

    TextFrontend(tiny_config_dir / "bpe.model", glossary, "verbatim")

    (message,) = caplog.messages
    assert str(glossary) in message and "is not used" in message


# Pieces that the vocabulary lacks


def test_unknown_pieces_are_named_without_a_model(verbatim):
    assert verbatim.unknown("A cafe, 😀😀 or Ж?") == ["😀😀", "Ж"]
    assert verbatim.unknown("Good morning, all of you!") == []
    assert verbatim.unknown("a") == verbatim.unknown("") == []


def test_a_letter_that_the_vocabulary_lacks_is_read_without_its_accent(verbatim, tiny_config_dir):
    published = TextFrontend(tiny_config_dir / "bpe.model")

    assert published.unknown("A café.") == ["É"]
    assert verbatim.tokenize("A café, naïve.") == verbatim.tokenize("A cafe, naive.")


def test_a_single_character_is_known_in_its_published_case_only(tiny_config_dir):
    published = TextFrontend(tiny_config_dir / "bpe.model")
    assert (published.unknown("a"), published.unknown("A")) == (["a"], [])


def test_unknown_pieces_are_those_of_the_text_as_it_is_spoken(tiny_config_dir):
    bpe_model = tiny_config_dir / "bpe.model"
    assert TextFrontend(bpe_model, normalizer="verbatim").unknown("That's 9 $") == ["9", "$"]
    assert TextFrontend(bpe_model, normalizer="spoken").unknown("That's $9") == []


# The class


def test_the_class_speaks_by_its_normalizer(checkpoint_dir, prompt_file):
    tts = IndexTTS2(checkpoint_dir / "config.yaml", checkpoint_dir, device="cpu", normalizer="spoken")
    brief = {"max_mel_tokens": 2, "min_mel_tokens": 2, "seed": 1, "return_audio": True}
    verbatim = IndexTTS2(checkpoint_dir / "config.yaml", checkpoint_dir, device="cpu", normalizer="verbatim")

    def said(model, text):
        return model.infer(prompt_file(24000, 1.2, 3), text, None, **brief).wav_tensor.tolist()

    assert said(tts, "No. 5-6 km.") == said(verbatim, "Number five to six kilometers.")
    assert said(tts, "No. 5-6 km.") != said(verbatim, "Number five to seven kilometers.")
    assert verbatim.unknown_pieces("5 €") == ["€"]


def test_a_wrong_name_is_refused_before_a_model_is_loaded(checkpoint_dir, monkeypatch):
    monkeypatch.setattr("indextts.loaded_model.load_components", lambda *_: pytest.fail("a model is loaded"))
    with pytest.raises(ValueError, match="unknown normalizer 'x'"):
        IndexTTS2(checkpoint_dir / "config.yaml", checkpoint_dir, device="cpu", normalizer="x")


# Read ahead


def test_readers_read_as_the_process_that_started_them(tiny_config_dir):
    ahead = TextAhead(tiny_config_dir / "bpe.model", normalizer="spoken")
    text = "No. 5-6 km. *really*"
    try:
        ahead.read_ahead([text])
        by_a_reader = ahead._answers[text].result(timeout=60)
    finally:
        ahead.close()

    assert by_a_reader == TextFrontend(tiny_config_dir / "bpe.model", normalizer="spoken").tokenize(text)
    assert by_a_reader != TextFrontend(tiny_config_dir / "bpe.model").tokenize(text)


@pytest.mark.parametrize("normalizer", ["verbatim", str.lower])
def test_what_takes_no_time_or_is_not_known_elsewhere_has_no_readers(tiny_config_dir, normalizer):
    ahead = TextAhead(tiny_config_dir / "bpe.model", readers=2, normalizer=normalizer)
    ahead.read_ahead(["No. 5"])
    assert not ahead._answers and not ahead._threads
    assert ahead.tokenize("No. 5") == TextFrontend(tiny_config_dir / "bpe.model", normalizer=normalizer).tokenize(
        "No. 5"
    )
