"""`config.yaml` of a checkpoint folder, read into typed sizes for every module. docs/indextts2.md §11.

The published file also configures training; what inference does not use is ignored. What it does use must be
there: all missing and ill-typed entries are named at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..foreign_files import ForeignFileError, read_json, read_yaml, shown
from ..models.bigvgan import BigVGANConfig
from ..models.conformer import ConformerConfig
from ..models.flow import CFMConfig
from ..models.gpt import GPTConfig
from ..models.length_regulator import LengthRegulatorConfig
from ..models.semantic_codec import CodecConfig
from ..models.transformer import DiTConfig
from ..models.wavenet import WaveNetConfig
from ..voice.features import Spectrogram
from .settings_reader import SettingsReader

# Widths that the published model does not configure, and that smaller twins override (`tiny_overrides`).
SEMANTIC_DIM = 1024
GPT_LAYER_HIDDEN = (256, 128)
EMOTIONS = 8
CONFIG_SOURCE = "config.yaml of huggingface.co/IndexTeam/IndexTTS-2"

_FILE_NAMES = ("gpt_checkpoint", "s2mel_checkpoint", "w2v_stat", "spk_matrix", "emo_matrix", "qwen_emo_path")
_SUPPORTED = {
    "gpt.condition_type": "conformer_perceiver",
    "gpt.condition_module.input_layer": "conv2d2",
    "gpt.emo_condition_module.input_layer": "conv2d2",
    "s2mel.length_regulator.is_discrete": False,
    "s2mel.length_regulator.f0_condition": False,
    "s2mel.dit_type": "DiT",
    "s2mel.DiT.style_condition": True,
    "s2mel.DiT.final_layer_type": "wavenet",
    "s2mel.DiT.f0_condition": False,
    "s2mel.DiT.is_causal": False,
    "s2mel.DiT.long_skip_connection": True,
    "s2mel.DiT.time_as_token": False,
    "s2mel.DiT.style_as_token": False,
    "s2mel.DiT.uvit_skip_connection": True,
    "s2mel.DiT.add_resblock_in_transformer": False,
}
"""Settings that change what a module computes, and the one value that is implemented here."""
_SUPPORTED_VOCODER = {
    "resblock": "1",
    "activation": "snakebeta",
    "snake_logscale": True,
    "use_tanh_at_final": False,
    "use_bias_at_final": False,
}


class ConfigError(ValueError):
    """`config.yaml` lacks entries or holds impossible ones; the message names file and entries."""


@dataclass(frozen=True)
class ModelConfig:
    """All settings of `config.yaml` that inference uses."""

    gpt: GPTConfig
    codec: CodecConfig
    regulator: LengthRegulatorConfig
    cfm: CFMConfig
    spectrogram: Spectrogram
    gpt_layer_dims: tuple[int, ...]
    """Widths of the linear layers from a GPT latent to a semantic embedding, both ends included."""
    emo_num: tuple[int, ...]
    """Number of prototypes of each of the 8 emotions."""
    vocoder_name: str
    """Hugging Face repository of the vocoder."""
    gpt_checkpoint: str
    """Name of a file in the model folder, as all that follow."""
    s2mel_checkpoint: str
    bpe_model: str
    w2v_stat: str
    spk_matrix: str
    emo_matrix: str
    qwen_emo_path: str
    """Name of the emotion text model's folder in the model folder."""
    version: float
    """Version of IndexTTS: 2.0."""


def load_config(path: str | Path) -> ModelConfig:
    """Read and validate `config.yaml`.

    Raises:
        ConfigError: everything that is wrong with the file.
    """
    path = Path(path)
    try:
        content = read_yaml(path)
    except ForeignFileError as error:
        raise ConfigError(f"{error} (the published file is {CONFIG_SOURCE})") from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path} holds no settings: get it again, {CONFIG_SOURCE}")
    reader = SettingsReader(content)
    model = _model_config(reader)
    if reader.problems:
        raise ConfigError(f"{path}: {reader.listed()}. Get it again, {CONFIG_SOURCE}")
    return model


def load_vocoder_config(path: str | Path) -> BigVGANConfig:
    """Read and validate the vocoder's `config.json`.

    Raises:
        ConfigError: everything that is wrong with the file.
    """
    path = Path(path)
    try:
        content = read_json(path)
    except ForeignFileError as error:
        raise ConfigError(str(error)) from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path} holds no settings: get the vocoder's config.json again")
    reader = SettingsReader(content)
    reader.expect(_SUPPORTED_VOCODER)
    config = reader.section(BigVGANConfig)
    if reader.problems:
        raise ConfigError(f"{path}: {reader.listed()}. Get the vocoder's config.json again")
    return config


def published_config_path() -> Path:
    """Path of the published sizes and file names, for a folder that has no `config.yaml`."""
    return Path(__file__).parents[1] / "data/official/config.yaml"


def _model_config(reader: SettingsReader) -> ModelConfig:
    reader.expect(_SUPPORTED)
    version = reader.content.get("version", 2.0)
    if not isinstance(version, int | float) or not 2.0 <= version < 2.1:
        reader.problems.append(f"version is {shown(version)}; this package runs IndexTTS 2.0")
        version = 0.0
    semantic_dim = reader.entry("tiny_overrides.semantic_dim", int, SEMANTIC_DIM)
    gpt = _gpt_config(reader, semantic_dim)
    codec = reader.section(CodecConfig, "semantic_codec")
    gpt_layer_dims: tuple[int, ...] = (gpt.model_dim, *GPT_LAYER_HIDDEN, codec.hidden_size)
    if "tiny_overrides" in reader.content:
        gpt_layer_dims = reader.entry("tiny_overrides.gpt_layer_dims", tuple[int, ...])
    model = ModelConfig(
        gpt=gpt,
        codec=codec,
        regulator=reader.section(LengthRegulatorConfig, "s2mel.length_regulator"),
        cfm=_cfm_config(reader),
        spectrogram=_spectrogram(reader, "s2mel.preprocess_params"),
        gpt_layer_dims=gpt_layer_dims,
        emo_num=reader.entry("emo_num", tuple[int, ...]),
        vocoder_name=reader.entry("vocoder.name", str),
        bpe_model=reader.entry("dataset.bpe_model", str),
        version=float(version),
        **{name: reader.entry(name, str) for name in _FILE_NAMES},
    )
    if not reader.problems:
        _check_widths(reader, model)
    return model


def _gpt_config(reader: SettingsReader, semantic_dim: int) -> GPTConfig:
    def conformer(path: str) -> ConformerConfig:
        return reader.section(ConformerConfig, path, fixed=["conv_kernel_size"], input_size=semantic_dim)

    return reader.section(
        GPTConfig,
        "gpt",
        optional=["start_text_token", "stop_text_token"],
        fixed=["condition_num_latents"],
        semantic_dim=semantic_dim,
        condition=conformer("gpt.condition_module"),
        condition_perceiver_mult=reader.entry("gpt.condition_module.perceiver_mult", int),
        emo_condition=conformer("gpt.emo_condition_module"),
        emo_condition_perceiver_mult=reader.entry("gpt.emo_condition_module.perceiver_mult", int),
    )


def _cfm_config(reader: SettingsReader) -> CFMConfig:
    return reader.build(
        CFMConfig,
        dit=reader.section(
            DiTConfig,
            "s2mel.DiT",
            style_dim=reader.entry("s2mel.style_encoder.dim", int),
            wavenet=reader.section(WaveNetConfig, "s2mel.wavenet"),
        ),
    )


def _spectrogram(reader: SettingsReader, path: str) -> Spectrogram:
    # The published code reads any fmax but the string "None" as 8000 Hz.
    unlimited = reader.find(f"{path}.spect_params.fmax") in ("None", None)
    return reader.build(
        Spectrogram,
        sampling_rate=reader.entry(f"{path}.sr", int),
        n_fft=reader.entry(f"{path}.spect_params.n_fft", int),
        win_length=reader.entry(f"{path}.spect_params.win_length", int),
        hop_length=reader.entry(f"{path}.spect_params.hop_length", int),
        n_mels=reader.entry(f"{path}.spect_params.n_mels", int, 80),
        fmin=reader.entry(f"{path}.spect_params.fmin", int, 0),
        fmax=None if unlimited else 8000.0,
    )


def _check_widths(reader: SettingsReader, model: ModelConfig) -> None:
    """Note where modules that feed each other differ in their width."""
    pairs = {
        "semantic_codec.hidden_size and s2mel.length_regulator.in_channels": (
            model.codec.hidden_size,
            model.regulator.in_channels,
        ),
        "the semantic width of the GPT and semantic_codec.hidden_size": (
            model.gpt.semantic_dim,
            model.codec.hidden_size,
        ),
        "the ends of gpt_layer_dims and gpt.model_dim, semantic_codec.hidden_size": (
            (model.gpt_layer_dims[0], model.gpt_layer_dims[-1]),
            (model.gpt.model_dim, model.codec.hidden_size),
        ),
        "s2mel.length_regulator.channels and s2mel.DiT.content_dim": (
            model.regulator.channels,
            model.cfm.dit.content_dim,
        ),
        "s2mel.DiT.in_channels and the number of mel bins": (model.cfm.dit.in_channels, model.spectrogram.n_mels),
        "the number of emo_num and of emotions": (len(model.emo_num), EMOTIONS),
        "gpt.start_mel_token and semantic_codec.codebook_size": (
            model.gpt.start_mel_token,
            model.codec.codebook_size,
        ),
    }
    for what, (left, right) in pairs.items():
        if left != right:
            reader.problems.append(f"{what} differ: {left} and {right}")
