"""From files to encoder inputs."""

import numpy as np
import pytest
import soundfile
import torch

from indextts.checkpoint.components import read_w2v_bert_config
from indextts.checkpoint.pseudo_weights import fill_module, noise, w2v_stats, wave
from indextts.voice.features import (
    SemanticEncoder,
    load_audio,
    log_mel,
    resample_to_encoder,
    seamless_features,
    style_fbank,
)
from tests.indextts.support.goldens import cases, peak_error


def tone(seconds, seed=1, sampling_rate=16000):
    return torch.from_numpy(wave(sampling_rate, seconds, seed))


@pytest.fixture(scope="module")
def encoder(tiny_config_dir):
    model = SemanticEncoder(read_w2v_bert_config(tiny_config_dir / "w2v-bert/config.json")).eval()
    fill_module(model.model)
    model.set_statistics(*map(torch.from_numpy, w2v_stats(128)))
    return model


def test_stereo_is_averaged_and_resampled(tmp_path):
    left, right = wave(44100, 0.5, 1), wave(44100, 0.5, 2)
    soundfile.write(tmp_path / "stereo.wav", np.stack([left, right], axis=1), 44100, subtype="FLOAT")
    soundfile.write(tmp_path / "mono.wav", (left + right) / 2, 44100, subtype="FLOAT")
    stereo = load_audio(tmp_path / "stereo.wav", 22050)
    assert stereo.shape == (11025,)
    assert stereo.dtype == np.float32
    assert np.abs(stereo - load_audio(tmp_path / "mono.wav", 22050)).max() < 1e-6


def test_the_length_after_resampling_is_rounded_up(tmp_path):
    soundfile.write(tmp_path / "odd.wav", wave(24000, 1001 / 24000, 1), 24000)
    assert len(load_audio(tmp_path / "odd.wav", 16000)) == 668  # 1001 * 2 / 3 = 667.3


def test_only_the_first_fifteen_seconds_count(tmp_path):
    speech = wave(16000, 15.5, 1)
    soundfile.write(tmp_path / "long.wav", speech, 16000, subtype="FLOAT")
    audio = load_audio(tmp_path / "long.wav", 16000)
    assert np.array_equal(audio, speech[: 15 * 16000])


def test_a_long_file_sounds_as_if_it_were_read_to_its_end(tmp_path):
    import soxr

    speech = wave(44100, 19.0, 1)
    soundfile.write(tmp_path / "long.wav", speech, 44100, subtype="FLOAT")
    whole = soxr.resample(speech, 44100, 22050, quality="HQ")[: 15 * 22050]
    assert np.array_equal(load_audio(tmp_path / "long.wav", 22050), whole)


def test_files_that_are_not_audio_are_named(tmp_path):
    (tmp_path / "text.wav").write_text("not audio")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, dtype=np.float32), 16000)
    with pytest.raises(FileNotFoundError, match=r"absent\.wav"):
        load_audio(tmp_path / "absent.wav", 16000)
    with pytest.raises(ValueError, match=r"cannot decode voice prompt .*text\.wav"):
        load_audio(tmp_path / "text.wav", 16000)
    with pytest.raises(ValueError, match=r"empty\.wav holds no audio"):
        load_audio(tmp_path / "empty.wav", 16000)


@pytest.mark.parametrize("samples", [441, 442, 22050, 33361])
def test_resampled_length_is_the_ratio_rounded_up(samples):
    assert resample_to_encoder(torch.zeros(samples)).shape == (-(-samples * 320 // 441),)


def test_a_mel_has_a_frame_for_each_256_samples():
    batch = torch.from_numpy(noise("audio", (2, 10 * 256 + 255))) * 0.1
    mel = log_mel(batch)
    assert mel.shape == (2, 80, 10)
    assert torch.equal(mel[1], log_mel(batch[1:])[0])


def test_silence_lies_on_the_floor_of_the_log_mel():
    assert torch.allclose(log_mel(torch.zeros(1, 5000)), torch.tensor(1e-5).log(), atol=1e-6)


def test_a_mel_of_too_little_audio_is_refused():
    with pytest.raises(ValueError, match="384 samples is too short"):
        log_mel(torch.zeros(1, 384))


def test_filterbank_bins_have_no_mean():
    features = style_fbank(tone(0.5))
    assert features.shape == (48, 80)
    assert features.mean(0).abs().max() < 1e-4


def test_an_odd_number_of_frames_is_completed_with_masked_ones():
    features, mask = seamless_features(tone((400 + 160 * 4) / 16000))  # 5 frames
    assert features.shape == (3, 160)
    assert mask.tolist() == [True, True, False]
    assert (features[-1, 80:] == 1.0).all()


def test_features_do_not_depend_on_loudness():
    # Logarithms turn a factor into a shift, and each bin is normalised; the small noise floor aside.
    quiet, _ = seamless_features(tone(0.5) * 0.5)
    loud, _ = seamless_features(tone(0.5))
    assert (quiet - loud).abs().max() < 1e-4


def test_too_short_audio_is_refused():
    for front_end in (style_fbank, seamless_features):
        with pytest.raises(ValueError, match="399 samples at 16 kHz is shorter than one 25 ms frame"):
            front_end(torch.zeros(399))


def test_the_two_routes_to_16_khz_differ_slightly(prompt_file):
    path = prompt_file(22050, 1.0, 1)
    through_22k = resample_to_encoder(torch.from_numpy(load_audio(path, 22050)))
    direct = torch.from_numpy(load_audio(path, 16000))
    difference = (through_22k - direct).abs().max()
    assert through_22k.shape == direct.shape
    assert 0 < difference < 0.05


def test_embeddings_match_the_golden(encoder, golden):
    front, expected = golden("a_frontend"), golden("b_w2v")
    for k in cases(expected, "emb"):
        mask = torch.from_numpy(front[f"seamless_mask_{k}"]).bool()
        embedding, lengths = encoder([torch.from_numpy(front[f"seamless_{k}"])], [mask])
        assert lengths.tolist() == [len(mask)]
        assert peak_error(embedding[0], expected[f"emb_{k}"]) < 2e-4


def test_embeddings_of_a_padded_batch_equal_single_runs(encoder):
    rows = [seamless_features(tone(seconds, seed)) for seconds, seed in ((0.31, 1), (0.8, 2), (0.5, 3))]
    batch, lengths = encoder([features for features, _ in rows], [mask for _, mask in rows])
    for row, (features, mask) in enumerate(rows):
        single, _ = encoder([features], [mask])
        assert lengths[row] == len(features)
        assert peak_error(batch[row, : lengths[row]], single[0]) < 2e-4


def test_layers_above_the_seventeenth_are_not_built(encoder, tiny_config_dir):
    assert read_w2v_bert_config(tiny_config_dir / "w2v-bert/config.json").num_hidden_layers > 17
    assert len(encoder.model.encoder.layers) == 17
