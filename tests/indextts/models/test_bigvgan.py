"""BigVGAN against the goldens, and padded batches against single runs."""

import copy

import numpy as np
import pytest
import torch

from indextts.checkpoint.pseudo_weights import noise
from indextts.models import snake
from indextts.models.row_ends import RowEnds
from indextts.models.snake import kaiser_sinc_filter
from tests.indextts.support.goldens import cases, peak_error
from tests.indextts.support.tiny_modules import TOLERANCE, padded, tensor, tiny_vocoder


@pytest.fixture(scope="module")
def vocoder(tiny_config_dir):
    model = tiny_vocoder(tiny_config_dir)
    model.fuse()
    return model


def golden_mel(golden_set, k, frames):
    return tensor(noise(f"{golden_set}:voc_mel{k}", (1, 80, frames)) * np.float32(1.5) - np.float32(4))


def test_waveform_matches_the_golden_before_and_after_fusing(tiny_config_dir, vocoder, golden, golden_set):
    expected, unfused = golden("j_bigvgan"), tiny_vocoder(tiny_config_dir)
    for k in cases(expected, "wav"):
        mel = golden_mel(golden_set, k, int(expected[f"frames_{k}"]))
        assert peak_error(unfused(mel)[0], expected[f"wav_{k}"]) < TOLERANCE
        assert peak_error(vocoder(mel)[0], expected[f"wav_{k}"]) < TOLERANCE


def test_fusing_leaves_plain_weights_only(vocoder):
    assert not [name for name, _ in vocoder.named_parameters() if name.endswith(("weight_g", "weight_v"))]


# float64 takes the way of a GPU: whole rows through convolutions, where float32 goes by blocks of channels.
@pytest.mark.parametrize("number_format", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("lengths", [(33, 12), (1, 2, 3, 40), (20, 19, 18, 4), (9, 9)])
def test_mixed_lengths_in_a_batch_equal_single_runs(vocoder, lengths, number_format):
    vocoder = copy.deepcopy(vocoder).to(number_format)
    rows = [(tensor(noise(f"mel{i}", (length, 80))) * 1.5 - 4).to(number_format) for i, length in enumerate(lengths)]
    batch, frames = padded(rows)
    wav = vocoder(batch.transpose(1, 2).to(number_format), frames)
    hop = vocoder.config.hop_length
    assert wav.shape == (len(lengths), max(lengths) * hop)
    for i, row in enumerate(rows):
        samples = len(row) * hop
        assert peak_error(wav[i, :samples], vocoder(row.T[None])[0]) < TOLERANCE
        assert not wav[i, samples:].any()


@pytest.mark.parametrize("samples_at_once", [1, 100, 1 << 20])
@pytest.mark.parametrize("lengths", [None, (50, 7, 1)], ids=["full", "ragged"])
def test_the_activation_by_blocks_is_that_of_whole_rows(monkeypatch, lengths, samples_at_once):
    monkeypatch.setattr(snake, "CPU_BLOCK", samples_at_once)
    activation = snake.AntiAliasedSnake(6)
    for parameter in activation.parameters():
        torch.nn.init.normal_(parameter)
    x, ends = torch.randn(3, 6, 50), lengths and RowEnds(torch.tensor(lengths))
    whole = copy.deepcopy(activation).double()(x.double(), ends)

    by_blocks = activation.by_blocks(x, ends)

    for row, expected, length in zip(by_blocks, whole, lengths or (50, 50, 50), strict=True):
        torch.testing.assert_close(row[:, :length].double(), expected[:, :length], atol=2e-5, rtol=1e-5)


def test_the_mel_given_is_not_written_to(vocoder):
    mel = tensor(noise("mel", (2, 80, 10)))
    before = mel.clone()
    vocoder(mel, torch.tensor([10, 6]))
    assert torch.equal(mel, before)


def test_the_waveform_is_clamped(vocoder):
    wav = vocoder(tensor(noise("mel", (1, 80, 6))) * 1000)
    assert wav.abs().max() == 1.0


def test_lengths_outside_the_batch_are_refused(vocoder):
    with pytest.raises(ValueError, match="0 to 5"):
        vocoder(torch.zeros(2, 80, 5), torch.tensor([5, 0]))
    with pytest.raises(ValueError, match="3 to 6"):
        vocoder(torch.zeros(2, 80, 5), torch.tensor([3, 6]))


def test_the_resampling_filter_passes_speech_and_stops_images():
    response = torch.fft.rfft(kaiser_sinc_filter().flatten(), 512).abs()
    assert response[0] == pytest.approx(1.0, abs=1e-6)
    assert response[128] == pytest.approx(0.5, abs=0.02)  # half the band
    assert response[200:].max() < 0.05
