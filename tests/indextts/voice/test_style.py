"""CAMPPlus: the style of a speaker."""

import pytest
import torch

from indextts.checkpoint.pseudo_weights import fill_module, wave
from indextts.models.campplus import CAMPPlus
from indextts.voice.features import style_fbank
from tests.indextts.support.goldens import cases, peak_error


@pytest.fixture(scope="module")
def campplus():
    network = CAMPPlus().eval()
    fill_module(network)
    return network


def fbank(seconds, seed):
    return style_fbank(torch.from_numpy(wave(16000, seconds, seed)))


def test_styles_match_the_golden(campplus, golden):
    front, expected = golden("a_frontend"), golden("i_campplus")
    for k in cases(expected, "style"):
        style = campplus([torch.from_numpy(front[f"fbank_{k}"])])
        assert style.shape == (1, 192)
        assert peak_error(style[0], expected[f"style_{k}"]) < 2e-4


def test_rows_of_different_length_equal_single_runs(campplus):
    rows = [fbank(0.2, 1), fbank(2.5, 2), fbank(1.0, 3)]  # below and above one segment of 100 frames
    styles = campplus(rows)
    for style, row in zip(styles, rows, strict=True):
        assert torch.equal(style, campplus([row])[0])


def test_a_voice_has_another_style_than_another(campplus):
    same, other = campplus([fbank(2.0, 1)]), campplus([fbank(2.0, 4)])
    assert (same - other).abs().max() > 0.1
