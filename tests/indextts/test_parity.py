"""The loaded model against the goldens: every component as it comes out of a checkpoint folder, and the whole chain.

The other test files look at each module more closely; here the weights come through files, loading and fusing. Every
test runs on the CPU, and where there is a GPU once more on it, in float32 and within the same tolerances.
"""

import numpy as np
import pytest
import torch

from indextts.checkpoint.pseudo_weights import noise, wave
from indextts.decoding.decode import decode
from indextts.decoding.options import GenerationOptions
from indextts.engine.figures import StageClock
from indextts.engine.request import Emotion
from indextts.engine.synthesizer import SpeakingOptions
from indextts.infer_v2 import IndexTTS2
from indextts.models.length_regulator import target_frames
from indextts.models.solver import FlowSolver
from indextts.voice.features import log_mel, resample_to_encoder, seamless_features, style_fbank
from tests.indextts.support.goldens import cases, peak_error

COMPONENT = 2e-4
FRONT_END = 1e-4
LOG_MEL = 1e-3
FLOW = 1e-3
WAVE_STEPS = 8


@pytest.fixture(scope="module", params=["cpu", pytest.param("cuda:0", marks=pytest.mark.gpu)])
def tts(request, tts, checkpoint_dir):
    """The tiny model on the CPU, and on a GPU."""
    if request.param == "cpu":
        yield tts
        return
    convolutions = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False  # torch's own default rounds the operands of convolutions to 10 bits
    yield IndexTTS2(checkpoint_dir / "config.yaml", checkpoint_dir, device=request.param, text_readers=0)
    torch.backends.cudnn.allow_tf32 = convolutions


@pytest.fixture(scope="module")
def parts(tts):
    return tts._synthesizer.pipeline.components


@pytest.fixture(scope="module")
def tensor(tts):
    """An array on the model's device."""
    return lambda array: torch.from_numpy(np.asarray(array)).to(tts.device)


@pytest.fixture(scope="module")
def batch(tensor):
    """An array as a batch of one row, on the model's device."""
    return lambda array: tensor(array)[None]


def length(array):
    return torch.tensor([len(array)])


def test_front_end(golden):
    expected = golden("a_frontend")
    for k in cases(expected, "mel22k"):
        seconds, seed = float(expected[f"sec{k}"]), int(expected[f"seed{k}"])
        audio_22k, audio_16k = (torch.from_numpy(wave(rate, seconds, seed)) for rate in (22050, 16000))
        features, mask = seamless_features(audio_16k)
        resampled = resample_to_encoder(audio_22k)
        head = expected[f"resample22to16_{k}"]
        assert np.abs(log_mel(audio_22k[None])[0].numpy() - expected[f"mel22k_{k}"]).max() < LOG_MEL
        assert np.abs(style_fbank(audio_16k).numpy() - expected[f"fbank_{k}"]).max() < FRONT_END
        assert np.abs(features.numpy() - expected[f"seamless_{k}"]).max() < FRONT_END
        assert mask.tolist() == expected[f"seamless_mask_{k}"].astype(bool).tolist()
        assert len(resampled) == expected[f"resample22to16_len_{k}"]
        assert np.abs(resampled[: len(head)].numpy() - head).max() < FRONT_END


def test_semantic_encoder(parts, golden, tensor):
    front, expected = golden("a_frontend"), golden("b_w2v")
    for k in cases(expected, "emb"):
        mask = tensor(front[f"seamless_mask_{k}"]).bool()
        embedding, _ = parts.semantic_encoder([tensor(front[f"seamless_{k}"])], [mask])
        assert peak_error(embedding[0], expected[f"emb_{k}"]) < COMPONENT


def test_semantic_codec(parts, golden, batch):
    embeddings, expected = golden("b_w2v"), golden("c_codec")
    for k in cases(expected, "codes"):
        embedding = embeddings[f"emb_{k}"]
        reference, codes = parts.semantic_codec.quantize(batch(embedding), length(embedding))
        assert codes[0].tolist() == expected[f"codes_{k}"].tolist()
        assert peak_error(reference[0], expected[f"s_ref_{k}"]) < COMPONENT
        assert (
            peak_error(parts.semantic_codec.encode(batch(embedding), length(embedding))[0], expected[f"z_{k}"])
            < COMPONENT
        )
    assert peak_error(parts.semantic_codec.embed(batch(expected["rand_codes"]))[0].T, expected["vq2emb"]) < COMPONENT


def test_speaker_style(parts, golden, tensor):
    front, expected = golden("a_frontend"), golden("i_campplus")
    for k in cases(expected, "style"):
        style = parts.campplus([tensor(front[f"fbank_{k}"])])
        assert peak_error(style[0], expected[f"style_{k}"]) < COMPONENT


def test_conditioning(parts, golden, batch):
    embeddings, expected = golden("b_w2v"), golden("d_conditioning")
    vectors = []
    for k in cases(expected, "cond"):
        embedding = embeddings[f"emb_{k}"]
        vectors.append(parts.gpt.get_emovec(batch(embedding), length(embedding)))
        assert (
            peak_error(parts.gpt.get_conditioning(batch(embedding), length(embedding))[0], expected[f"cond_{k}"])
            < COMPONENT
        )
        assert peak_error(vectors[-1][0], expected[f"emovec_{k}"]) < COMPONENT
    blends = {key: float(key.removeprefix("merge_")) for key in expected if key.startswith("merge_")}
    assert blends
    for key, alpha in blends.items():
        assert peak_error(parts.gpt.merge_emovec(vectors[0], vectors[1], alpha)[0], expected[key]) < COMPONENT


def test_emotion_mixing(tts, golden, batch):
    expected, style = golden("d_conditioning"), batch(golden("i_campplus")["style_0"])
    index, part = tts._synthesizer.emotions.mix(expected["mix_vector"].tolist(), style)
    assert index[0].tolist() == expected["mix_index"].tolist()
    assert peak_error(part[0], expected["mix_matrix_part"]) < COMPONENT


@pytest.fixture(scope="module")
def golden_conds(parts, golden, batch):
    embedding = golden("b_w2v")["emb_0"]
    latents = parts.gpt.get_conditioning(batch(embedding), length(embedding))
    return parts.gpt.conds(latents, batch(golden("e_gpt_decode")["emo_vec"]))


@pytest.mark.parametrize("penalty", [1.0, 10.0])
def test_greedy_codes(parts, golden, golden_conds, penalty, tensor):
    expected = golden("e_gpt_decode")
    for k in cases(expected, "text"):
        codes = expected[f"codes_{k}_rp{penalty}"]
        options = GenerationOptions(do_sample=False, num_beams=1, repetition_penalty=penalty, max_mel_tokens=len(codes))
        spoken = decode(parts.gpt, golden_conds, [tensor(expected[f"text_{k}"])], options)[0]
        assert spoken.tolist() == codes[codes != parts.gpt.config.stop_mel_token].tolist()


def test_latents(parts, golden, golden_conds, tensor):
    texts, expected = golden("e_gpt_decode"), golden("f_gpt_latent")
    for k in cases(expected, "codes"):
        latent = parts.gpt.latent(golden_conds, [tensor(texts[f"text_{k}"])], [tensor(expected[f"codes_{k}"])])[0]
        assert peak_error(latent, expected[f"latent_{k}"]) < COMPONENT


def test_length_regulator(parts, golden, batch):
    source, expected = golden("f_gpt_latent"), golden("g_regulator")
    for k in cases(expected, "s_infer"):
        view = parts.gpt_layer(batch(source[f"latent_{k}"]))
        semantic = parts.semantic_codec.embed(batch(source[f"codes_{k}"])) + view
        frames = target_frames(semantic.shape[1])
        condition, _ = parts.length_regulator(semantic, torch.tensor([semantic.shape[1]]), torch.tensor([frames]))
        assert frames == expected[f"target_len_{k}"]
        assert peak_error(view[0], expected[f"gpt_layer_{k}"]) < COMPONENT
        assert peak_error(semantic[0], expected[f"s_infer_{k}"]) < COMPONENT
        assert peak_error(condition[0], expected[f"cond_{k}"]) < COMPONENT


def test_prompt_condition(parts, golden, batch):
    codec, expected = golden("c_codec"), golden("g_regulator")
    for k in cases(expected, "prompt_cond"):
        reference, frames = codec[f"s_ref_{k}"], len(expected[f"prompt_cond_{k}"])
        condition, _ = parts.length_regulator(batch(reference), length(reference), torch.tensor([frames]))
        assert peak_error(condition[0], expected[f"prompt_cond_{k}"]) < COMPONENT


@pytest.mark.parametrize("steps", [4, 25])
def test_flow(parts, tts, golden, golden_set, steps, tensor, batch):
    expected, width = golden("h_cfm"), tts.cfg.cfm.dit.content_dim
    for k in cases(expected, f"cfm_{steps}"):
        prompt_frames, frames = (int(n) for n in expected[f"dims_{k}"])
        mel = parts.cfm.solve(
            batch(noise(f"{golden_set}:dit_mu{k}", (frames, width))),
            torch.tensor([frames]),
            batch(noise(f"{golden_set}:dit_p{k}", (80, prompt_frames))),
            torch.tensor([prompt_frames]),
            batch(expected[f"style_{k}"]),
            tensor(noise(f"{golden_set}:cfm_z{k}:0", (1, 80, frames))),
            solver=FlowSolver(steps),
        )
        assert peak_error(mel[0], expected[f"cfm_{steps}_{k}"]) < FLOW


def test_vocoder(parts, golden, golden_set, tensor):
    expected = golden("j_bigvgan")
    for k in cases(expected, "wav"):
        shape = (1, 80, int(expected[f"frames_{k}"]))
        mel = noise(f"{golden_set}:voc_mel{k}", shape) * np.float32(1.5) - np.float32(4)
        assert peak_error(parts.bigvgan(tensor(mel))[0], expected[f"wav_{k}"]) < COMPONENT


# The whole chain


def prompts(case, prompt_file):
    """Voice and emotion files of a case of `k_e2e.json`; the emotion is None where it is that of the voice."""
    files = [case.get(name) for name in ("spk", "emo")]
    return [file and prompt_file(file["sr"], file["sec"], file["seed"]) for file in files]


def start_of_flow(case):
    return lambda segment, shape: noise(case["z_tags"][segment], shape)


def generation(case):
    # The goldens decode greedily, 40 codes at most unless a case says otherwise.
    penalty = {"repetition_penalty": case["rp"]} if "rp" in case else {}
    return {"num_beams": 1, "do_sample": False, "max_mel_tokens": case.get("max_mel", 40), **penalty}


def test_waveform_of_the_whole_chain(tts, golden, golden_json, prompt_file):
    expected = golden("k_e2e")
    for case in golden_json("k_e2e"):
        voice, emotion = prompts(case, prompt_file)
        rate, samples = tts.infer(
            voice,
            case["text"],
            output_path=None,
            emo_audio_prompt=emotion,
            emo_alpha=case.get("alpha", 1.0),
            emo_vector=case.get("vector"),
            max_text_tokens_per_segment=case.get("seg", 120),
            initial_noise=start_of_flow(case),
            **generation(case),
        )
        reference = expected[f"wav_{case['index']}"]
        assert rate == case["sr"]
        assert samples.shape == (len(reference), 1)
        assert samples.dtype == np.int16
        assert np.abs(samples[:, 0].astype(int) - reference.astype(int)).max() <= WAVE_STEPS


def test_voices_and_segments_of_the_whole_chain(tts, golden, golden_json, prompt_file):
    """Conditioning of the voice; token ids, codes, emotion vectors and mels of each segment."""
    expected, synthesizer = golden("k_e2e"), tts._synthesizer
    for case in golden_json("k_e2e"):
        voice, emotion_file = prompts(case, prompt_file)
        emotion = Emotion.from_arguments(case["text"], emotion_file, case.get("alpha", 1.0), case.get("vector"))
        options = SpeakingOptions(
            GenerationOptions(**generation(case)),
            max_text_tokens_per_segment=case.get("seg", 120),
            initial_noise=start_of_flow(case),
        )
        spoken = list(synthesizer.speak(voice, case["text"], emotion, options, StageClock(tts.device)))

        k, prompt_head = case["index"], expected[f"prompt_cond_{case['index']}"]
        assert peak_error(tts.cache_spk_cond[0], expected[f"spk_emb_{k}"]) < COMPONENT
        assert peak_error(tts.cache_emo_cond[0], expected[f"emo_emb_{k}"]) < COMPONENT
        assert peak_error(tts.cache_s2mel_style[0], expected[f"style_{k}"]) < COMPONENT
        assert peak_error(tts.cache_s2mel_prompt[0, : len(prompt_head)], prompt_head) < COMPONENT
        assert peak_error(synthesizer.last_speaker[1].latents[0], expected[f"speech_cond_{k}"]) < COMPONENT
        assert len(spoken) == case["segments"]
        for i, segment in enumerate(spoken):
            assert segment.text_ids.tolist() == expected[f"tok_{k}_{i}"].tolist()
            assert segment.codes.tolist() == expected[f"codes_{k}_{i}"].tolist()
            assert peak_error(segment.emovec[0], expected[f"emovec_{k}_{i}"]) < COMPONENT
            assert peak_error(segment.mel, expected[f"mel_{k}_{i}"]) < FLOW
