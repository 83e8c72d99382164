"""What callers of the published class read from an instance."""

import logging
import os
import shutil

import pytest
import torch
import yaml

from indextts import IndexTTS2
from indextts.text import grammars

TEXT = "Hello world, this is a test. Did you hear the rain last night? 我觉得it's good。"
MODULES = ("gpt", "semantic_model", "semantic_codec", "s2mel", "campplus_model", "bigvgan")


# The configuration


def test_the_configuration_is_read_by_attributes_and_by_keys(tts, checkpoint_dir):
    whole = yaml.safe_load((checkpoint_dir / "config.yaml").read_text())

    assert tts.cfg.gpt.max_text_tokens == tts.cfg["gpt"]["max_text_tokens"] == whole["gpt"]["max_text_tokens"]
    assert tts.cfg.s2mel.preprocess_params.sr == tts.cfg["s2mel"]["preprocess_params"]["sr"] == 22050
    assert tts.cfg == whole
    assert tts.cfg.get("nothing", 3) == 3
    assert "gpt" in tts.cfg
    assert list(tts.cfg.gpt) == list(whole["gpt"])


def test_an_entry_that_is_not_in_the_configuration_is_named(tts):
    with pytest.raises(AttributeError, match=r"config\.yaml has no entry gpt\.nothing"):
        tts.cfg.gpt.nothing  # noqa: B018
    with pytest.raises(KeyError, match="nothing"):
        tts.cfg["nothing"]


# Text


@pytest.mark.parametrize("limit", [120, 20, 7])
def test_a_preview_shows_the_segments_that_are_spoken(tts, prompt_file, caplog, limit):
    preview = tts.tokenizer.split_segments(tts.tokenizer.tokenize(TEXT), max_text_tokens_per_segment=limit)

    with caplog.at_level(logging.INFO, logger="indextts"):
        tts.infer(
            prompt_file(22050, 0.6, 3),
            TEXT,
            None,
            max_text_tokens_per_segment=limit,
            verbose=True,
            max_mel_tokens=1,
            min_mel_tokens=1,
        )

    spoken = [message for message in caplog.messages if message.startswith("segment of")]
    assert spoken == [f"segment of {len(segment)} tokens: {' '.join(segment)}" for segment in preview]


def test_a_term_of_the_glossary_is_spoken_from_the_next_text_on(checkpoint_dir, tmp_path):
    shutil.copytree(checkpoint_dir, tmp_path / "model", copy_function=os.link)
    tts = IndexTTS2(tmp_path / "model/config.yaml", tmp_path / "model", device="cpu")
    normalizer = tts.normalizer

    assert normalizer.normalize("M.2 is new") == "M point two is new"
    normalizer.term_glossary["M.2"] = {"en": "M dot two"}
    assert normalizer.normalize("M.2 is new") == "M dot two is new"
    assert tts.tokenizer.tokenize("M.2 is new") == tts.tokenizer.tokenize("M dot two is new")
    normalizer.enable_glossary = False
    assert normalizer.normalize("M.2 is new") == "M point two is new"
    normalizer.enable_glossary = True

    normalizer.save_glossary_to_yaml(tts.glossary_path)
    del normalizer.term_glossary["M.2"]
    assert normalizer.normalize("M.2 is new") == "M point two is new"
    normalizer.load_glossary(tts.glossary_path)
    normalizer.load_glossary({"RAM": "memory"})
    assert normalizer.normalize("M.2 RAM") == "M dot two memory"

    again = IndexTTS2(tmp_path / "model/config.yaml", tmp_path / "model", device="cpu")
    assert again.normalizer.term_glossary == {"M.2": {"en": "M dot two"}}


def test_an_impossible_term_is_refused_where_it_is_loaded(tts):
    with pytest.raises(ValueError, match=r"'AI' needs a text or .* found 3"):
        tts.normalizer.load_glossary({"AI": 3})
    assert tts.normalizer.term_glossary == {}


def test_the_grammars_can_be_loaded_beforehand(tts):
    tts.normalizer.load()
    assert (grammars.english.cache_info().currsize, grammars.chinese.cache_info().currsize) == (1, 1)


# The rest


def test_every_module_is_there_with_its_weights(tts):
    assert all(isinstance(getattr(tts, name), torch.nn.Module) for name in MODULES)
    assert all(next(getattr(tts, name).parameters()).device.type == "cpu" for name in MODULES)
    assert list(tts.s2mel.models) == ["cfm", "length_regulator", "gpt_layer"]
    assert tts.s2mel is tts.s2mel


def test_the_device_is_a_name_as_published(tts):
    assert tts.device == "cpu"
    assert tts.device.startswith("cpu")
    assert tts.device.type == "cpu"
    assert torch.zeros(1, device=tts.device).device == torch.device("cpu")


def test_number_formats_are_told_as_they_are(checkpoint_dir, tts):
    half = IndexTTS2(checkpoint_dir / "config.yaml", checkpoint_dir, device="cpu", precision={"gpt": "fp16"})

    assert (tts.use_fp16, tts.dtype) == (False, None)
    assert (half.use_fp16, half.dtype) == (True, torch.float16)


def test_paths_are_those_of_the_model_folder(tts, checkpoint_dir):
    assert tts.bpe_path == str(checkpoint_dir / "bpe.model")
    assert tts.glossary_path == str(checkpoint_dir / "glossary.yaml")


def test_the_reader_of_emotions_is_there_unless_it_is_off(tts, checkpoint_dir):
    with pytest.raises(FileNotFoundError, match=r"qwen0\.6bemo4-merge"):
        tts.qwen_emo.inference("What a day!")
    without = IndexTTS2(checkpoint_dir / "config.yaml", checkpoint_dir, device="cpu", use_qwen_emo=False)
    assert without.qwen_emo is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("get_emb", "here: voices are encoded and kept by the instance: see warm_cache and cache_spk_cond"),
        ("use_deepspeed", "here: it would have no effect"),
        ("nothing", "; docs/indextts2.md §1 lists those of the published class"),
    ],
)
def test_what_has_no_meaning_here_says_so(tts, name, reason):
    assert not hasattr(tts, name)
    with pytest.raises(AttributeError) as error:
        getattr(tts, name)
    assert str(error.value) == f"IndexTTS2 has no attribute {name!r} {reason}".replace(" ;", ";")


def test_a_module_cannot_be_replaced_in_silence(tts):
    with pytest.raises(AttributeError):
        tts.bigvgan = torch.nn.Identity()


def test_a_cpu_uses_no_acceleration_of_a_gpu(tts):
    assert (tts.use_accel, tts.use_torch_compile, tts.use_cuda_kernel) == (False, False, False)
