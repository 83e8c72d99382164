"""Greedy, beam and sampled decoding against the goldens, and rows of a batch against single runs."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.generation import TypicalLogitsWarper

from indextts.decoding.beam_search import BeamSearch
from indextts.decoding.decode import PREFIX_CODE, decode, decode_beams
from indextts.decoding.options import GenerationOptions
from indextts.decoding.sampling import draw, keep_typical, penalise_repetition, warp
from indextts.models.gpt import FIRST_CODE_POSITION, START_POSITION
from tests.indextts.support.goldens import Arrays, cases, peak_error
from tests.indextts.support.tiny_modules import TOLERANCE, tensor, tiny_gpt


@pytest.fixture(scope="module")
def gpt(tiny_config_dir):
    return tiny_gpt(tiny_config_dir)


@pytest.fixture(scope="module")
def conds(gpt, golden):
    """Conditions of the goldens: the first voice with the stored emotion vector."""
    with torch.no_grad():
        voice = tensor(golden("b_w2v")["emb_0"])[None]
        latents = gpt.get_conditioning(voice, torch.tensor([voice.shape[1]]))
        return gpt.conds(latents, tensor(golden("e_gpt_decode")["emo_vec"])[None])


@pytest.fixture(scope="module")
def texts(golden):
    arrays = golden("e_gpt_decode")
    return [tensor(arrays[f"text_{k}"]) for k in cases(arrays, "text")]


@pytest.fixture(scope="module")
def limit(gpt, golden):
    return most_codes(golden("e_gpt_decode"), gpt.config.stop_mel_token)


def runs(arrays: Arrays, stem: str) -> list[tuple[str, int, float]]:
    """Suffix, text number and repetition penalty of all arrays called `{stem}_{k}_rp{penalty}`."""
    matches = [re.fullmatch(rf"{stem}_((\d+)_rp([\d.]+))", name) for name in arrays]
    found = [(match[1], int(match[2]), float(match[3])) for match in matches if match]
    assert found
    return found


def before_stop(row: np.ndarray, stop: int) -> list[int]:
    codes = row.tolist()
    return codes[: codes.index(stop)] if stop in codes else codes


def most_codes(arrays: Arrays, stop: int) -> int:
    """How many codes the goldens were decoded for at most: as many as a row has that did not stop."""
    rows = [arrays[f"codes_{name}"] for name, _, _ in runs(arrays, "codes")]
    return max((len(row) for row in rows if stop not in row), default=40)


def greedy(penalty: float, max_mel_tokens: int, **options) -> GenerationOptions:
    choice = {"do_sample": False, "num_beams": 1, "repetition_penalty": penalty, "max_mel_tokens": max_mel_tokens}
    return GenerationOptions(**choice | options)


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


# Goldens


def test_speaker_latents_are_those_of_the_goldens(gpt, golden):
    features, arrays = golden("b_w2v"), golden("e_gpt_decode")
    voice = tensor(features["emb_0"])[None]
    latents = gpt.get_conditioning(voice, torch.tensor([voice.shape[1]]))
    for k in cases(arrays, "latent_cond"):
        assert peak_error(latents[0], arrays[f"latent_cond_{k}"]) < TOLERANCE


def test_greedy_codes_positions_and_logits_match_the_golden(gpt, golden, conds, texts, limit):
    expected = golden("e_gpt_decode")
    for name, k, penalty in runs(expected, "codes"):
        logits, positions = [], []

        def record(step, step_logits, step_positions, logits=logits, positions=positions):
            logits.append(step_logits[0])
            positions.append(int(step_positions[0]))

        (codes,) = decode(gpt, conds, [texts[k]], greedy(penalty, limit), on_step=record)
        assert codes.tolist() == before_stop(expected[f"codes_{name}"], gpt.config.stop_mel_token)
        assert positions == expected[f"pos_{name}"].tolist()
        first_logits = expected[f"logits_{name}"]
        assert peak_error(torch.stack(logits[: len(first_logits)]), first_logits) < TOLERANCE


def test_a_greedy_batch_matches_the_golden_batch(gpt, golden, conds, texts, limit):
    expected = golden("e_gpt_decode")
    for name in (name for name in expected if name.startswith("batch_codes_rp")):
        options = greedy(float(name.removeprefix("batch_codes_rp")), limit)
        rows = decode(gpt, conds.expand(len(texts), -1, -1), texts, options)
        for row, codes in zip(rows, expected[name], strict=True):
            assert row.tolist() == before_stop(codes, gpt.config.stop_mel_token)


def test_three_beams_match_the_golden(gpt, golden, conds, texts, limit):
    expected = golden("e_gpt_decode")
    for name, k, penalty in runs(expected, "beam3_codes"):
        rows, worth = decode_beams(gpt, conds, [texts[k]], greedy(penalty, limit, num_beams=3))
        assert rows[0].tolist() == before_stop(expected[f"beam3_codes_{name}"], gpt.config.stop_mel_token)
        assert peak_error(worth, expected[f"beam3_score_{name}"]) < TOLERANCE


def test_sampling_distributions_match_the_golden(gpt, golden, conds, texts):
    """Penalty 10, temperature 0.8, top-k 30 and top-p 0.8, along the stored beginning of the codes."""
    expected, defaults = golden("e_gpt_decode"), GenerationOptions()
    for k in cases(expected, "sample_probs"):
        logits, cache = gpt.prefill(conds, [texts[k]], new_tokens=8)
        seen = torch.zeros(1, gpt.config.number_mel_codes, dtype=torch.bool)
        seen[0, [PREFIX_CODE, gpt.config.start_mel_token]] = True
        for step, distribution in enumerate(expected[f"sample_probs_{k}"]):
            scores = penalise_repetition(logits, seen, defaults.repetition_penalty)
            candidates = warp(scores, defaults.temperature, defaults.top_k, defaults.top_p, min_keep=1)
            probabilities = torch.zeros(gpt.config.number_mel_codes)
            probabilities[candidates.codes[0]] = candidates.scores[0].softmax(-1)
            assert probabilities.nonzero().tolist() == np.argwhere(distribution).tolist()
            assert peak_error(probabilities, distribution) < TOLERANCE
            code = tensor(expected[f"greedy_prefix_{k}"][step : step + 1])
            seen[0, code] = True
            logits = gpt.step(code, torch.full((1,), FIRST_CODE_POSITION + step), cache)


@pytest.mark.parametrize("min_keep", [1, 2])
@pytest.mark.parametrize("mass", [0.05, 0.5, 0.9, 0.999])
def test_typical_decoding_keeps_the_codes_that_transformers_keeps(gpt, conds, texts, mass, min_keep):
    flat, peaked = torch.randn(40, 300, generator=torch.Generator().manual_seed(1)), gpt.prefill(conds, texts[:1], 0)[0]
    flat[:, 7] = float("-inf")  # a stop code before its time
    for scores in (flat, 8 * flat, peaked):
        reference = TypicalLogitsWarper(mass, min_tokens_to_keep=min_keep)(None, scores.clone())

        kept = keep_typical(scores, mass, min_keep)

        assert torch.equal(kept, reference)
        assert kept.isfinite().sum(-1).min() >= min_keep


@pytest.mark.parametrize("num_beams", [1, 3])
def test_typical_decoding_changes_the_codes_that_are_drawn(gpt, conds, texts, num_beams):
    options = {"num_beams": num_beams, "max_mel_tokens": 16, "min_mel_tokens": 16, "top_k": 0, "top_p": 1.0}
    usual, typical = (
        decode(gpt, conds, texts[:1], GenerationOptions(**options, **chosen), generators(1))[0]
        for chosen in ({}, {"typical_sampling": True, "typical_mass": 0.2})
    )

    assert not torch.equal(usual, typical)


# Rows are independent


@pytest.mark.parametrize("num_beams", [1, 3])
@pytest.mark.parametrize("choice", [{}, {"do_sample": False}, {"typical_sampling": True}], ids=repr)
def test_rows_of_a_batch_equal_single_runs(gpt, conds, texts, num_beams, choice):
    options = GenerationOptions(
        num_beams=num_beams, max_mel_tokens=24, min_mel_tokens=4, repetition_penalty=2.0, **choice
    )
    texts = [*texts, texts[0][:1], texts[1]]
    voices = torch.cat([conds + 0.05 * i for i in range(len(texts))])
    seeds = range(len(texts))
    batch = decode(gpt, voices, texts, options, generators(*seeds))
    for i in seeds:
        (alone,) = decode(gpt, voices[i : i + 1], texts[i : i + 1], options, generators(i))
        assert batch[i].tolist() == alone.tolist()
    assert len({len(codes) for codes in batch}) > 1 or len({tuple(codes.tolist()) for codes in batch}) > 1


@pytest.mark.parametrize("num_beams", [1, 3])
def test_the_seed_decides_and_the_global_generator_does_not(gpt, conds, texts, num_beams):
    options = GenerationOptions(num_beams=num_beams, max_mel_tokens=12, min_mel_tokens=12)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = decode(gpt, conds, texts[1:2], options, generators(5))[0]
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(decode(gpt, conds, texts[1:2], options, generators(5))[0], first)
    assert not torch.equal(decode(gpt, conds, texts[1:2], options, generators(6))[0], first)


# Options


@pytest.mark.parametrize("num_beams", [1, 3])
@pytest.mark.parametrize("do_sample", [True, False])
def test_min_and_max_mel_tokens_bound_the_length(gpt, conds, texts, num_beams, do_sample):
    options = GenerationOptions(do_sample=do_sample, num_beams=num_beams, min_mel_tokens=9, max_mel_tokens=9)
    rows = decode(gpt, conds.expand(3, -1, -1), texts[:3], options, generators(1, 2, 3))
    assert [len(row) for row in rows] == [9, 9, 9]
    assert all(gpt.config.stop_mel_token not in row.tolist() for row in rows)


def test_positions_skip_row_one_of_the_table(gpt, conds, texts):
    positions = []
    options = greedy(1.0, 4, min_mel_tokens=4)
    decode(gpt, conds, texts[:1], options, on_step=lambda step, logits, position: positions.append(int(position[0])))
    assert positions == [START_POSITION, 2, 3, 4]


def test_impossible_options_are_refused(gpt, conds, texts):
    for name, value in {
        "num_beams": 0,
        "top_k": -1,
        "top_p": 0.0,
        "temperature": 0.0,
        "repetition_penalty": 0.0,
        "max_mel_tokens": 0,
        "min_mel_tokens": 1501,
    }.items():
        with pytest.raises(ValueError, match=name):
            GenerationOptions(**{name: value})
    with pytest.raises(ValueError, match="as many generators"):
        decode(gpt, conds, texts[:1], GenerationOptions(max_mel_tokens=5))
    limit = gpt.config.max_mel_tokens + FIRST_CODE_POSITION
    with pytest.raises(ValueError, match=f"allows {limit}"):
        decode(gpt, conds, texts[:1], greedy(1.0, limit + 1))


def test_the_last_row_of_the_position_table_is_usable(gpt, conds, texts):
    limit = gpt.config.max_mel_tokens + FIRST_CODE_POSITION
    (codes,) = decode(gpt, conds, texts[:1], greedy(1.0, limit, min_mel_tokens=limit))
    assert len(codes) == limit


# Processors and draws


def test_repetition_penalty_counts_a_code_once_and_lowers_either_sign():
    scores, seen = torch.tensor([[2.0, -2.0, 3.0]]), torch.tensor([[True, True, False]])
    assert penalise_repetition(scores, seen, 4.0).tolist() == [[0.5, -8.0, 3.0]]


def test_top_k_and_top_p_keep_the_best_codes():
    scores = torch.log(torch.tensor([[0.1, 0.4, 0.2, 0.3]]))
    kept = warp(scores, temperature=1.0, top_k=3, top_p=1.0, min_keep=1)
    assert kept.codes.tolist() == [[1, 3, 2]]
    nucleus = warp(scores, temperature=1.0, top_k=0, top_p=0.6, min_keep=1)
    assert nucleus.codes[nucleus.scores > float("-inf")].tolist() == [1, 3]
    narrow = warp(scores, temperature=1.0, top_k=0, top_p=0.01, min_keep=2)
    assert narrow.codes[narrow.scores > float("-inf")].tolist() == [1, 3]


def test_draws_follow_the_distribution_without_replacement():
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])
    count = 200_000
    uniforms = torch.rand(count, 2, generator=torch.Generator().manual_seed(0))
    first, second = draw(probabilities.log().expand(count, -1), uniforms).unbind(-1)
    pairs = torch.bincount(first * 4 + second, minlength=16).view(4, 4) / count
    # The second comes from what the first left: p(i, j) = p_i p_j / (1 - p_i), never i twice.
    expected = torch.outer(probabilities / (1 - probabilities), probabilities).fill_diagonal_(0)
    assert (pairs - expected).abs().max() < 0.005
    assert not pairs.diagonal().any()


def test_draws_take_the_best_of_the_rest_when_probability_runs_out():
    scores = torch.tensor([[0.0, float("-inf"), -1e9, -2e9]])
    assert draw(scores, torch.tensor([[0.9999999, 0.5, 0.0]])).tolist() == [[0, 2, 3]]


# Beam search against its definition, written for one row with lists


def beam_search_by_definition(table, beams, stop, length_penalty):
    """table (steps, codes) log-probabilities that depend on the step and the last code -> best codes and worth."""
    live, finished, done = [(0.0, [])], [], False
    for length, scores in enumerate(table):
        offers = []
        for worth, codes in live:
            last = codes[-1] if codes else 0
            offers += [(worth + scores[last][code], codes, code) for code in range(len(scores[last]))]
        offers = sorted(offers, key=lambda offer: -offer[0])[: 2 * beams]
        live = []
        for rank, (worth, codes, code) in enumerate(offers):
            if code == stop:
                if rank < beams:
                    finished.append((worth / max(length, 1) ** length_penalty, codes))
                    finished = sorted(finished, key=lambda item: -item[0])[:beams]
            elif len(live) < beams:
                live.append((worth, [*codes, code]))
        if len(finished) == beams and finished[-1][0] >= offers[0][0] / (length + 1) ** length_penalty:
            done = True
            break
    if not done:
        finished += [(worth / len(codes) ** length_penalty, codes) for worth, codes in live]
    return max(finished, key=lambda item: item[0])


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    beams=st.integers(2, 4),
    steps=st.integers(1, 7),
    length_penalty=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    eagerness=st.sampled_from([0.0, 2.0, 4.0]),
)
def test_beam_search_follows_its_definition(seed, beams, steps, length_penalty, eagerness):
    rows, vocabulary = 3, 9
    stop = vocabulary - 1
    logits = 2 * torch.randn(rows, steps, vocabulary, vocabulary, generator=torch.Generator().manual_seed(seed))
    logits[..., stop] += eagerness
    tables = logits.log_softmax(-1)
    search = BeamSearch(rows, beams, steps, stop, length_penalty, torch.device("cpu"))
    last = torch.zeros(rows, beams, dtype=torch.long)
    for step in range(steps):
        scores = tables[torch.arange(rows)[:, None], step, last] + search.scores[..., None]
        best, picked = scores.flatten(1).topk(2 * beams, dim=1)
        search.advance(best, picked % vocabulary, picked // vocabulary)
        last = search.codes[:, :, step]
    codes, worth = search.best()
    for row in range(rows):
        expected_worth, expected_codes = beam_search_by_definition(tables[row].tolist(), beams, stop, length_penalty)
        assert worth[row].item() == pytest.approx(expected_worth, rel=1e-4)
        assert codes[row].tolist() == expected_codes + [stop] * (steps - len(expected_codes))
