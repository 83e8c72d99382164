"""CTC alignment with a tiny model of random weights, or of weights that hear one thing: how loud it is."""

import json

import numpy as np
import pytest
import torch
from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

from moshi_assets.alignment.base import AlignerError, AlignmentError, Utterance
from moshi_assets.alignment.ctc import CtcAligner, model_folder
from tests.moshi_assets.support.spoken import assert_promises, good, tone

ALPHABET = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ'"]
RATE = 16000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A complete model folder, as one is published: 320 samples a frame, upper-case letters."""
    path = tmp_path_factory.mktemp("ctc")
    (path / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(ALPHABET)}))
    Wav2Vec2CTCTokenizer(str(path / "vocab.json"), word_delimiter_token="|").save_pretrained(path)
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(path)
    torch.manual_seed(0)
    config = Wav2Vec2Config(
        vocab_size=len(ALPHABET),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8, 8, 8),
        conv_stride=(5, 8, 8),
        conv_kernel=(10, 8, 8),
        num_feat_extract_layers=3,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        pad_token_id=0,
    )
    Wav2Vec2ForCTC(config).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def aligner(folder):
    return CtcAligner(str(folder), "cpu")


@pytest.mark.parametrize("text", ["Hello there.", "It's 25 — or not?", "aaa bbb"])
def test_every_word_has_a_time(aligner, text):
    (words,) = aligner.align([tone(text, 3.0)])

    assert_promises(good(words), tone(text, 3.0))


def test_a_batch_gives_each_utterance_what_it_gets_alone(aligner):
    noise = np.random.default_rng(0)
    utterances = [
        Utterance.of(text, noise.integers(-9000, 9000, round(RATE * seconds)).astype(np.int16), RATE)
        for text, seconds in (("hello there", 1.5), ("so what", 4.0), ("nobody knows it", 2.3))
    ]

    together = aligner.align(utterances)

    assert together == [aligner.align([utterance])[0] for utterance in utterances]


def test_the_path_is_the_most_probable_one(aligner):
    """Against a Viterbi search over the same scores, written out."""
    noise = np.random.default_rng(1).integers(-9000, 9000, RATE).astype(np.int16)
    utterance = Utterance.of("ab c", noise, RATE)
    (words,) = aligner.align([utterance])

    (scores,) = aligner._loaded.scores([utterance])
    targets = [ALPHABET.index(letter) for letter in "AB|C"]
    states = [0] + [state for target in targets for state in (target, 0)]
    best = np.full(len(states), -np.inf)
    best[:2] = scores[0, states[:2]].numpy()
    back = []
    for frame in scores[1:].numpy():
        options = [
            [best[i], best[i - 1] if i else -np.inf, best[i - 2] if i > 1 and states[i] != 0 else -np.inf]
            for i in range(len(states))
        ]
        back.append([int(np.argmax(option)) for option in options])
        best = np.array([max(option) for option in options]) + frame[states]
    state = int(np.argmax(best[-2:])) + len(states) - 2
    path = [state]
    for step in reversed(back):
        state -= step[state]
        path.append(state)
    path.reverse()
    starts = [path.index(2 * number + 1) / len(scores) for number in (0, 3)]
    assert [word.start for word in good(words)] == pytest.approx(starts, abs=0.002)


def test_a_text_too_long_for_its_audio_does_not_lose_the_others(aligner):
    outcomes = aligner.align([tone(60 * "too long ", 0.5), tone("fine", 1.0), tone("12 34", 1.0)])

    kinds = [isinstance(outcome, AlignmentError) for outcome in outcomes]
    assert kinds == [True, False, True]


def test_a_model_that_is_not_there_says_what_to_give(tmp_path):
    with pytest.raises(AlignerError, match="neither a folder with a config"):
        CtcAligner(str(tmp_path)).align([tone("hello")])


def test_no_model_is_looked_for_on_the_network(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    assert model_folder("somebody/wav2vec2-of-their-own") is None and model_folder("not a name!") is None
