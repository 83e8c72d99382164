"""A session: requests come and go while others are spoken, and each result is that of its own call."""

import gc
import time
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from indextts import InferenceResult, SynthesisRequest
from indextts.infer_v2 import IndexTTS2
from tests.indextts.engine.test_engine import FAST, ROUNDING, TEXTS, alone, differ, limited, mixed, requests_of


@pytest.fixture(scope="module")
def voices(prompt_file):
    return [prompt_file(22050, 0.6, 3), prompt_file(24000, 0.7, 5), prompt_file(16000, 0.4, 8)]


@pytest.fixture(scope="module")
def model(checkpoint_dir, voices):
    tts = IndexTTS2(checkpoint_dir / "config.yaml", checkpoint_dir, device="cpu")
    tts.warm_cache(voices)
    return tts


@pytest.fixture(autouse=True)
def usual_limits(model):
    engine = model._synthesizer.engine
    before = engine.budgets
    yield
    engine.budgets = before


@pytest.fixture
def gpt(model):
    return model._synthesizer.pipeline.components.gpt


def results_of(session) -> dict[int, InferenceResult | Exception]:
    results = {}
    while session.unfinished:
        session.step()
        results |= session.finished()
    return results


def test_requests_are_spoken_as_they_come(model, voices):
    session = model.session(**FAST)

    first = session.add(SynthesisRequest("Good morning.", voices[0], seed=1))
    session.step()
    second = session.add(SynthesisRequest("Did you hear the rain?", voices[1], seed=2))

    results = {}
    while session.unfinished:
        session.step()
        for key, result in session.finished():
            results[key] = result.duration_sec

    assert set(results) == {first, second}
    assert session.figures.audio_seconds == pytest.approx(sum(results.values()))


def test_an_iterable_is_taken_as_there_is_room(model, voices):
    taken = []

    def requests():
        for request in mixed(voices, 12):
            taken.append(request)
            yield request

    session = model.session(max_batch=1, **FAST)
    waiting = [len(taken) - count for count, _ in enumerate(session.run(requests()), 1)]
    assert (len(taken), len(waiting)) == (12, 12)
    assert max(waiting) <= 4


plans = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2), st.integers(0, 9**6), st.integers(3, 14)),
    min_size=2,
    max_size=6,
)


@settings(max_examples=4, deadline=None, derandomize=True)
@given(plan=plans, max_batch=st.integers(1, 4), steps=st.lists(st.integers(0, 9), min_size=6, max_size=6))
def test_a_request_sounds_the_same_whenever_it_comes(model, voices, plan, max_batch, steps):
    requests, session, results = (
        requests_of(voices, plan),
        model.session(max_batch=max_batch, flow_budget=600, **FAST),
        {},
    )
    for request, between in zip(requests, steps, strict=False):
        session.add(request)
        for _ in range(between):
            session.step()
            results |= session.finished()
    results |= results_of(session)
    for number, request in enumerate(requests):
        assert differ(results[number], alone(model, request)) <= ROUNDING


def test_other_calls_may_come_in_between(model, voices):
    requests, session = mixed(voices, 3), model.session(**FAST)
    for request in requests:
        session.add(request)
    session.step()
    between = alone(model, requests[0])
    assert differ(results_of(session)[0], between) <= ROUNDING


def test_the_tail_of_one_list_is_decoded_with_the_head_of_the_next(model, voices):
    """One long row in each list of four: alone at the end of its list, and in company where lists are a stream."""
    lists = [
        [
            SynthesisRequest(TEXTS[0], voices[0], 4 * part + n, None, codes, codes)
            for n, codes in enumerate((14, 3, 3, 3))
        ]
        for part in range(4)
    ]
    in_lists = []
    for requests in lists:
        model.synthesize(requests, max_batch=4, **FAST)
        in_lists.append(model.last_figures.batches["gpt"])
    session = model.session(max_batch=4, **FAST)
    assert len(dict(session.run(request for requests in lists for request in requests))) == 16
    stream = session.figures.batches["gpt"]
    assert stream.rows == sum(count.rows for count in in_lists)
    assert stream.mean_rows > 1.5 * stream.rows / sum(count.batches for count in in_lists)


def test_beams_are_spoken_in_a_session_too(model, voices):
    requests = mixed(voices, 3)
    settings = {**FAST, "num_beams": 2}
    for number, result in model.session(**settings).run(requests):
        assert differ(result, alone(model, requests[number], num_beams=2)) <= ROUNDING


# Failures


def test_a_request_that_fails_reports_itself_alone(model, voices):
    good = mixed(voices, 2)
    bad = [SynthesisRequest("   ", voices[0], 1), SynthesisRequest(TEXTS[0], "nowhere.wav", 1)]
    results = dict(model.session(**FAST).run([good[0], *bad, good[1]]))
    assert isinstance(results[1], ValueError) and isinstance(results[2], FileNotFoundError)
    assert differ(results[0], alone(model, good[0])) <= ROUNDING
    assert differ(results[3], alone(model, good[1])) <= ROUNDING


def test_a_row_that_breaks_the_decoder_breaks_it_for_itself_only(model, voices, gpt, monkeypatch):
    requests = requests_of(
        voices, [(0, 0, 0, 1, 9), (1, 1, 0, 2, 9), (3, 0, 0, 3, 9), (0, 1, 0, 4, 9), (1, 0, 0, 5, 9)]
    )
    expected = [alone(model, request) for request in requests]
    poison, prefill = model._text.ids(model._text.segments(TEXTS[3], 20)[0]), gpt.prefill

    def poisoned(conds, text_ids, new_tokens):
        if any(ids.tolist() == poison for ids in text_ids):
            raise RuntimeError("an illegal memory access (injected)")
        return prefill(conds, text_ids, new_tokens)

    monkeypatch.setattr(gpt, "prefill", poisoned)
    results = dict(model.session(max_batch=2, **FAST).run(requests))
    assert [number for number, result in results.items() if isinstance(result, RuntimeError)] == [2]
    assert max(differ(results[number], expected[number]) for number in (0, 1, 3, 4)) <= ROUNDING


def test_memory_that_runs_out_midway_costs_time_and_no_request(model, voices, gpt, monkeypatch):
    requests = mixed(voices, 6)
    expected = [alone(model, request) for request in requests]
    session, results = model.session(**FAST), {}
    for request in requests:
        session.add(request)
    for _ in range(4):
        session.step()
    monkeypatch.setattr(gpt, "step", limited(gpt.step, 2, lambda codes, *_: codes.shape[0]))
    results = results_of(session)
    assert max(differ(results[number], expected[number]) for number in range(6)) <= ROUNDING
    assert session.figures.out_of_memory >= 1
    assert model._synthesizer.engine.budgets.max_batch <= 3  # and later calls know better


# Bounds


def test_requests_beyond_the_room_wait_unread(model, voices, monkeypatch):
    read = []
    segments = model._synthesizer.segments
    monkeypatch.setattr(model._synthesizer, "segments", lambda *given: read.append(1) or segments(*given))
    session = model.session(max_batch=2, **FAST)
    assert session.room == 8
    for request in mixed(voices, 40):
        session.add(request)
    session.step()
    assert (session.room, session.unfinished) == (0, 40)
    assert 2 <= len(read) <= 6


def test_what_is_handed_out_is_forgotten(model, voices):
    session, samples = model.session(**FAST), []
    for _, result in session.run(mixed(voices, 6)):
        samples.append(weakref.ref(result.wav_tensor))
    del result
    gc.collect()
    assert [kept() for kept in samples] == [None] * 6
    assert (session.unfinished, session.finished()) == (0, [])
    held = {id(item) for item in gc.get_referents(session._engine)}
    assert not any(isinstance(item, torch.Tensor) for item in gc.get_objects() if id(item) in held)


def test_time_between_steps_is_nobody_s(model, voices):
    session = model.session(**FAST)
    session.add(SynthesisRequest("Good morning.", voices[0], seed=1))
    began = time.perf_counter()
    session.step()
    idle = 0.3
    time.sleep(idle)
    results = results_of(session)
    taken = time.perf_counter() - began

    (result,) = results.values()
    assert result.rtf * result.duration_sec <= taken - idle


def test_a_request_of_the_wrong_kind_ends_with_its_error_and_no_other(model, voices):
    session = model.session(**FAST)
    session.add(SynthesisRequest(12, voices[0], seed=1))  # type: ignore[arg-type]
    good = session.add(SynthesisRequest("Good morning.", voices[0], seed=1))

    results = results_of(session)

    assert isinstance(results.pop(good), InferenceResult)
    (error,) = results.values()
    assert isinstance(error, Exception)
