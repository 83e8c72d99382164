"""UnifiedVoice: the input sequence, the cache, and rows of a batch against single runs."""

import pytest
import torch

from indextts.checkpoint.pseudo_weights import ints, noise
from indextts.device.packed_linear import available
from indextts.models.gpt import FIRST_CODE_POSITION
from tests.indextts.support.goldens import peak_error
from tests.indextts.support.tiny_modules import TOLERANCE, tensor, tiny_gpt


@pytest.fixture(scope="module")
def gpt(tiny_config_dir):
    return tiny_gpt(tiny_config_dir)


def made_up_conds(gpt, rows):
    """Conditions of `rows` different voices and emotions."""
    latents = tensor(noise("latents", (rows, gpt.config.condition_num_latents, gpt.config.model_dim)))
    return gpt.conds(latents, tensor(noise("emovec", (rows, gpt.config.model_dim))))


def made_up_texts(*lengths):
    return [tensor(ints(f"text{i}", (length,), 3, 699)) for i, length in enumerate(lengths)]


def test_conds_end_with_the_speed_rows_one_and_zero(gpt):
    latents, emovec = torch.zeros(2, 32, gpt.config.model_dim), torch.ones(2, gpt.config.model_dim)
    conds = gpt.conds(latents, emovec)
    assert conds.shape == (2, 34, gpt.config.model_dim)
    assert torch.equal(conds[:, :32], torch.ones(2, 32, gpt.config.model_dim))
    assert torch.equal(conds[1, 32], gpt.speed_emb.weight[1])
    assert torch.equal(conds[1, 33], gpt.speed_emb.weight[0])


def test_cached_steps_equal_the_whole_sequence(gpt):
    x = tensor(noise("sequence", (3, 12, gpt.config.model_dim)))
    whole = gpt.gpt(x)
    cache = gpt.gpt.new_cache(3, capacity=20, like=x)
    prefix = gpt.gpt(x[:, :8], cache)
    cache.lengths.fill_(8)
    cache.known_lengths = [8, 8, 8]
    steps = [gpt.gpt.step(x[:, i : i + 1], cache) for i in range(8, 12)]
    assert peak_error(torch.cat([prefix, *steps], dim=1), whole) < TOLERANCE


def test_mixed_texts_and_voices_in_a_batch_equal_single_runs(gpt):
    conds, texts = made_up_conds(gpt, 4), made_up_texts(5, 31, 1, 12)
    codes = torch.tensor([[3, 50, 400, 7], [8, 2, 511, 100]])
    logits, cache = gpt.prefill(conds, texts, new_tokens=4)
    batch = [logits]
    for k, code in enumerate(codes):
        batch.append(gpt.step(code, torch.full((4,), FIRST_CODE_POSITION + k), cache))
    for row in range(4):
        logits, cache = gpt.prefill(conds[row : row + 1], texts[row : row + 1], new_tokens=4)
        alone = [logits]
        for k, code in enumerate(codes[:, row : row + 1]):
            alone.append(gpt.step(code, torch.full((1,), FIRST_CODE_POSITION + k), cache))
        for batched, single in zip(batch, alone, strict=True):
            assert peak_error(batched[row], single[0]) < TOLERANCE


@pytest.mark.skipif(not available(torch.zeros(1)), reason="torch without oneDNN rounds by the batch size")
def test_packed_weights_round_a_row_the_same_in_every_batch(tiny_config_dir):
    gpt = tiny_gpt(tiny_config_dir)
    gpt.pack()
    conds, texts = made_up_conds(gpt, 9), made_up_texts(5, 31, 1, 12, 40, 3, 3, 8, 77)
    logits, cache = gpt.prefill(conds, texts, new_tokens=1)
    codes, position = torch.arange(9) * 50, torch.full((9,), FIRST_CODE_POSITION)
    after = gpt.step(codes, position, cache)
    for row in range(9):
        alone, cache = gpt.prefill(conds[row : row + 1], texts[row : row + 1], new_tokens=9)
        assert torch.equal(alone[0], logits[row])
        assert torch.equal(gpt.step(codes[row : row + 1], position[:1], cache)[0], after[row])


def test_packed_weights_give_the_same_logits_and_follow_a_change(tiny_config_dir):
    plain, packed = tiny_gpt(tiny_config_dir), tiny_gpt(tiny_config_dir)
    packed.pack()
    conds, texts = made_up_conds(plain, 2), made_up_texts(5, 31)
    before = packed.prefill(conds, texts, 1)[0]
    assert peak_error(before, plain.prefill(conds, texts, 1)[0]) < TOLERANCE
    for gpt in (plain, packed):
        gpt.gpt.h[0].mlp.c_fc.weight.mul_(0.5)
        gpt.mel_head.weight.mul_(2.0)
    after = packed.prefill(conds, texts, 1)[0]
    assert peak_error(after, plain.prefill(conds, texts, 1)[0]) < TOLERANCE < peak_error(after, before)


def test_cache_rows_can_be_put_into_another_cache(gpt):
    conds, texts = made_up_conds(gpt, 2), made_up_texts(6, 9)
    _, cache = gpt.prefill(conds, texts, new_tokens=2)
    spread = gpt.gpt.new_cache(5, capacity=cache.capacity, like=conds)
    spread.put([3, 0, 4, 1, 2], cache, [0, 1, 0, 1, 1])
    codes, position = torch.tensor([11, 12]), torch.full((5,), FIRST_CODE_POSITION)
    expected = gpt.step(codes, position[:2], cache)
    actual = gpt.step(codes[[1, 1, 1, 0, 0]], position, spread)
    assert peak_error(actual, expected[[1, 1, 1, 0, 0]]) < TOLERANCE


def test_cache_rows_can_be_reordered(gpt):
    conds, texts = made_up_conds(gpt, 3), made_up_texts(6, 6, 6)
    order = torch.tensor([2, 0, 0])
    _, cache = gpt.prefill(conds, texts, new_tokens=2)
    cache.reorder_rows(order)
    _, expected_cache = gpt.prefill(conds[order], [texts[i] for i in order], new_tokens=2)
    codes, position = torch.tensor([11, 12, 13]), torch.full((3,), FIRST_CODE_POSITION)
    assert peak_error(gpt.step(codes, position, cache), gpt.step(codes, position, expected_cache)) < TOLERANCE


def test_start_and_stop_ids_inside_a_text_are_dropped_before_decoding_only(gpt):
    conds = made_up_conds(gpt, 1)
    plain, marked = torch.tensor([20, 30, 40]), torch.tensor([0, 20, 1, 30, 40, 1])
    assert torch.equal(gpt.prefill(conds, [plain], 1)[0], gpt.prefill(conds, [marked], 1)[0])
    codes = [torch.tensor([5, 6])]
    assert not torch.allclose(gpt.latent(conds, [plain], codes)[0], gpt.latent(conds, [marked], codes)[0])


def test_a_text_longer_than_the_position_table_is_refused(gpt):
    limit = gpt.config.max_text_tokens
    gpt.prefill(made_up_conds(gpt, 1), made_up_texts(limit), new_tokens=1)
    with pytest.raises(ValueError, match=f"text of {limit + 1} tokens"):
        gpt.prefill(made_up_conds(gpt, 1), made_up_texts(limit + 1), new_tokens=1)


def test_bfloat16_logits_stay_close_to_float32(gpt, tiny_config_dir, golden):
    voice, text = tensor(golden("b_w2v")["emb_0"])[None], made_up_texts(9)
    lengths = torch.tensor([voice.shape[1]])
    logits = []
    for model in (gpt, tiny_gpt(tiny_config_dir).to(torch.bfloat16)):
        conds = model.conds(model.get_conditioning(voice, lengths), model.get_emovec(voice, lengths))
        logits.append(model.prefill(conds, text, new_tokens=1)[0])
    assert logits[1].dtype == torch.bfloat16
    assert 1e-5 < peak_error(logits[1].float(), logits[0]) < 0.1
