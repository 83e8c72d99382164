"""Optional measures: words, speaker, opinion. pocketsphinx, CTC and Whisper models are real (small, with random
weights); resemblyzer and speechmos are fakes at the package's border."""

import json
import math
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from moshi_assets.audio.pcm import to_pcm16
from moshi_assets.engines.base import SynthesisTask
from moshi_assets.quality.listeners.base import Heard, ListenerError
from moshi_assets.quality.listeners.choice import Listeners, check_listeners
from moshi_assets.quality.listeners.word_errors import (
    CtcRecogniser,
    SphinxRecogniser,
    WordErrors,
    error_rate,
)
from moshi_assets.reading import read
from moshi_assets.recipe import Recipe, make_recipe
from moshi_assets.recipe.engines import BuiltinOptions
from moshi_assets.synthesis.quality_table import read_quality
from tests.moshi_assets.support.erratic import PACE, ErraticEngine
from tests.moshi_assets.support.plain_dataset import PlainDataset, record, records
from tests.moshi_assets.support.spoken import needs_pocketsphinx, spoken

RATE = 24000


def heard(text: str = "some words to say", seconds: float = 2.0, voice: str = "low", seed: int = 0) -> Heard:
    samples = np.random.default_rng(seed).integers(-4000, 4000, round(seconds * RATE)).astype(np.int16)
    return Heard(samples, RATE, text, voice)


def recipe(folder: Path, engine: str = "noise", ctc_model: str | None = None, **gates: Any) -> Recipe:
    settings = {"name": "talks", "source": str(folder / "x.jsonl"), "engine": engine, "gates": gates}
    return make_recipe(settings | ({"ctc_model": ctc_model} if ctc_model else {}))


# -- word error rate


@pytest.mark.parametrize(
    ("said", "found", "rate"),
    [
        ("It's well-known, isn't it?", "its well known isn't IT", 0.0),
        ("one two three four", "one three four", 0.25),
        ("one two three four", "", 1.0),
        ("one two three", "one two three one two three", 1.0),
        ("是的，我明白了", "是的我明白", 1 / 6),
    ],
)
def test_word_error_rate_ignores_case_and_punctuation(said: str, found: str, rate: float):
    assert error_rate(said, found) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("written", "language", "found", "other"),
    [
        ("It costs $3.50 today.", "en", "It costs $3.50 today.", "It costs $8.15 today."),
        ("It is 25.", "en", "it is 25", "it is 71"),
        ("The FBI came in 1984.", "en", "the FBI came in 1984", "the FDA went in 2003"),
        ("Wait 3-5 days.", "en", "Wait three to five days.", "Wait 3 minus 5 daltons ys."),
        ("一共25元。", "zh", "一共25元", "一共十元钱整吗"),
    ],
)
def test_what_a_recogniser_writes_in_digits_is_read_before_it_is_compared(
    written: str, language: str, found: str, other: str
):
    spoken = read(written, language).spoken

    assert error_rate(spoken, found) == 0
    assert error_rate(spoken, other) > 0.2


@pytest.mark.parametrize(
    ("said", "found", "rate"),
    [
        ("No.", "no", 0.0),
        ("No.", "number", 5 / 2),
        ("Thank you.", "thanks you", 1 / 8),
        ("Thank you.", "", 1.0),
        ("seven", "7", 0.0),
        ("好。", "好", 0.0),
        ("Thank you, sir.", "Thanks you, sir.", 1 / 3),  # three words: by word
    ],
)
def test_one_or_two_words_are_compared_by_character(said: str, found: str, rate: float):
    assert error_rate(said, found) == pytest.approx(rate)


class Parrot:
    """Hears what it was told to."""

    def __init__(self, *texts: str | None) -> None:
        self._texts = texts

    def hear(self, utterances: Any) -> list[str | None]:
        return list(self._texts)


def test_an_unknown_language_and_a_text_without_words_have_no_rate():
    rates = WordErrors(Parrot("no", None, "hm", "some words to say")).listen(
        [heard("No."), heard("Ça va très bien"), heard("—"), heard()]
    )
    assert [math.isnan(rate) for rate in rates] == [False, True, True, False]


@needs_pocketsphinx
@pytest.mark.parametrize(
    ("written", "other"),
    [
        ("The tickets cost $350 on December 25.", "Please put the kettle on before they come back."),
        ("The meeting is at 9:30 in room 12.", "Rain is likely over all of the northern hills."),
        ("Thank you.", "Elephants."),
    ],
)
def test_numbers_and_short_turns_of_the_built_in_voice_are_heard(written: str, other: str):
    (utterance,) = [spoken(read(written).spoken)]
    sound = Heard(utterance.samples, utterance.sample_rate, utterance.text, "heart")
    right, wrong = WordErrors(SphinxRecogniser()).listen([sound, sound._replace(text=other)])
    assert right < 0.6 < wrong


@needs_pocketsphinx
def test_pocketsphinx_hears_the_words_of_the_built_in_voice_and_not_others():
    from moshi_assets.engines.builtin import BuiltinEngine

    text = "About one large spoon for every three quarts of water is plenty."
    task = SynthesisTask("d", "i", 0, "user", text, "heart", 1, b"k" * 16)
    (result,) = BuiltinEngine(BuiltinOptions()).synthesize([task])
    sound = Heard(to_pcm16(result.audio), result.sample_rate, text, "heart")
    other = sound._replace(text="A sharp kitchen knife is something your friend will use every day.")
    right, wrong = WordErrors(SphinxRecogniser()).listen([sound, other])
    assert right < 0.75
    assert wrong > 0.9


@needs_pocketsphinx
def test_pocketsphinx_does_not_judge_other_languages():
    assert SphinxRecogniser().hear([heard("是的，我明白了")]) == [None]


@pytest.fixture(scope="module")
def ctc_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete, tiny CTC model with random weights."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    alphabet = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ'"]
    path = tmp_path_factory.mktemp("ctc")
    (path / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(alphabet)}))
    Wav2Vec2CTCTokenizer(str(path / "vocab.json"), word_delimiter_token="|").save_pretrained(path)
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(path)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    convolutions = {"conv_dim": (8, 8, 8), "conv_stride": (5, 8, 8), "conv_kernel": (10, 8, 8)}
    positions = {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
    config = Wav2Vec2Config(
        vocab_size=len(alphabet),
        num_feat_extract_layers=3,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        pad_token_id=0,
        **sizes,
        **convolutions,
        **positions,
    )
    Wav2Vec2ForCTC(config).save_pretrained(path)
    return path


def test_a_ctc_model_spells_what_its_frames_say(ctc_folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Its scores are replaced by ones that spell, so that there is something to read."""
    import torch

    recogniser = CtcRecogniser(str(ctc_folder), "cpu")
    letters = {
        token: number
        for number, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ'"])
    }
    path = [*"HHEE", "<pad>", *"LL", "<pad>", *"LO", "|", "|", *"YYOU"]
    scores = torch.nn.functional.one_hot(torch.tensor([letters[token] for token in path]), len(letters)).float()
    monkeypatch.setattr(recogniser._model, "scores", lambda sounds: [scores for _ in sounds])
    assert recogniser.hear([heard(), heard()]) == ["HELLO YOU", "HELLO YOU"]


def test_a_ctc_model_gives_a_batch_what_it_gives_one(ctc_folder: Path):
    recogniser = CtcRecogniser(str(ctc_folder), "cpu")
    sounds = [heard(seed=seed, seconds=1 + seed) for seed in range(3)]
    together = recogniser.hear(sounds)
    assert together == [recogniser.hear([sound])[0] for sound in sounds]
    assert all(isinstance(text, str) for text in together)


# -- packages that are missing, and fakes of them


@pytest.mark.parametrize(
    ("gates", "told"),
    [
        ({"dnsmos": True}, "gates.dnsmos needs the package speechmos, which is not installed: pip install speechmos"),
        ({"speaker_similarity": True}, "gates.speaker_similarity needs the package resemblyzer"),
        ({"recogniser": "ctc"}, "gates.recogniser 'ctc' needs ctc_model"),
        ({"recogniser": "whisper"}, "needs gates.whisper_model"),
        ({"recogniser": "whisper", "whisper_model": "/nowhere"}, "which is '/nowhere'"),
    ],
    ids=str,
)
def test_what_is_switched_on_and_missing_is_named_when_the_dataset_is_planned(
    tmp_path: Path, gates: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("moshi_assets.quality.listeners.choice.find_spec", lambda name: None)
    dataset = PlainDataset(tmp_path, records(1), gates=gates)
    with pytest.raises(ListenerError, match=told.replace("(", r"\(")):
        dataset.plan()


def test_what_is_switched_off_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("moshi_assets.quality.listeners.choice.find_spec", lambda name: None)
    check_listeners(recipe(tmp_path, enabled=False, dnsmos=True, recogniser="ctc"))


def test_voices_that_are_no_recordings_cannot_be_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("moshi_assets.quality.listeners.choice.find_spec", lambda name: name)
    with pytest.raises(ListenerError, match="those of engine 'builtin' are presets"):
        check_listeners(recipe(tmp_path, engine="builtin", speaker_similarity=True))


@pytest.fixture
def fake_speechmos(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """A fake of the package: its opinion is the level of the sound; notes length and rate of what it is given."""
    given: list[tuple[int, int]] = []

    def run(wave: np.ndarray, sr: int) -> dict[str, float]:
        given.append((len(wave), sr))
        assert wave.dtype == np.float32 and np.abs(wave).max() <= 1
        return {"ovrl_mos": 1.0 + 10 * float(np.abs(wave).mean()), "sig_mos": 0.0, "bak_mos": 0.0, "p808_mos": 0.0}

    package = types.ModuleType("speechmos")
    package.dnsmos = types.SimpleNamespace(run=run)  # type: ignore[attr-defined]
    package.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "speechmos", package)
    return given


@pytest.fixture
def fake_resemblyzer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fake of the package: a sound's embedding tells whether it is a low or a high tone."""

    class VoiceEncoder:
        def __init__(self, device: str, verbose: bool) -> None:
            assert device == "cpu" and verbose is False

        def embed_utterance(self, wave: np.ndarray) -> np.ndarray:
            angle = float(np.count_nonzero(np.diff(np.signbit(wave))) > len(wave) / 20)
            return np.array([1 - angle, angle] + [0.0] * 254, np.float32)

    package = types.ModuleType("resemblyzer")
    package.VoiceEncoder = VoiceEncoder  # type: ignore[attr-defined]
    package.preprocess_wav = lambda wave, source_sr: wave  # type: ignore[attr-defined]
    package.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "resemblyzer", package)


def test_opinion_is_asked_at_16_khz(tmp_path: Path, fake_speechmos: list[tuple[int, int]]):
    listeners = Listeners(recipe(tmp_path, dnsmos=True))
    (value, short) = listeners.listen([heard(), heard(seconds=0.2)])
    assert fake_speechmos == [(32000, 16000)]
    assert 1 < value["dnsmos"] < 2.5 and math.isnan(short["dnsmos"])


def test_the_voice_is_compared_with_its_prompt(tmp_path: Path, fake_resemblyzer: None):
    def tone(hertz: int) -> np.ndarray:
        return np.rint(9000 * np.sin(2 * np.pi * hertz * np.arange(2 * RATE) / RATE)).astype(np.int16)

    sf.write(tmp_path / "prompt.wav", tone(100), RATE)
    prompt = str(tmp_path / "prompt.wav")
    listeners = Listeners(recipe(tmp_path, engine="indextts2", speaker_similarity=True))
    found = listeners.listen([Heard(tone(110), RATE, "x", prompt), Heard(tone(4000), RATE, "x", prompt)])
    assert [value["speaker_similarity"] for value in found] == [1.0, 0.0]


def test_a_low_opinion_means_another_attempt_and_then_a_reject(tmp_path: Path, fake_speechmos: Any):
    gates = PACE | {"dnsmos": True, "min_dnsmos": 1.4}
    content = [record(n, user_text="word " * 30, assistant_text="word " * 40) for n in range(2)]
    dataset, engine = PlainDataset(tmp_path, content, gates=gates, max_retries=1), ErraticEngine()
    dataset.plan()
    dataset.speak(engine)
    rows = read_quality(dataset.store, "talks.000000").to_pylist()
    assert {row["role"] for row in rows if row["fault"]} == {"user"}  # the voice `low` is half as loud
    assert rows[0]["failed"] == "dnsmos"
    assert "dnsmos is 1.2" in rows[0]["fault"] and "less than min_dnsmos=1.4" in rows[0]["fault"]
    assert sum(engine.asked.values()) == 4 + 2


def test_a_measure_that_is_switched_on_later_is_taken_without_speaking_again(tmp_path: Path, fake_speechmos: Any):
    dataset = PlainDataset(tmp_path, records(2), gates=PACE)
    dataset.build()
    before = dataset.outputs()
    dataset.settings["gates"] = PACE | {"dnsmos": True, "min_dnsmos": 1.0}
    engine = ErraticEngine()

    dataset.build(engine)

    assert engine.calls == [] and dataset.outputs() == before
    assert None not in read_quality(dataset.store, "talks.000000").column("seconds").to_pylist()
    assert len(fake_speechmos) == 0  # all shorter than 0.4 s: nothing to be judged
