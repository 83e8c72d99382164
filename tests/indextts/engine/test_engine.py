"""The batch engine: any company gives the same speech, failures stay alone, limits and memory hold."""

import gc
import threading
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from indextts import InferenceResult, SynthesisRequest
from indextts.decoding.budgets import (
    CPU_FLOW_BUDGET,
    MAX_PADDING,
    ROWS_PER_THREAD,
    Budgets,
    default_budgets,
    free_memory,
    group_by_length,
    rows_for,
)
from indextts.infer_v2 import IndexTTS2

TEXTS = (
    "Good morning.",
    "Did you hear the rain last night?",
    "Yes, it was loud. I got up and closed the window in the kitchen.",
    "No.",
)
EMOTIONS = (
    None,
    {"emo_vector": (0.5, 0, 0, 0.2, 0, 0, 0, 0)},
    {"emo_vector": (0, 0, 0.6, 0, 0, 0, 0, 0), "emo_alpha": 0.7, "use_random": True},
)
FAST = {"num_beams": 1, "flow_steps": 3, "max_mel_tokens": 14, "max_text_tokens_per_segment": 20}
STEP = 1 / 32767
ROUNDING = 8 * STEP


@pytest.fixture(scope="module")
def voices(prompt_file):
    return [prompt_file(22050, 0.6, 3), prompt_file(24000, 0.7, 5), prompt_file(16000, 0.4, 8)]


@pytest.fixture(scope="module")
def model(checkpoint_dir, voices):
    """A model of this file's own: its limits are changed."""
    tts = IndexTTS2(checkpoint_dir / "config.yaml", checkpoint_dir, device="cpu")
    tts.warm_cache(voices)
    return tts


@pytest.fixture(autouse=True)
def usual_limits(model):
    engine = model._synthesizer.engine
    before = engine.budgets
    yield
    engine.budgets = before


def differ(a: InferenceResult, b: InferenceResult) -> float:
    assert a.wav_tensor.shape == b.wav_tensor.shape
    return float((a.wav_tensor - b.wav_tensor).abs().max())


def requests_of(voices: list[Path], plan) -> list[SynthesisRequest]:
    """`plan`: (text, voice, emotion, seed, most codes) of each request."""
    return [
        SynthesisRequest(TEXTS[t], voices[v], seed, EMOTIONS[e], min_mel_tokens=min(4, most), max_mel_tokens=most)
        for t, v, e, seed, most in plan
    ]


def alone(model, request: SynthesisRequest, **options) -> InferenceResult:
    return model.synthesize([request], **{**FAST, **options})[0]


def mixed(voices, count: int) -> list[SynthesisRequest]:
    return requests_of(voices, [(i % 4, i % 3, i % 3, i, 5 + 3 * i % 14) for i in range(count)])


@pytest.fixture
def two_threads():
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(usual)


# Any company


def test_rows_side_by_side_sound_as_alone(model, voices, two_threads, monkeypatch):
    requests = mixed(voices, 5)
    expected = [alone(model, request) for request in requests]
    threads = set()
    solve = model._synthesizer.pipeline.components.cfm.solve

    def solve_here(*rows, **options):
        threads.add(threading.current_thread().name)
        return solve(*rows, **options)

    monkeypatch.setattr(model._synthesizer.pipeline.components.cfm, "solve", solve_here)
    results = model.synthesize(requests, flow_budget=4000, **FAST)
    assert max(map(differ, results, expected)) <= ROUNDING
    assert {name.rpartition("_")[0] for name in threads} >= {"indextts row"}


plans = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2), st.integers(0, 9**6), st.integers(3, 14)),
    min_size=2,
    max_size=6,
)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(plan=plans, max_batch=st.integers(1, 6), flow_budget=st.sampled_from([1, 200, 600, 5000]))
def test_a_request_sounds_the_same_in_any_company(model, voices, plan, max_batch, flow_budget):
    requests = requests_of(voices, plan)
    results = model.synthesize(requests, max_batch=max_batch, flow_budget=flow_budget, **FAST)
    for request, result in zip(requests, results, strict=True):
        assert differ(result, alone(model, request)) <= ROUNDING


def test_three_beams_sound_the_same_in_any_company(model, voices):
    requests = mixed(voices, 5)
    for result, request in zip(model.synthesize(requests, **{**FAST, "num_beams": 3}), requests, strict=True):
        assert differ(result, alone(model, request, num_beams=3)) <= ROUNDING


def test_the_order_and_the_batch_sizes_do_not_matter(model, voices):
    requests = mixed(voices, 6)
    forwards = model.synthesize(requests, **FAST)
    backwards = model.synthesize(requests[::-1], max_batch=2, flow_budget=150, **FAST)
    assert max(map(differ, forwards, backwards[::-1])) <= ROUNDING


def test_infer_is_a_batch_of_one(model, voices):
    request = SynthesisRequest(TEXTS[2], voices[0], seed=4, min_mel_tokens=9, max_mel_tokens=9)
    settings = {**FAST, "max_mel_tokens": 9, "min_mel_tokens": 9}
    single = model.infer(voices[0], TEXTS[2], None, seed=4, return_audio=True, **settings)
    assert torch.equal(single.wav_tensor, alone(model, request).wav_tensor)


def test_segments_heard_one_by_one_are_those_spoken_at_once(model, voices):
    heard = []
    settings = {**FAST, "interval_silence": 0, "seed": 4, "return_audio": True}
    at_once = model.infer(voices[0], TEXTS[2], None, **settings)
    model.infer(voices[0], TEXTS[2], None, on_chunk=lambda samples, rate, index: heard.append(samples), **settings)
    assert len(heard) > 1
    assert (torch.cat(heard) - at_once.wav_tensor).abs().max() <= ROUNDING


def test_requests_without_a_seed_differ(model, voices):
    request = SynthesisRequest(TEXTS[0], voices[0], min_mel_tokens=12, max_mel_tokens=12)
    first, second = model.synthesize([request, request], **FAST)
    assert differ(first, second) > ROUNDING


# Failures


@pytest.mark.parametrize("num_beams", [1, 2])
def test_a_request_that_fails_leaves_the_others_alone(model, voices, num_beams):
    good = requests_of(voices, [(0, 0, 0, 1, 6), (1, 1, 1, 2, 9)])
    bad = [
        SynthesisRequest("   ", voices[0], 1),
        SynthesisRequest(TEXTS[0], "nowhere.wav", 1),
        SynthesisRequest(TEXTS[0], voices[0], 1, {"emo_vector": (1,)}),
        SynthesisRequest(TEXTS[0], voices[0], 1, min_mel_tokens=9, max_mel_tokens=2),
        SynthesisRequest(TEXTS[0], voices[0], 1, max_mel_tokens=1000),
    ]
    settings = {**FAST, "num_beams": num_beams}
    results = model.synthesize([good[0], *bad, good[1]], return_errors=True, **settings)
    kinds = [ValueError, FileNotFoundError, ValueError, ValueError, ValueError]
    assert [isinstance(result, kind) for result, kind in zip(results[1:-1], kinds, strict=True)] == [True] * 5
    for result, request in ((results[0], good[0]), (results[-1], good[1])):
        assert differ(result, alone(model, request, num_beams=num_beams)) <= ROUNDING
    assert (model.last_figures.requests, model.last_figures.failed) == (1, 0)
    for request, error in zip(bad, results[1:-1], strict=True):
        with pytest.raises(type(error), match=r".+"):
            model.synthesize([good[0], request], **settings)


def test_a_segment_that_fails_while_it_is_spoken_leaves_the_others_alone(model, voices):
    """The stop code is made so likely that some rows stop before their first code."""
    head = model._synthesizer.pipeline.components.gpt.mel_head
    bias = head.bias.clone()
    requests = [SynthesisRequest(TEXTS[0], voices[0], seed) for seed in range(12)]
    try:
        for likely in range(1, 20):
            head.bias[model.cfg.gpt.stop_mel_token] = likely
            results = model.synthesize(requests, return_errors=True, **FAST)
            silent = [isinstance(result, RuntimeError) for result in results]
            if any(silent):
                break
        assert (model.last_figures.requests, model.last_figures.failed) == (12, sum(silent))
        assert 0 < sum(silent) < 12
        assert all("stopped before its first code" in str(r) for r, s in zip(results, silent, strict=True) if s)
        spoken = silent.index(False)
        assert differ(results[spoken], alone(model, requests[spoken])) <= ROUNDING
    finally:
        head.bias.copy_(bias)


def limited(function, most: int, size):
    """`function`, but memory runs out for more than `most`."""

    def run(*arguments, **keywords):
        if size(*arguments) > most:
            raise torch.OutOfMemoryError("CUDA out of memory (injected)")
        return function(*arguments, **keywords)

    return run


@pytest.mark.parametrize(
    ("module", "method", "size"),
    [
        ("cfm", "solve", lambda mu, *_: mu.shape[0]),
        ("bigvgan", "forward", lambda mel, *_: mel.shape[0]),
        ("gpt", "latent", lambda conds, *_: conds.shape[0]),
        ("gpt", "step", lambda codes, *_: codes.shape[0]),
    ],
)
def test_running_out_of_memory_halves_the_batch_and_goes_on(model, voices, monkeypatch, module, method, size):
    requests = mixed(voices, 5)
    expected = model.synthesize(requests, **FAST)
    part = getattr(model._synthesizer.pipeline.components, module)
    monkeypatch.setattr(part, method, limited(getattr(part, method), 2, size))
    results = model.synthesize(requests, flow_budget=4000, **FAST)
    assert max(map(differ, results, expected)) <= ROUNDING
    assert model.last_figures.out_of_memory >= 1
    again = model.last_figures.out_of_memory
    model._synthesizer.engine.budgets = Budgets(64, 10**6, 4000)
    for _ in range(2):
        model.synthesize(requests, **FAST)
    # Limits stay lowered: the second call of two knows better.
    assert model.last_figures.out_of_memory < again


def test_a_row_too_large_for_the_memory_fails_alone(model, voices, monkeypatch):
    requests = requests_of(voices, [(0, 0, 0, 1, 6), (0, 0, 0, 2, 14), (0, 0, 0, 3, 6)])
    requests = [SynthesisRequest(r.text, r.voice, r.seed, None, r.max_mel_tokens, r.max_mel_tokens) for r in requests]
    cfm = model._synthesizer.pipeline.components.cfm
    shortest = alone(model, requests[0])
    frames = model.cache_mel.shape[2] + len(shortest.wav_tensor) // 256
    monkeypatch.setattr(cfm, "solve", limited(cfm.solve, frames + 2, lambda mu, *_: mu.shape[1]))
    results = model.synthesize(requests, return_errors=True, **FAST)
    assert isinstance(results[1], torch.OutOfMemoryError)
    assert differ(results[0], shortest) <= ROUNDING
    assert differ(results[2], alone(model, requests[2])) <= ROUNDING


# Figures


def test_figures_tell_what_a_call_did(model, voices):
    requests = [SynthesisRequest(TEXTS[0], voices[0], i, None, n, n) for i, n in enumerate((4, 8, 12, 8))]
    results = model.synthesize(requests, max_batch=2, flow_budget=10**6, **FAST)
    figures = model.last_figures
    assert (figures.requests, figures.segments, figures.failed) == (4, 4, 0)
    assert figures.codes == 4 + 8 + 12 + 8
    assert figures.audio_seconds == pytest.approx(sum(result.duration_sec for result in results))
    assert figures.batches["gpt"].rows == figures.codes - 4  # the last code of a row is not fed back
    assert figures.batches["gpt"].mean_rows > 1.5
    assert figures.batches["flow"].rows == figures.batches["vocoder"].rows == 4
    assert 0.0 <= figures.padding <= MAX_PADDING
    assert figures.seconds >= sum(figures.stage_seconds.values()) > 0
    assert figures.times_real_time == pytest.approx(figures.audio_seconds / figures.seconds)
    assert figures.codes_per_second > 0
    # Results share the call's time by their length.
    assert sum(result.rtf * result.duration_sec for result in results) == pytest.approx(figures.seconds)
    assert sum(result.timings["flow"] for result in results) == pytest.approx(figures.stage_seconds["flow"])


# Options


def test_flow_steps_and_guidance_change_the_sound_and_are_checked(model, voices):
    request = mixed(voices, 1)[0]
    usual = alone(model, request)
    assert differ(alone(model, request, flow_steps=4), usual) > ROUNDING
    assert differ(alone(model, request, cfg_rate=0.0), usual) > ROUNDING
    for wrong in ({"flow_steps": 0}, {"cfg_rate": -0.1}, {"max_batch": 0}, {"flow_budget": 0}, {"decode_budget": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            alone(model, request, **wrong)


def test_options_of_the_constructor_are_the_defaults_of_calls(checkpoint_dir, prompt_file, model):
    long_prompt = prompt_file(22050, 1.5, 6)
    files = (checkpoint_dir / "config.yaml", checkpoint_dir)
    short = IndexTTS2(*files, device="cpu", max_prompt_seconds=0.5, flow_steps=2, max_batch=3, flow_budget=77)
    result = short.infer(long_prompt, TEXTS[0], None, seed=1, return_audio=True, max_mel_tokens=6, num_beams=1)
    assert short.cache_mel.shape[2] == int(0.5 * 22050) // 256
    assert short.cache_emo_cond.shape[1] == (int(0.5 * 16000) - 400) // 160 // 2 + 1
    full = model.infer(
        long_prompt, TEXTS[0], None, seed=1, return_audio=True, max_mel_tokens=6, num_beams=1, flow_steps=2
    )
    assert result.wav_tensor.shape == full.wav_tensor.shape
    assert differ(result, full) > ROUNDING
    limits = short._synthesizer.engine.budgets
    assert (limits.max_batch, limits.flow_budget) == (3, 77)
    for seconds in (0.05, 15.5):
        with pytest.raises(ValueError, match="max_prompt_seconds"):
            IndexTTS2(*files, device="cpu", max_prompt_seconds=seconds)


# Limits


def test_slots_follow_the_decode_budget():
    limits = Budgets(max_batch=8, decode_budget=1000, flow_budget=1)
    assert [limits.slots(rows, 100) for rows in (3, 8, 50)] == [3, 8, 8]
    assert limits.slots(50, 300) == 3
    assert limits.slots(50, 5000) == 1


def test_limits_come_from_the_memory_that_is_free():
    cpu = torch.device("cpu")
    limits = default_budgets(cpu, bytes_per_position=1000, bytes_per_frame=100_000)
    assert limits.flow_budget == CPU_FLOW_BUDGET
    assert 0.2 * free_memory(cpu) < limits.decode_budget * 1000 < 0.6 * free_memory(cpu)


@pytest.mark.parametrize(("positions", "rows"), [(1, 1), (5 * 704, 5), (9 * 704, 8), (63_000, 88), (10**9, 256)])
def test_on_a_gpu_as_many_rows_of_usual_length_are_decoded_as_fit(positions, rows):
    assert rows_for(positions) == rows


def test_more_threads_get_more_rows_side_by_side(two_threads):
    limits = default_budgets(torch.device("cpu"), bytes_per_position=1000, bytes_per_frame=100_000)
    assert limits.flow_budget == 2 * ROWS_PER_THREAD * CPU_FLOW_BUDGET


@settings(max_examples=200, deadline=None)
@given(lengths=st.lists(st.integers(1, 900), max_size=40), budget=st.integers(1, 4000))
def test_groups_fit_the_budget_and_waste_little(lengths, budget):
    groups = group_by_length(lengths, budget)
    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))
    for group in groups:
        padded = len(group) * max(lengths[i] for i in group)
        assert len(group) == 1 or padded <= budget
        assert sum(lengths[i] for i in group) >= (1 - MAX_PADDING) * padded - 1e-6


def test_rows_of_one_length_fill_the_budget():
    assert [len(group) for group in group_by_length([100] * 10, 400)] == [4, 4, 2]


# Memory


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def tensors() -> int:
    return sum(issubclass(type(item), torch.Tensor) for item in gc.get_objects())


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_stays_flat_over_hundreds_of_utterances(model, voices):
    settings = {**FAST, "flow_steps": 1, "return_numpy": True, "max_mel_tokens": 8}

    def speak(batches: int) -> None:
        for batch in range(batches):
            model.synthesize(
                [SynthesisRequest(TEXTS[0], voices[i % 3], 100 * batch + i) for i in range(20)], **settings
            )
        gc.collect()

    speak(3)
    before, held = resident(), tensors()
    speak(9)
    assert tensors() <= held
    assert resident() - before < 24 << 20
