"""Text front end: the goldens of `l_text.json`, and what they do not show."""

import logging
import subprocess
import sys

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indextts.engine.silence import remove_long_silence, silence_samples
from indextts.text import grammars
from indextts.text.frontend import TextFrontend
from indextts.text.normalize import TextNormalizer, is_chinese, load_glossary
from indextts.text.segment import QUOTES, split_segments


@pytest.fixture(scope="module")
def texts(golden_json):
    return golden_json("l_text")


@pytest.fixture(scope="module")
def frontend(tiny_config_dir):
    return TextFrontend(tiny_config_dir / "bpe.model")


@pytest.fixture(scope="module")
def normalize(frontend):
    return frontend.normalize


WORDS = [
    "Mr.",
    "Dr.",
    "St",
    "etc.",
    "e.g.",
    "TV",
    "OK,",
    "OR",
    ",CO",
    "No.",
    "Ph.D.",
    "U.S.",
    "A.",
    "IV",
    "mid-",
    "Mon-Fri",
    "p.m.",
    "www.abc.com",
    "Jan.",
    "ZIP",
    "the",
    "half",
    "it's",
    "km",
]


def _same(case_results):
    """All wrong cases at once, each with what was expected."""
    wrong = [(case, actual, expected) for case, actual, expected in case_results if actual != expected]
    assert not wrong, "\n".join(
        f"{case!r}:\n  is       {actual!r}\n  expected {expected!r}" for case, actual, expected in wrong
    )


class TestGoldens:
    @pytest.fixture(autouse=True)
    def _same_grammars(self):
        pytest.importorskip("tn", reason="the goldens are WeTextProcessing's; wetext words a few texts differently")

    def test_normalized_text(self, texts, normalize):
        cases = texts["text_normalizer"]["cases"]
        assert cases
        _same((case["in"], normalize(case["in"]), case["normalized"]) for case in cases)

    def test_language_of_the_grammar(self, texts):
        cases = texts["text_normalizer"]["cases"]
        _same((case["in"], is_chinese(case["in"]), case["use_chinese"]) for case in cases)

    def test_tokens(self, texts, frontend):
        cases = texts["text_normalizer"]["cases"] + texts["tokenizer_edge"]
        _same((case["in"], frontend.tokenize(case["in"]), case["tokens"]) for case in cases)

    def test_token_ids_of_whole_calls(self, golden_json, golden, frontend):
        arrays = golden("k_e2e")
        for case in golden_json("k_e2e"):
            segments = frontend.segments(case["text"], case.get("seg", 120))
            expected = [arrays[f"tok_{case['index']}_{k}"].tolist() for k in range(case["segments"])]
            assert [frontend.ids(segment) for segment in segments] == expected

    def test_glossary(self, texts):
        # The golden file holds texts but no terms; these are the terms of its texts.
        normalizer = TextNormalizer({"M.2": {"en": "M dot two"}, "PCIe 5.0": {"en": "PCIE five"}})
        known = [case for case in texts["glossary"] if "m.2" in case["in"].lower() or "pcie 5.0" in case["in"].lower()]
        if not known:
            pytest.skip("this golden set uses glossary terms that are not stored in it")
        _same((case["in"], normalizer.normalize(case["in"]), case["out"]) for case in known)


def test_segments_match_the_goldens(texts):
    cases = texts["split_segments"]
    assert cases
    _same((case["name"], split_segments(case["tokens"], case["max"], case["quick"]), case["out"]) for case in cases)


def test_long_silence_matches_the_goldens(texts):
    for case in texts["remove_long_silence"]:
        codes, lengths = remove_long_silence(torch.tensor(case["codes"]), case["stop_mel_token"])
        assert (codes.tolist(), lengths.tolist()) == (case["out"], case["lens"]), case["name"]


def test_silence_length_matches_the_goldens(texts):
    _same((case["ms"], silence_samples(case["ms"]), case["samples"]) for case in texts["interval_silence"])


def test_default_silence_is_200_ms_of_22050_hz():
    assert silence_samples(200) == 4410
    assert silence_samples(-200) == 0


def test_silence_is_thinned_by_row_and_padded_with_the_stop_code():
    silent_row = [1] + [52] * 31 + [2] + [9]
    short_row = [1, 52, 52, 9] + [0] * 30
    codes, lengths = remove_long_silence(torch.tensor([silent_row, short_row]), stop_code=9)
    assert lengths.tolist() == [12, 3]
    assert codes.tolist() == [[1] + [52] * 10 + [2], [1, 52, 52] + [9] * 9]


class TestNormalize:
    @pytest.mark.parametrize(
        ("written", "spoken"),
        [
            ("what's the time?", "what is the time?"),
            ("It\u2019s late, that's all.", "It is late, that is all."),
            ("John's dog isn't here, let's go", "John's dog isn't here, let's go"),
            ("我觉得it's good", "我觉得it is good"),
            ("你说what\u2019s up我说here's好的", "你说what is up我说here is好的"),
            ("他说John's很好", "他说John's很好"),
            ("the unit's late, its's not", "the unit's late, its's not"),
        ],
    )
    def test_short_forms_of_is(self, normalize, written, spoken):
        assert normalize(written) == spoken

    @pytest.mark.parametrize(
        ("written", "spoken"),
        [
            ("晕XUAN4是一种GAN3觉", "晕XVAN4是一种GAN3觉"),
            ("ju1 jian1 lü4 que4", "JV1 jian1 lü4 QVE4"),
            ("不要chong2蹈2次", "不要chong2蹈二次"),
            ("babala2和beta1", "babala二和beta一"),
        ],
    )
    def test_pinyin_keeps_its_tone(self, normalize, written, spoken):
        assert normalize(written) == spoken

    def test_a_size_is_not_pinyin(self, normalize):
        assert normalize("20 sheets of A4") == "twenty sheets of A four"

    def test_email_address_alone_is_left_to_the_chinese_grammar(self, normalize):
        assert is_chinese("someone@example.com")
        assert normalize("someone@example.com") == "someone@example.com"
        assert normalize("Write to someone@example.com by 5 PM").endswith("at example dot com by five PM")

    def test_hyphens_of_latin_terms_stay(self, normalize):
        assert normalize("F5-TTS and a B-52") == "F five-TTS and a B-fifty two"
        assert normalize("这是GPT-5-Nano") == "这是GPT-五-Nano"

    def test_names_keep_their_characters(self, normalize):
        # Outside a name, traditional characters become simplified ones.
        assert normalize("約翰·連儂") == "約翰-連儂"
        assert normalize("約翰") == "约翰"

    @pytest.mark.parametrize("text", ["他说<重|chong2:x>要3次", "Please <read|r:eh-d 5> it"])
    def test_annotations_stay_as_they_are(self, normalize, text):
        annotation = text[text.index("<") : text.index(">") + 1]
        assert annotation in normalize(text)

    def test_overlapping_names_do_not_depend_on_hash_order(self):
        text = "汤姆·哈迪和小汤姆·哈迪，xuan4和quan2xuan4"
        script = (
            f"from indextts.text.normalize import TextNormalizer; print(ascii(TextNormalizer().normalize({text!r})))"
        )
        results = {
            subprocess.run(
                [sys.executable, "-c", script],
                env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
            for seed in ("1", "2")
        }
        assert results == {ascii("汤姆-哈迪和小汤姆-哈迪,XVAN4和QVAN2XVAN4")}

    def test_invisible_characters_are_dropped(self, normalize):
        assert normalize("one\u200b two\ufeff \U000f0000three\ud800") == "one two three"

    def test_blank_text(self, frontend):
        assert frontend.normalize(" \n\t") == ""
        assert frontend.segments(" \n\t") == []

    def test_a_word_that_the_grammar_cannot_read_is_kept_with_a_warning(self, normalize, caplog):
        with caplog.at_level(logging.WARNING, "indextts"):
            spoken = normalize("\u2018^2タ€국°b costs 3")
        assert spoken.endswith("costs three")
        assert not caplog.records or "cannot read" in caplog.text

    @settings(max_examples=80, deadline=None)
    @given(st.text(alphabet=st.sampled_from("abzAI 019.,-'<>|=%$€°:你好一点儿·…\n\u200b\U000f0001タ"), max_size=20))
    @example("你zhong4=1")
    def test_any_text_is_normalized(self, text):
        spoken = TextNormalizer().normalize(text)
        assert not any("\U000f0000" <= character <= "\U000ffffd" for character in spoken)
        assert bool(spoken.strip()) == bool(text.replace("\u200b", "").replace("\U000f0001", "").strip())


class TestGlossary:
    def test_longest_term_wins_in_any_case_and_only_whole_words(self):
        normalizer = TextNormalizer({"AI": "artificial intelligence", "AI Lab": {"en": "the lab", "zh": "实验室"}})
        assert normalizer.normalize("The ai lab said AI") == "The the lab said artificial intelligence"
        assert normalizer.normalize("我在AI Lab") == "我在实验室"

    def test_a_term_without_a_form_for_the_language_stays(self):
        assert TextNormalizer({"AI": {"zh": "人工智能"}}).normalize("AI now") == "AI now"

    def test_file(self, tmp_path, tiny_config_dir):
        file = tmp_path / "glossary.yaml"
        file.write_text("M.2: {en: M dot two, zh: M二}\nRAM: ram\n", encoding="utf-8")
        assert TextFrontend(tiny_config_dir / "bpe.model", file).normalize("M.2 RAM") == "M dot two ram"

    @pytest.mark.parametrize("content", ["- a list", "AI: 3", "AI: {fr: ia}", "AI: {}", "a: b: c"])
    def test_a_bad_file_names_itself(self, tmp_path, content):
        file = tmp_path / "glossary.yaml"
        file.write_text(content)
        with pytest.raises(ValueError, match=r"glossary\.yaml"):
            load_glossary(file)


class TestSegments:
    @given(
        st.lists(st.sampled_from(["▁A", "B", "C", ",", "▁,", "-", ".", "▁!", "!", "▁..."]), max_size=60),
        st.integers(1, 12),
    )
    def test_nothing_is_lost_and_the_limit_holds(self, tokens, limit):
        segments = split_segments(tokens, limit)
        assert [token for segment in segments for token in segment] == tokens
        assert all(0 < len(segment) <= limit for segment in segments)

    @given(st.lists(st.sampled_from(["▁A", "B", ".", "?", *sorted(QUOTES)]), max_size=40), st.integers(1, 12))
    def test_a_quote_may_be_doubled_but_nothing_else(self, tokens, limit):
        segments = split_segments(tokens, limit)
        spoken = [token for segment in segments for token in segment if token not in QUOTES]
        assert spoken == [token for token in tokens if token not in QUOTES]
        assert all(len(segment) <= limit + 1 for segment in segments)

    def test_exclamation_mark_after_chinese_does_not_cut(self):
        tokens = ["▁你", "▁好", "▁!", "▁你", "▁好", "▁."]
        assert split_segments(tokens, max_tokens=6) == [tokens]
        assert split_segments(tokens * 2, max_tokens=6) == [tokens, tokens]
        assert split_segments([*tokens, "▁a"], max_tokens=5) == [tokens[:5], ["▁.", "▁a"]]

    def test_short_neighbours_are_joined_up_to_half_the_limit_while_streaming(self):
        sentence = ["▁A", "B", "."]
        assert split_segments(sentence * 3, max_tokens=12, quick_streaming_tokens=100) == [sentence * 2, sentence]
        assert split_segments(sentence * 3, max_tokens=11, quick_streaming_tokens=100) == [sentence] * 3

    def test_limit_must_be_positive(self):
        with pytest.raises(ValueError, match="max_tokens"):
            split_segments(["▁A"], 0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from([*WORDS, "and", "read,", "“so”", "why?", "<\U000f0000>", "…", "(x)"]), min_size=1, max_size=9
    )
)
def test_the_grammar_for_words_reads_them_like_the_whole_grammar(words):
    pytest.importorskip("tn", reason="wetext's grammar is not split")
    # Blanks at the end say nothing, but a tab among them asks for the whole grammar.
    text = " ".join(words)
    assert grammars.english()(text) == grammars.english()(text + "\t")


def test_unknown_pieces_have_the_unknown_id(frontend):
    assert frontend.ids(["▁A", "no such piece"])[1] == frontend.pieces.unk_id()


def test_missing_and_broken_tokenizer_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"bpe\.model"):
        TextFrontend(tmp_path / "bpe.model")
    (tmp_path / "bpe.model").write_bytes(b"not a model")
    with pytest.raises(ValueError, match=r"bpe\.model"):
        TextFrontend(tmp_path / "bpe.model")


def test_import_loads_no_grammar():
    script = "import indextts.text.frontend, sys; print('tn' in sys.modules or 'wetext' in sys.modules or 'pynini' in sys.modules)"  # noqa: E501
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
