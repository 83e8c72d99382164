"""The latent pass against the goldens, and mixed rows against single runs."""

import pytest
import torch

from tests.indextts.support.goldens import cases, peak_error
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


def test_latents_match_the_golden(gpt, golden, conds):
    texts, expected = golden("e_gpt_decode"), golden("f_gpt_latent")
    for k in cases(expected, "latent"):
        (latent,) = gpt.latent(conds, [tensor(texts[f"text_{k}"])], [tensor(expected[f"codes_{k}"])])
        assert peak_error(latent, expected[f"latent_{k}"]) < TOLERANCE


def test_mixed_lengths_and_voices_in_a_batch_equal_single_runs(gpt, golden, conds):
    texts, expected = golden("e_gpt_decode"), golden("f_gpt_latent")
    numbers = cases(expected, "latent")
    rows = [(tensor(texts[f"text_{k}"]), tensor(expected[f"codes_{k}"])) for k in numbers]
    rows += [(rows[1][0], rows[0][1][:1]), (rows[0][0], rows[1][1][:0])]
    voices = torch.cat([conds + 0.1 * i for i in range(len(rows))])
    batch = gpt.latent(voices, [text for text, _ in rows], [codes for _, codes in rows])
    for i, (text, codes) in enumerate(rows):
        (alone,) = gpt.latent(voices[i : i + 1], [text], [codes])
        assert batch[i].shape == (len(codes), gpt.config.model_dim)
        assert len(codes) == 0 or peak_error(batch[i], alone) < TOLERANCE
    assert peak_error(batch[0], expected[f"latent_{numbers[0]}"]) < TOLERANCE
