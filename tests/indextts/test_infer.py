"""The public interface: what `infer` returns, writes, repeats and refuses."""

import inspect
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import indextts
from indextts import Emotion, IndexTTS2, SynthesisRequest
from indextts.decoding.options import GenerationOptions
from indextts.engine.synthesizer import SpeakingOptions
from indextts.infer_v2 import InferenceResult
from indextts.published.arguments import generation_options

TEXT = "Hello world, this is a test."
TWO_SEGMENTS = "Hello world, this is a test. Did you hear the rain last night?"
# A tiny model with random weights never stops by itself: few codes keep the tests short.
SHORT = {"max_mel_tokens": 8, "min_mel_tokens": 6}
CUT = {"max_text_tokens_per_segment": 14}


@pytest.fixture(scope="module")
def voice(prompt_file):
    return prompt_file(22050, 0.6, 3)


@pytest.fixture(scope="module")
def other_voice(prompt_file):
    return prompt_file(24000, 0.7, 5)


@pytest.fixture
def spoken(tts, voice):
    """`spoken(seed=1)` -> the samples of a short call."""

    def speak(text=TEXT, prompt=voice, **options):
        return tts.infer(prompt, text, None, return_audio=True, **{**SHORT, **options}).wav_tensor

    return speak


# Signatures


def test_the_published_arguments_come_first_and_keep_their_defaults():
    published = {
        "spk_audio_prompt": inspect.Parameter.empty,
        "text": inspect.Parameter.empty,
        "output_path": inspect.Parameter.empty,
        "emo_audio_prompt": None,
        "emo_alpha": 1.0,
        "emo_vector": None,
        "use_emo_text": False,
        "emo_text": None,
        "use_random": False,
        "interval_silence": 200,
        "verbose": False,
        "max_text_tokens_per_segment": 120,
        "stream_return": False,
        "more_segment_before": 0,
    }
    for method, last in (
        (IndexTTS2.infer, "more_segment_before"),
        (IndexTTS2.infer_generator, "quick_streaming_tokens"),
    ):
        parameters = list(inspect.signature(method).parameters.values())[1 : len(published) + 1]
        expected = [(last if name == "more_segment_before" else name, default) for name, default in published.items()]
        assert [(p.name, p.default) for p in parameters] == expected


def test_the_constructor_takes_the_published_arguments_by_position():
    names = list(inspect.signature(IndexTTS2.__init__).parameters)[1:11]
    assert names == [
        "cfg_path",
        "model_dir",
        "use_fp16",
        "device",
        "use_cuda_kernel",
        "use_deepspeed",
        "use_accel",
        "use_torch_compile",
        "use_qwen_emo",
        "aux_paths",
    ]


def test_the_package_exports_the_interface():
    assert indextts.IndexTTS2 is IndexTTS2
    assert indextts.InferenceResult is InferenceResult
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        indextts.Nothing  # noqa: B018


# What comes back


def test_a_file_is_written_and_its_path_returned(tts, voice, tmp_path):
    path = str(tmp_path / "new" / "out.wav")
    assert tts.infer(voice, TEXT, path, seed=1, **SHORT) == path
    rate, samples = tts.infer(voice, TEXT, None, seed=1, **SHORT)
    written, written_rate = soundfile.read(path, dtype="int16", always_2d=True)
    assert soundfile.info(path).subtype == "PCM_16"
    assert written_rate == rate == 22050
    assert np.array_equal(written, samples)
    assert [file.name for file in Path(path).parent.iterdir()] == ["out.wav"]


def test_without_a_path_int16_samples_come_back(tts, voice):
    rate, samples = tts.infer(voice, TEXT, "", seed=1, **SHORT)
    assert rate == 22050
    assert samples.dtype == np.int16
    assert samples.ndim == 2
    assert samples.shape[1] == 1


def test_audio_in_memory_writes_nothing(tts, voice, tmp_path):
    path = tmp_path / "out.wav"
    result = tts.infer(voice, TEXT, path, return_audio=True, seed=1, **SHORT)
    assert not path.exists()
    assert result.audio is result.wav_tensor
    assert InferenceResult._fields == ("sampling_rate", "wav_tensor", "duration_sec", "rtf", "timings")
    assert result.sampling_rate == 22050
    assert result.wav_tensor.dtype == torch.float32
    assert result.wav_tensor.ndim == 1
    assert 0 < result.wav_tensor.abs().max() <= 1
    assert result.duration_sec == len(result.wav_tensor) / 22050
    assert list(result.timings) == ["prompt", "text", "gpt", "latent", "flow", "vocoder"]
    assert 0 < sum(result.timings.values()) <= result.rtf * result.duration_sec


def test_samples_in_memory_are_those_of_the_file(tts, voice):
    result = tts.infer(voice, TEXT, None, return_audio=True, return_numpy=True, seed=1, **SHORT)
    _, samples = tts.infer(voice, TEXT, None, seed=1, **SHORT)
    assert isinstance(result.wav_tensor, np.ndarray)
    assert result.wav_tensor.dtype == np.float32
    assert np.array_equal(np.trunc(result.wav_tensor * np.float32(32767)).astype(np.int16), samples[:, 0])


def test_the_audio_can_be_changed_in_place(spoken):
    samples = spoken(seed=1)
    samples *= 0.5
    assert not samples.requires_grad


@pytest.mark.parametrize(("milliseconds", "silence"), [(200, 4410), (99, 2182), (0, 0), (-5, 0)])
def test_segments_are_joined_with_silence(tts, voice, milliseconds, silence):
    parts = []
    result = tts.infer(
        voice,
        TWO_SEGMENTS,
        None,
        interval_silence=milliseconds,
        return_audio=True,
        on_chunk=lambda chunk, rate, index: parts.append(chunk),
        seed=1,
        **SHORT,
        **CUT,
    )
    assert len(parts) == 2
    assert torch.equal(result.wav_tensor, torch.cat([parts[0], torch.zeros(silence), parts[1]]))


# Streaming


def test_a_stream_gives_segments_and_silences_in_16_bit_scale(tts, voice, tmp_path):
    path = tmp_path / "out.wav"
    stream = tts.infer(voice, TWO_SEGMENTS, path, stream_return=True, seed=1, **SHORT, **CUT)
    items = []
    for item in stream:
        assert not path.exists()
        items.append(item)
    assert [item.shape[0] for item in items] == [1] * 4
    assert items[1].shape == items[3].shape == (1, 4410)
    assert not items[1].any()
    assert 1 < items[0].abs().max() <= 32767
    whole = torch.cat(items[:3], dim=1)[0]
    written, _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(written, whole.numpy().astype(np.int16))


def test_a_stream_without_silence_has_empty_tensors(tts, voice):
    items = list(tts.infer(voice, TEXT, None, stream_return=True, interval_silence=0, seed=1, **SHORT))
    assert items[1].shape == (1, 0)


def test_the_generator_of_a_whole_utterance_has_one_item(tts, voice):
    items = list(tts.infer_generator(voice, TWO_SEGMENTS, None, seed=1, **SHORT, **CUT))
    assert len(items) == 1
    assert items[0][0] == 22050


def test_an_abandoned_stream_does_not_block_the_instance(tts, voice, spoken):
    stream = tts.infer(voice, TWO_SEGMENTS, None, stream_return=True, seed=1, **SHORT, **CUT)
    next(stream)
    assert len(spoken(seed=1)) > 0


def test_streaming_and_one_result_exclude_each_other(tts, voice):
    with pytest.raises(ValueError, match="return_audio gives one result, stream_return gives segments"):
        tts.infer(voice, TEXT, None, stream_return=True, return_audio=True)


# Listeners


def test_each_finished_segment_is_announced_in_order(tts, voice):
    seen = []
    tts.infer(voice, TWO_SEGMENTS, None, on_chunk=lambda *chunk: seen.append(chunk), seed=1, **SHORT, **CUT)
    assert [(rate, index) for _, rate, index in seen] == [(22050, 0), (22050, 1)]
    assert all(chunk.ndim == 1 and chunk.dtype == torch.float32 and chunk.abs().max() <= 1 for chunk, _, _ in seen)


def test_an_exception_in_a_listener_ends_the_call_cleanly(tts, voice, spoken, tmp_path):
    def refuse(chunk, rate, index):
        raise KeyError(f"enough after segment {index}")

    with pytest.raises(KeyError, match="enough after segment 0"):
        tts.infer(voice, TWO_SEGMENTS, tmp_path / "out.wav", on_chunk=refuse, **SHORT, **CUT)
    assert not (tmp_path / "out.wav").exists()
    assert len(spoken(seed=1)) > 0


def test_progress_is_reported(tts, voice):
    seen = []
    tts.gr_progress = lambda fraction, desc: seen.append((fraction, desc))
    try:
        tts.infer(voice, TWO_SEGMENTS, None, seed=1, **SHORT, **CUT)
    finally:
        tts.gr_progress = None
    assert seen == [(0.5, "segment 1 of 2"), (1.0, "segment 2 of 2")]


# Seeds


def test_a_seed_gives_the_same_audio_whatever_ran_before(spoken, tts, other_voice):
    first = spoken(seed=7)
    spoken("Something else.", prompt=other_voice, seed=8)
    torch.manual_seed(99)
    tts.clear_cache()
    assert torch.equal(spoken(seed=7), first)


def test_seeds_and_calls_without_one_differ(spoken):
    waves = [spoken(seed=7), spoken(seed=8), spoken(), spoken()]
    assert len({tuple(wave.tolist()) for wave in waves}) == 4


def test_segments_of_one_call_have_their_own_noise(tts, voice):
    chunks = []
    again = "Hello world, this is a test. Hello world, this is a test."
    tts.infer(voice, again, None, on_chunk=lambda chunk, *_: chunks.append(chunk), seed=1, **SHORT, **CUT)
    assert len(chunks) == 2
    assert not torch.equal(chunks[0], chunks[1])


def test_a_generator_is_advanced_and_repeats_from_its_state(spoken):
    generator = torch.Generator().manual_seed(5)
    first, second = spoken(generator=generator), spoken(generator=generator)
    again = spoken(generator=torch.Generator().manual_seed(5))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_seed_and_generator_exclude_each_other(spoken):
    with pytest.raises(ValueError, match="give seed or generator, not both"):
        spoken(seed=1, generator=torch.Generator())


def test_with_a_seed_global_random_state_is_neither_read_nor_set(spoken):
    torch.manual_seed(3)
    np.random.seed(3)
    state, array_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    spoken(seed=1, emo_vector=[0.1] * 8, use_random=True)
    spoken(generator=torch.Generator().manual_seed(1))
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], array_state)


def test_without_a_seed_torch_manual_seed_decides(spoken):
    torch.manual_seed(11)
    first, second = spoken(), spoken()
    torch.manual_seed(11)
    again = [spoken(), spoken()]
    torch.manual_seed(12)
    other = spoken()

    assert torch.equal(first, again[0])
    assert torch.equal(second, again[1])
    assert not torch.equal(first, second)
    assert not torch.equal(first, other)


def test_torch_manual_seed_decides_a_batch_of_requests_without_seeds(tts, voice):
    def batch():
        torch.manual_seed(11)
        return tts.synthesize([SynthesisRequest(TEXT, voice), SynthesisRequest(TEXT, voice)], num_beams=1, **SHORT)

    (first, second), again = batch(), batch()

    assert torch.equal(first.audio, again[0].audio)
    assert torch.equal(second.audio, again[1].audio)
    assert not torch.equal(first.audio, second.audio)


def test_the_starting_noise_can_be_given(spoken):
    shapes = []

    def silence(segment, shape):
        shapes.append((segment, shape))
        return np.zeros(shape, dtype=np.float32)

    greedy = {"do_sample": False, "num_beams": 1}
    first, second = spoken(seed=1, initial_noise=silence, **greedy), spoken(seed=2, initial_noise=silence, **greedy)
    assert torch.equal(first, second)
    # 0.6 s of prompt are 51 frames; 8 codes are 13.
    assert shapes == [(0, (1, 80, 51 + 13))] * 2


def test_starting_noise_of_another_shape_is_refused(spoken):
    with pytest.raises(
        ValueError, match=r"initial_noise for segment 0 has shape \(1, 80, 3\), expected \(1, 80, \d+\)"
    ):
        spoken(initial_noise=lambda segment, shape: torch.zeros(1, 80, 3))


# Generation options


def test_greedy_decoding_is_honoured(spoken, tts):
    greedy = {"do_sample": False, "num_beams": 1, "initial_noise": lambda segment, shape: torch.zeros(shape)}
    assert torch.equal(spoken(seed=1, **greedy), spoken(seed=2, **greedy))
    greedy["do_sample"] = True
    assert not torch.equal(spoken(seed=1, **greedy), spoken(seed=2, **greedy))


@pytest.mark.parametrize("codes", [1, 5, 23])
def test_the_number_of_codes_can_be_fixed(spoken, codes):
    samples = spoken(seed=1, max_mel_tokens=codes, min_mel_tokens=codes)
    assert len(samples) == int(codes * 1.72) * 256


def test_none_turns_a_filter_off():
    assert generation_options({"top_k": None, "top_p": None}, 1500).top_k == 0
    assert generation_options({"top_p": None}, 1500).top_p == 1.0


def test_the_default_length_is_what_the_model_can_hold():
    assert generation_options({}, 4000).max_mel_tokens == 1500
    assert generation_options({}, 30).max_mel_tokens == 30


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"top_q": 3}, TypeError, r"unknown arguments \['top_q'\]; generation arguments are \['do_sample'"),
        ({"temperature": 0.0}, ValueError, "temperature is 0.0"),
        ({"max_mel_tokens": 10_000, "min_mel_tokens": 0}, ValueError, "position table allows"),
        ({"typical_mass": 1.5}, ValueError, "typical_mass is 1.5, expected a number between 0 and 1"),
    ],
)
def test_impossible_options_are_refused(spoken, options, error, message):
    with pytest.raises(error, match=message):
        spoken(**options)


# Texts


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_text_is_refused(spoken, text):
    with pytest.raises(ValueError, match="nothing to say in text"):
        spoken(text)


def test_no_codes_at_all_are_an_error_that_names_the_text(tts, voice, monkeypatch):
    gpt = tts._synthesizer.pipeline.components.gpt
    stops_at_once = torch.full_like(gpt.mel_head.bias, 0.0)
    stops_at_once[gpt.config.stop_mel_token] = 1e4
    with monkeypatch.context() as patch:
        patch.setitem(gpt.mel_head._parameters, "bias", torch.nn.Parameter(stops_at_once, requires_grad=False))
        with pytest.raises(RuntimeError, match="stopped before its first code for text 'Hello world"):
            tts.infer(voice, TEXT, None, seed=1)


def test_a_start_token_among_the_codes_is_an_error_that_names_the_text(tts, voice, monkeypatch):
    gpt = tts._synthesizer.pipeline.components.gpt
    starts_again = torch.full_like(gpt.mel_head.bias, 0.0)
    starts_again[gpt.config.start_mel_token] = 1e4
    with monkeypatch.context() as patch:
        patch.setitem(gpt.mel_head._parameters, "bias", torch.nn.Parameter(starts_again, requires_grad=False))
        with pytest.raises(RuntimeError, match=r"start token \d+ among the codes for text 'Hello world"):
            tts.infer(voice, TEXT, None, seed=1, num_beams=1, max_mel_tokens=4)


# Emotions


def test_an_emotion_changes_the_audio(spoken, other_voice):
    plain = spoken(seed=1)
    assert not torch.equal(spoken(seed=1, emo_audio_prompt=other_voice), plain)
    assert not torch.equal(spoken(seed=1, emo_vector=[0, 0, 0.6, 0, 0, 0, 0, 0]), plain)


def test_strength_moves_from_the_voices_own_emotion_to_the_given_one(tts, voice, other_voice):
    synthesizer = tts._synthesizer
    speaker, options = synthesizer.voices.speaker(voice), SpeakingOptions(GenerationOptions())

    def emovec(alpha):
        emotion = Emotion(emo_audio=other_voice, emo_alpha=alpha)
        return synthesizer.emovec(voice, speaker, TEXT, emotion, options)

    assert torch.equal(emovec(0.0), synthesizer.voices.base_emovec(speaker))
    assert torch.equal(emovec(1.0), synthesizer.voices.emotion(other_voice).emovec)
    assert torch.allclose(emovec(0.5), (emovec(0.0) + emovec(1.0)) / 2, atol=1e-5)


def test_a_vector_takes_the_place_of_a_recording(spoken, other_voice):
    vector = [0, 0, 0.6, 0, 0, 0, 0, 0]
    with_recording = spoken(seed=1, emo_vector=vector, emo_audio_prompt=other_voice)
    assert torch.equal(with_recording, spoken(seed=1, emo_vector=vector))


def test_random_prototypes_follow_the_seed(spoken):
    draw = {"emo_vector": [0.5, 0, 0, 0, 0, 0, 0, 0.4], "use_random": True}
    assert torch.equal(spoken(seed=3, **draw), spoken(seed=3, **draw))


def test_an_emotion_text_without_its_model_is_refused(spoken, tts):
    with pytest.raises(FileNotFoundError, match=r"qwen0\.6bemo4-merge"):
        spoken(use_emo_text=True, emo_text="so happy")


def test_a_vector_of_the_wrong_length_is_refused(spoken):
    with pytest.raises(ValueError, match="an emotion vector is 8 finite numbers"):
        spoken(emo_vector=[0.1, 0.2])


# Requests


def test_requests_give_what_their_own_calls_give(tts, voice, other_voice):
    vector = (0, 0, 0.6, 0, 0, 0, 0, 0)
    requests = [
        SynthesisRequest(TEXT, voice, seed=1),
        SynthesisRequest(
            "Did you hear the rain?", other_voice, seed=2, emotion=Emotion(emo_audio=voice, emo_alpha=0.5)
        ),
        SynthesisRequest(TEXT, voice, seed=3, emotion={"emo_vector": vector, "emo_alpha": 0.8}),
        SynthesisRequest(TEXT, voice, seed=3, emotion={"emo_vector": vector, "use_random": True}),
    ]
    results = tts.synthesize(requests, **SHORT)
    single = [
        tts.infer(voice, TEXT, None, seed=1, return_audio=True, **SHORT),
        tts.infer(
            other_voice,
            "Did you hear the rain?",
            None,
            emo_audio_prompt=voice,
            emo_alpha=0.5,
            seed=2,
            return_audio=True,
            **SHORT,
        ),
        tts.infer(voice, TEXT, None, emo_vector=vector, emo_alpha=0.8, seed=3, return_audio=True, **SHORT),
        tts.infer(voice, TEXT, None, emo_vector=vector, use_random=True, seed=3, return_audio=True, **SHORT),
    ]
    assert [len(a.wav_tensor) for a in results] == [len(b.wav_tensor) for b in single]
    assert max((a.wav_tensor - b.wav_tensor).abs().max() for a, b in zip(results, single, strict=True)) <= 8 / 32767


def test_an_emotion_has_one_source():
    with pytest.raises(ValueError, match=r"one of emo_audio, emo_vector, emo_text, not by \['emo_audio', 'emo_text'\]"):
        Emotion(emo_audio="a.wav", emo_text="happy")
    with pytest.raises(ValueError, match=r"unknown emotion settings \['mood'\]"):
        Emotion.of({"mood": "happy"})


# Caches


def test_a_warm_cache_is_hit(checkpoint_dir, prompt_file):
    tts = IndexTTS2(checkpoint_dir / "config.yaml", checkpoint_dir, device="cpu")
    voices = [prompt_file(22050, 0.6, 1), prompt_file(22050, 0.6, 2)]
    assert tts.cache_spk_cond is None
    tts.warm_cache(voices)
    for voice in voices * 2:
        tts.infer(voice, TEXT, None, seed=1, **SHORT)
    info = tts.cache_info()
    for kind in ("speaker", "emotion"):
        assert (info[kind].entries, info[kind].hits, info[kind].misses) == (2, 4, 2)
        assert info[kind].bytes > 0
    tts.clear_cache("speaker")
    assert tts.cache_info()["speaker"].entries == 0
    assert tts.cache_info()["emotion"].entries == 2
    with pytest.raises(ValueError, match="unknown cache"):
        tts.clear_cache("voice")


def test_attributes_show_the_latest_voice(tts, spoken, voice, other_voice):
    spoken(prompt=voice)
    spoken(prompt=other_voice, emo_audio_prompt=voice)
    frames = tts.cache_mel.shape[2]
    assert (tts.cache_spk_audio_prompt, tts.cache_emo_audio_prompt) == (str(other_voice), str(voice))
    assert tts.cache_spk_cond.shape[::2] == tts.cache_emo_cond.shape[::2] == (1, tts.cfg.codec.hidden_size)
    assert tts.cache_s2mel_style.shape == (1, 192)
    assert tts.cache_s2mel_prompt.shape == (1, frames, tts.cfg.regulator.channels)
    with pytest.raises(AttributeError):
        tts.cache_mel = None


# One thread


def test_a_second_thread_waits_for_the_first(tts, voice, other_voice, spoken, caplog):
    expected = spoken(seed=1), spoken("Something else.", prompt=other_voice, seed=2)
    results, order = {}, []

    def second():
        results["second"] = spoken("Something else.", prompt=other_voice, seed=2)
        order.append("second")

    def first():
        results["first"] = spoken(seed=1, on_chunk=while_speaking)
        order.append("first")

    def while_speaking(chunk, rate, index):
        intruder.start()
        deadline = time.monotonic() + 60
        while "waiting for it" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.01)

    intruder, speaker = threading.Thread(target=second), threading.Thread(target=first)
    with caplog.at_level(logging.INFO, logger="indextts"):
        speaker.start()
        speaker.join()
        intruder.join()

    assert "this IndexTTS2 instance is at work in another thread: waiting for it" in caplog.text
    assert order == ["first", "second"]
    assert torch.equal(results["first"], expected[0])
    assert torch.equal(results["second"], expected[1])


def test_many_threads_on_one_instance_give_what_each_would_give_alone(spoken):
    alone = [spoken(seed=seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: spoken(seed=seed), range(4)))

    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_threads_may_take_turns(tts, voice):
    results = []
    for _ in range(2):
        thread = threading.Thread(
            target=lambda: results.append(tts.infer(voice, TEXT, None, seed=1, return_audio=True, **SHORT))
        )
        thread.start()
        thread.join()
    assert torch.equal(results[0].wav_tensor, results[1].wav_tensor)


# Options of the constructor


def test_options_without_meaning_warn_once(checkpoint_dir, caplog, monkeypatch):
    monkeypatch.setattr("indextts.published.arguments._warned", set())
    for _ in range(2):
        IndexTTS2(checkpoint_dir / "config.yaml", checkpoint_dir, device="cpu", use_accel=True, use_deepspeed=True)
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert any(
        "use_accel has no effect here: it is for CUDA devices; this one is cpu" in message for message in warnings
    )


def test_half_precision_is_off_on_the_cpu(checkpoint_dir, caplog):
    tts = IndexTTS2(checkpoint_dir / "config.yaml", checkpoint_dir, True, "cpu")
    assert tts._synthesizer.pipeline.components.gpt.dtype == torch.float32
    assert "use_fp16 and use_bf16 are off on cpu" in caplog.text


def test_details_are_logged_at_info_when_asked_for(tts, voice, caplog):
    with caplog.at_level(logging.INFO, logger="indextts"):
        tts.infer(voice, TEXT, None, seed=1, **SHORT)
        assert "segment of" not in caplog.text
        tts.infer(voice, TEXT, None, seed=1, verbose=True, **SHORT)
        assert "segment of" in caplog.text


def test_a_segment_that_is_cut_off_is_reported(tts, voice, caplog):
    tts.infer(voice, TEXT, None, seed=1, max_mel_tokens=5, min_mel_tokens=5)
    assert "5 codes without a stop for text 'Hello world, this is a test.'" in caplog.text
