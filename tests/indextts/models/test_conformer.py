"""Conformer and perceiver against the goldens, and padded batches against single runs."""

import pytest
import torch

from indextts.models.gpt import UnifiedVoice
from tests.indextts.support.goldens import cases, peak_error
from tests.indextts.support.tiny_modules import TOLERANCE, padded, tensor, tiny_gpt


@pytest.fixture(scope="module")
def gpt(tiny_config_dir):
    return tiny_gpt(tiny_config_dir)


def row(features):
    """One voice as a batch of one, with its length."""
    return tensor(features)[None], torch.tensor([features.shape[0]])


def test_speaker_latents_match_the_golden(gpt, golden):
    features, expected = golden("b_w2v"), golden("d_conditioning")
    for k in cases(expected, "cond"):
        latents = gpt.get_conditioning(*row(features[f"emb_{k}"]))
        assert peak_error(latents[0], expected[f"cond_{k}"]) < TOLERANCE


def test_emotion_latent_and_vector_match_the_golden(gpt, golden):
    features, expected = golden("b_w2v"), golden("d_conditioning")
    for k in cases(expected, "emovec"):
        voice = row(features[f"emb_{k}"])
        assert peak_error(gpt.get_emotion_latent(*voice)[0], expected[f"emo_perceiver_{k}"]) < TOLERANCE
        assert peak_error(gpt.get_emovec(*voice)[0], expected[f"emovec_{k}"]) < TOLERANCE


def test_merged_emotion_matches_the_golden(gpt, golden):
    features, expected = golden("b_w2v"), golden("d_conditioning")
    base, emotion = (gpt.get_emovec(*row(features[f"emb_{k}"])) for k in (0, 1))
    for name in (name for name in expected if name.startswith("merge_")):
        merged = gpt.merge_emovec(base, emotion, float(name.removeprefix("merge_")))
        assert peak_error(merged[0], expected[name]) < TOLERANCE


def test_voices_of_mixed_length_in_a_batch_equal_single_runs(gpt, golden):
    arrays = golden("b_w2v")
    voices = [tensor(arrays[f"emb_{k}"]) for k in cases(arrays, "emb")]
    voices += [voices[0][:40], voices[1][:7]]
    batch = padded(voices)
    latents, emovecs = gpt.get_conditioning(*batch), gpt.get_emovec(*batch)
    for i, voice in enumerate(voices):
        alone = voice[None], torch.tensor([voice.shape[0]])
        assert peak_error(latents[i], gpt.get_conditioning(*alone)[0]) < TOLERANCE
        assert peak_error(emovecs[i], gpt.get_emovec(*alone)[0]) < TOLERANCE


def test_a_shorter_length_is_a_cut_not_the_reference_leak(gpt, golden):
    """The published code lets padding leak through the convolutions; the goldens `*_masked` record that."""
    features, expected = golden("b_w2v"), golden("d_conditioning")
    for k in cases(expected, "masklen"):
        voice, length = tensor(features[f"emb_{k}"])[None], tensor(expected[f"masklen_{k}"])
        masked = gpt.get_conditioning(voice, length)
        cut = gpt.get_conditioning(voice[:, : int(length)], length)
        assert peak_error(masked, cut) < TOLERANCE
        assert TOLERANCE < peak_error(masked[0], expected[f"cond_masked_{k}"]) < 0.1


def test_a_batch_worked_on_in_chunks_equals_one_piece(gpt, golden, monkeypatch):
    voice = row(golden("b_w2v")["emb_0"])
    whole = gpt.get_conditioning(*voice)
    monkeypatch.setattr("indextts.models.conformer.SUBSAMPLING_CHUNK", 5)
    assert peak_error(gpt.get_conditioning(*voice), whole) < TOLERANCE


def test_a_checkpoint_without_position_tables_loads(gpt, golden):
    entries = {key: value for key, value in gpt.state_dict().items() if not key.endswith("pos_enc.pe")}
    with torch.device("meta"):
        other = UnifiedVoice(gpt.config)
    other.load_state_dict(entries, assign=True)
    voice = row(golden("b_w2v")["emb_0"])
    assert torch.equal(other.eval().get_emovec(*voice), gpt.get_emovec(*voice))


def test_fewer_than_three_frames_are_refused(gpt):
    with pytest.raises(ValueError, match="2 frames"):
        gpt.get_conditioning(torch.zeros(1, 2, gpt.config.semantic_dim), torch.tensor([2]))
