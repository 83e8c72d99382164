"""Voices are encoded once, recognised by content, and forgotten when the limit is reached."""

import shutil

import pytest
import soundfile
import torch

from indextts.checkpoint.pseudo_weights import wave
from indextts.voice.encoder import ConditionCache, EmotionCondition, VoiceEncoder


@pytest.fixture
def voices(tts):
    """An encoder of its own, with empty caches, over the shared model."""
    parts = tts._synthesizer.pipeline.components
    return VoiceEncoder(
        parts.semantic_encoder,
        parts.semantic_codec,
        parts.campplus,
        parts.length_regulator,
        parts.gpt,
        tts.cfg.spectrogram,
        tts.device,
    )


def entry(size):
    return EmotionCondition(torch.zeros(size), torch.zeros(0))


def fill(cache, keys):
    """Which of the keys had to be computed."""
    computed = []
    for key in keys:
        cache.get(key, lambda key=key: computed.append(key) or entry(25))
    return "".join(computed)


def test_the_least_recently_used_entry_makes_room():
    cache = ConditionCache(max_bytes=300)  # three entries of 25 floats
    assert fill(cache, "abc") == "abc"
    assert fill(cache, "a") == ""
    assert fill(cache, "d") == "d"  # b goes
    assert fill(cache, "acd") == ""
    assert fill(cache, "b") == "b"
    assert cache.info().bytes == 300


def test_the_newest_entry_stays_even_if_it_is_too_large():
    cache = ConditionCache(max_bytes=10)
    assert fill(cache, "aa") == "a"
    assert cache.info() == (1, 1, 1, 100)


def test_clearing_forgets_entries_but_goes_on_counting():
    cache = ConditionCache(max_bytes=300)
    fill(cache, "aa")
    cache.clear()
    assert cache.info() == (0, 1, 1, 0)
    assert fill(cache, "a") == "a"


def test_switching_between_two_voices_computes_each_once(voices, prompt_file):
    first, second = prompt_file(22050, 0.6, 1), prompt_file(22050, 0.6, 2)
    for path in (first, second, first, second):
        voices.speaker(path)
    assert voices.speakers.info()[:3] == (2, 2, 2)


def test_a_voice_is_known_by_its_content_not_by_its_path(voices, prompt_file, tmp_path):
    original = prompt_file(22050, 0.6, 1)
    copy = tmp_path / "copy.wav"
    shutil.copy(original, copy)
    assert voices.speaker(copy) is voices.speaker(original)
    soundfile.write(copy, wave(22050, 0.6, 2), 22050)
    assert voices.speaker(copy) is not voices.speaker(original)


def test_the_size_of_a_voice_is_that_of_its_tensors(voices, prompt_file):
    speaker = voices.speaker(prompt_file(22050, 0.6, 1))
    voices.base_emovec(speaker)
    tensors = [value for value in vars(speaker).values() if isinstance(value, torch.Tensor)]
    assert len(tensors) == 6
    assert voices.speakers.info().bytes == sum(tensor.nbytes for tensor in tensors)


def test_a_speaker_and_an_emotion_are_read_along_different_routes(voices, prompt_file):
    path = prompt_file(22050, 0.6, 1)
    as_speaker, as_emotion = voices.speaker(path).spk_cond_emb, voices.emotion(path).emo_cond_emb
    assert as_speaker.shape == as_emotion.shape
    assert (as_speaker - as_emotion).abs().max() > 0


def test_a_voice_does_not_depend_on_what_was_encoded_before(voices, prompt_file):
    path = prompt_file(22050, 0.6, 1)
    alone = voices.speaker(path)
    voices.clear()
    voices.speaker(prompt_file(24000, 0.9, 2))
    again = voices.speaker(path)
    assert torch.equal(alone.latents, again.latents)
    assert torch.equal(alone.prompt_condition, again.prompt_condition)


def test_a_prompt_that_is_too_short_is_named(voices, prompt_file):
    path = prompt_file(16000, 0.09, 1)
    with pytest.raises(ValueError, match=r"16000_0\.09_1\.wav lasts 0\.090 s; at least 0\.1 s"):
        voices.speaker(path)
    assert voices.speakers.info().entries == 0


def test_the_shortest_prompt_allowed_works(voices, prompt_file):
    speaker = voices.speaker(prompt_file(16000, 0.1, 1))
    assert torch.isfinite(speaker.latents).all()
    assert torch.isfinite(speaker.style).all()


def test_an_unknown_kind_of_cache_is_refused(voices):
    with pytest.raises(ValueError, match="unknown cache 'voice'; caches are speaker, emotion"):
        voices.clear("voice")
