"""Length regulator and GPT layer against the goldens, and padded batches against single runs."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from indextts.models.length_regulator import stretch, target_frames
from tests.indextts.support.goldens import cases, peak_error
from tests.indextts.support.tiny_modules import TOLERANCE, padded, tensor, tiny_gpt_layer, tiny_regulator


@pytest.fixture(scope="module")
def regulator(tiny_config_dir):
    return tiny_regulator(tiny_config_dir)


def regulate(regulator, row, frames):
    """One row (n, C) -> (frames, D)."""
    return regulator(row[None], torch.tensor([row.shape[0]]), torch.tensor([frames]))[0][0]


def test_gpt_layer_matches_the_golden(tiny_config_dir, golden):
    layer, latents, expected = tiny_gpt_layer(tiny_config_dir), golden("f_gpt_latent"), golden("g_regulator")
    for k in cases(expected, "gpt_layer"):
        assert peak_error(layer(tensor(latents[f"latent_{k}"])), expected[f"gpt_layer_{k}"]) < TOLERANCE


def test_speech_condition_matches_the_golden(regulator, golden):
    expected = golden("g_regulator")
    for k in cases(expected, "s_infer"):
        semantic = tensor(expected[f"s_infer_{k}"])
        frames = target_frames(len(semantic))
        assert frames == expected[f"target_len_{k}"]
        assert peak_error(regulate(regulator, semantic, frames), expected[f"cond_{k}"]) < TOLERANCE


def test_prompt_condition_matches_the_golden(regulator, golden):
    codec, expected = golden("c_codec"), golden("g_regulator")
    for k in cases(expected, "prompt_cond"):
        condition = expected[f"prompt_cond_{k}"]
        assert peak_error(regulate(regulator, tensor(codec[f"s_ref_{k}"]), len(condition)), condition) < TOLERANCE


def test_mixed_lengths_in_a_batch_equal_single_runs(regulator, golden):
    arrays = golden("g_regulator")
    rows = [tensor(arrays[f"s_infer_{k}"]) for k in cases(arrays, "s_infer")]
    rows += [rows[0][:1], rows[0]]
    frames = torch.tensor([target_frames(len(row)) for row in rows[:-1]] + [131])
    batch, lengths = padded(rows)
    condition, mask = regulator(batch, lengths, frames)
    assert mask.sum(1).tolist() == frames.tolist()
    assert not condition[~mask].any()
    for i, row in enumerate(rows):
        assert peak_error(condition[i, : frames[i]], regulate(regulator, row, int(frames[i]))) < TOLERANCE


def test_stretching_is_nearest_interpolation():
    for n in range(1, 60):
        row = torch.arange(n, dtype=torch.float32)
        for frames in range(1, 120):
            expected = F.interpolate(row[None, None], size=frames, mode="nearest")[0, 0]
            actual = stretch(row[None, :, None], torch.tensor([n]), torch.tensor([frames]), frames)[0, :, 0]
            assert torch.equal(actual, expected), (n, frames)


def test_target_frames_truncate_the_float32_product():
    for n in range(2000):
        assert target_frames(n) == int(np.float32(n) * np.float32(1.72)), n
