"""Continuous batching: rows that come and go give the codes they give alone."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from indextts.checkpoint.pseudo_weights import noise
from indextts.decoding import batch_decoder
from indextts.decoding.batch_decoder import BatchDecoder, DecodeRow
from indextts.decoding.decode import decode
from indextts.decoding.options import GenerationOptions
from tests.indextts.support.goldens import cases
from tests.indextts.support.tiny_modules import tensor, tiny_gpt

TINY = Path(__file__).resolve().parents[1] / "tiny_config"


@pytest.fixture(scope="module")
def gpt(tiny_config_dir):
    return tiny_gpt(tiny_config_dir)


@pytest.fixture(scope="module")
def texts(golden):
    arrays = golden("e_gpt_decode")
    return [tensor(arrays[f"text_{k}"]) for k in cases(arrays, "text")]


@pytest.fixture(scope="module")
def voices(gpt):
    """Conditions of a few voices and emotions, (V, 34, D)."""
    config = gpt.config
    latents = tensor(noise("voices", (4, config.condition_num_latents, config.model_dim)))
    return gpt.conds(latents, tensor(noise("emotions", (4, config.model_dim))))


def options_of(**changes):
    defaults = {"num_beams": 1, "max_mel_tokens": 30, "repetition_penalty": 1.5, "top_p": 0.9}
    return GenerationOptions(**{**defaults, **changes})


def rows_of(voices, texts, plan):
    """`plan`: (voice, text, seed, least codes, most codes) of each row."""
    return [
        DecodeRow(voices[v], texts[t % len(texts)], torch.Generator().manual_seed(seed), least, most)
        for v, t, seed, least, most in plan
    ]


def decoder_for(gpt, options, slots, positions=None):
    return BatchDecoder(gpt, options, slots, positions)


def run(gpt, rows, options, slots, positions=None):
    codes = dict(decoder_for(gpt, options, slots, positions).run(rows))
    return [codes[number].tolist() for number in range(len(rows))]


bounds = st.tuples(st.integers(1, 30), st.integers(0, 30)).map(lambda p: (min(p), max(p)))
plans = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 99), bounds).map(lambda p: (*p[:3], *p[3])),
    min_size=1,
    max_size=9,
)


@pytest.fixture(scope="module")
def growing():
    """The cache begins small, so that it has to grow with these short rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_decoder, "FIRST_SLOTS", 3)
        yield


@settings(max_examples=20, deadline=None, derandomize=True)
@given(plan=plans, slots=st.integers(1, 5), positions=st.sampled_from([None, 1, 150, 300]), do_sample=st.booleans())
def test_a_row_gives_the_same_codes_in_any_company(gpt, voices, texts, growing, plan, slots, positions, do_sample):
    plan = [(*row[:3], min(row[3], row[4] - 1), row[4]) for row in plan]
    options = options_of(do_sample=do_sample)
    together = run(gpt, rows_of(voices, texts, plan), options, slots, positions)
    for number, row in enumerate(plan):
        assert run(gpt, rows_of(voices, texts, [row]), options, 1) == [together[number]]
        assert row[3] <= len(together[number]) <= row[4]


def test_the_order_of_rows_does_not_matter(gpt, voices, texts):
    plan = [(i % 4, i, i, 0, 5 + 3 * i) for i in range(7)]
    forwards = run(gpt, rows_of(voices, texts, plan), options_of(), 3)
    backwards = run(gpt, rows_of(voices, texts, plan[::-1]), options_of(), 3)
    assert forwards == backwards[::-1]


def test_a_batch_of_one_is_what_decode_gives(gpt, voices, texts):
    options = options_of(min_mel_tokens=6)
    (expected,) = decode(gpt, voices[1:2], texts[:1], options, [torch.Generator().manual_seed(3)])
    assert run(gpt, rows_of(voices, texts, [(1, 0, 3, 6, 30)]), options, 4) == [expected.tolist()]


def test_a_free_slot_is_taken_at_once(gpt, voices, texts):
    """Rows of fixed lengths 3, 9, 5, 4 in two slots: 3 then 5 then 4 beside 9, twelve codes deep."""
    plan = [(0, 0, seed, n, n) for seed, n in enumerate((3, 9, 5, 4))]
    rows = rows_of(voices, texts, plan)
    decoder = decoder_for(gpt, options_of(), 2)
    ended = list(decoder.run(rows))
    assert [number for number, _ in ended] == [0, 2, 1, 3]
    assert [len(codes) for _, codes in ended] == [3, 5, 9, 4]
    # The last code of a row is not fed back.
    assert decoder.row_steps == sum(n - 1 for n in (3, 9, 5, 4))


def test_rows_added_while_others_run_are_decoded_too(gpt, voices, texts):
    rows = rows_of(voices, texts, [(0, 0, 1, 8, 8), (1, 1, 2, 8, 8)])
    decoder = decoder_for(gpt, options_of(), 2)
    decoder.add(0, rows[0])
    assert [decoder.step() for _ in range(3)] == [[], [], []]
    decoder.add(1, rows[1])
    ended = [row for _ in range(8) for row in decoder.step()]
    assert [number for number, _ in ended] == [0, 1]
    late = rows_of(voices, texts, [(1, 1, 2, 8, 8)])
    assert [codes.tolist() for _, codes in ended][1] == run(gpt, late, options_of(), 1)[0]


def test_the_cache_holds_each_row_to_its_last_slot(gpt, voices, texts):
    rows = rows_of(voices, texts, [(0, 0, 1, 6, 6)])
    decoder = decoder_for(gpt, options_of(), 1)
    prefix = gpt.prefix_length(rows[0].conds, rows[0].text_ids)
    decoder.add(0, rows[0])
    for fed in range(1, 6):
        decoder.step()
        assert decoder._cache.known_lengths == decoder._cache.lengths.tolist() == [prefix + fed]


def test_the_cache_is_as_long_as_the_rows_that_live_and_not_as_long_as_they_might_become(gpt, voices, texts, growing):
    rows = rows_of(voices, texts, [(0, 0, seed, 200, 200) for seed in range(2)])
    decoder = decoder_for(gpt, options_of(max_mel_tokens=200), 2)
    for number, row in enumerate(rows):
        decoder.add(number, row)
    prompt, lengths = gpt.prefix_length(rows[0].conds, rows[0].text_ids), []
    for _ in range(40):
        decoder.step()
        lengths.append(decoder._cache.capacity)
    # Each time twice as long.
    assert sorted(set(lengths)) == [prompt + 3, 2 * (prompt + 3)]


def test_rows_that_the_cache_has_no_room_for_are_set_back_and_come_again(gpt, voices, texts, growing):
    plan = [(n % 4, 0, n, 30, 30) for n in range(4)]
    prompt = gpt.prefix_length(voices[0], texts[0])
    decoder = decoder_for(gpt, options_of(), 4, positions=3 * (prompt + 12))
    codes = dict(decoder.run(rows_of(voices, texts, plan)))
    assert decoder.set_back > 0
    assert decoder._cache.rows * decoder._cache.capacity <= decoder.positions
    assert [codes[n].tolist() for n in range(4)] == run(gpt, rows_of(voices, texts, plan), options_of(), 4)


def test_a_cache_made_long_for_one_row_is_made_short_again_for_many(gpt, voices, texts, growing):
    prompt = gpt.prefix_length(voices[0], texts[0])
    long, *short = rows_of(voices, texts, [(0, 0, 0, 160, 160), *((0, 0, n, 2, 2) for n in range(1, 9))])
    decoder = decoder_for(gpt, options_of(max_mel_tokens=200), 4, positions=4 * (prompt + 8))
    decoder.add(0, long)
    assert [len(codes) for _ in range(160) for _, codes in decoder.step()] == [160]
    for number, row in enumerate(short, 1):
        decoder.add(number, row)
    decoder.step()
    assert decoder.live == 4


@pytest.mark.gpu
def test_captured_steps_of_a_real_gpu_give_the_codes_of_steps_that_are_not(gpt, voices, texts):
    """Greedy, and in rows that come and go; listening to the steps keeps them from being captured."""
    on_gpu = tiny_gpt(TINY).to("cuda:0")
    rows = rows_of(voices.to("cuda:0"), texts, [(n % 4, n, n, 10 + n, 60) for n in range(12)])
    options = options_of(do_sample=False, max_mel_tokens=60)
    captured, eager = (BatchDecoder(on_gpu, options, 8, on_step=on_step) for on_step in (None, lambda *_: None))
    codes, others = (dict(decoder.run(rows)) for decoder in (captured, eager))
    assert captured._graphs.enabled and not eager._graphs.enabled
    assert {number: row.tolist() for number, row in codes.items()} == {n: row.tolist() for n, row in others.items()}
