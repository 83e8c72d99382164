"""`config.yaml` of a checkpoint folder, read into typed sizes for every module. docs/indextts2.md §11.

The published file also configures training; what inference does not use is ignored. What it does use must be
there: all missing and ill-typed entries are named at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..foreign_files import ForeignFileError, read_json, read_yaml, shown
from ..models.bigvgan import BigVGANConfig
from ..models.conformer import ConformerConfig
from ..models.dit import DiTConfig
from ..models.flow import CFMConfig
from ..models.gpt import GPTConfig
from ..models.length_regulator import LengthRegulatorConfig
from ..models.semantic_codec import CodecConfig
from ..models.wavenet import WaveNetConfig
from ..voice.features import Spectrogram

# Widths that the published model does not configure, and that smaller twins override (`tiny_overrides`).
SEMANTIC_DIM = 1024
GPT_LAYER_HIDDEN = (256, 128)
EMOTIONS = 8
MOST_PROBLEMS = 30
CONFIG_SOURCE = "config.yaml of huggingface.co/IndexTeam/IndexTTS-2"
T = TypeVar("T")


class ConfigError(ValueError):
    """config.yaml lacks entries or holds impossible ones; the message names file and entries."""


@dataclass(frozen=True)
class ModelConfig:
    """Everything inference takes from `config.yaml`.

    Attributes:
        gpt_layer_dims: widths of the linear layers from a GPT latent to a semantic embedding.
        emo_num: number of prototypes of each of the 8 emotions.
        vocoder_name: Hugging Face repository of the vocoder.
        gpt_checkpoint, s2mel_checkpoint, bpe_model, w2v_stat, spk_matrix, emo_matrix, qwen_emo_path: names inside
            the model folder.
    """

    gpt: GPTConfig
    codec: CodecConfig
    regulator: LengthRegulatorConfig
    cfm: CFMConfig
    spectrogram: Spectrogram
    gpt_layer_dims: tuple[int, ...]
    emo_num: tuple[int, ...]
    vocoder_name: str
    gpt_checkpoint: str
    s2mel_checkpoint: str
    bpe_model: str
    w2v_stat: str
    spk_matrix: str
    emo_matrix: str
    qwen_emo_path: str
    version: float


class _Reader:
    """Looks entries up by dotted path and collects what is wrong with them."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self.problems: list[str] = []

    def _find(self, path: str) -> Any:
        node: Any = self.content
        for name in path.split("."):
            if not isinstance(node, Mapping) or name not in node:
                return None
            node = node[name]
        return node

    def integer(self, path: str, default: int | None = None) -> int:
        value = self._find(path)
        if value is None:
            if default is not None:
                return default
            self.problems.append(f"{path} is missing")
            return 1
        if isinstance(value, bool) or not isinstance(value, int):
            self.problems.append(f"{path} must be a whole number, not {shown(value)}")
            return 1
        return value

    def integers(self, path: str) -> tuple[int, ...]:
        value = self._find(path)
        if value is None:
            self.problems.append(f"{path} is missing")
        elif isinstance(value, list) and all(isinstance(item, int) for item in value):
            return tuple(value)
        else:
            self.problems.append(f"{path} must be a list of whole numbers, not {shown(value)}")
        return ()

    def text(self, path: str) -> str:
        value = self._find(path)
        if value is None:
            self.problems.append(f"{path} is missing")
        elif not isinstance(value, str) or not value:
            self.problems.append(f"{path} must be a name, not {shown(value)}")
        return str(value)

    def build(self, kind: Callable[..., T], **values: Any) -> T:
        """A `kind` of these values; its default once anything is wrong, so that reading goes on to the end."""
        if not self.problems:
            try:
                return kind(**values)
            except ValueError as error:
                self.problems.append(str(error))
        return kind()

    def expect(self, path: str, *supported: Any) -> None:
        """The entry may be absent; if it is there, it must say what the modules implement."""
        value = self._find(path)
        if value is not None and value not in supported:
            self.problems.append(f"{path} is {shown(value)}; supported: {', '.join(map(repr, supported))}")


def load_config(path: str | Path) -> ModelConfig:
    """Reads and validates `config.yaml`. Raises `ConfigError` with everything that is wrong with it."""
    path = Path(path)
    try:
        content = read_yaml(path)
    except ForeignFileError as error:
        raise ConfigError(f"{error} (the published file is {CONFIG_SOURCE})") from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path} holds no settings: get it again, {CONFIG_SOURCE}")
    reader = _Reader(content)
    version = content.get("version", 2.0)
    if not isinstance(version, int | float) or int(version * 10) != 20:
        reader.problems.append(f"version is {shown(version)}; this package runs IndexTTS 2.0")
    model = _model_config(reader, float(version) if isinstance(version, int | float) else 0.0)
    if reader.problems:
        raise ConfigError(f"{path}: {_told(reader.problems)}. Get it again, {CONFIG_SOURCE}")
    return model


def published_config_path() -> Path:
    """A copy of the published sizes and file names, for when a folder has no `config.yaml`."""
    return Path(__file__).parents[1] / "data/official/config.yaml"


def _model_config(reader: _Reader, version: float) -> ModelConfig:
    semantic_dim = reader.integer("tiny_overrides.semantic_dim", default=SEMANTIC_DIM)
    gpt = _gpt_config(reader, semantic_dim)
    codec = reader.build(
        CodecConfig,
        codebook_size=reader.integer("semantic_codec.codebook_size"),
        hidden_size=reader.integer("semantic_codec.hidden_size"),
        codebook_dim=reader.integer("semantic_codec.codebook_dim"),
        vocos_dim=reader.integer("semantic_codec.vocos_dim"),
        vocos_intermediate_dim=reader.integer("semantic_codec.vocos_intermediate_dim"),
        vocos_num_layers=reader.integer("semantic_codec.vocos_num_layers"),
    )
    gpt_layer_dims: tuple[int, ...] = (gpt.model_dim, *GPT_LAYER_HIDDEN, codec.hidden_size)
    if "tiny_overrides" in reader.content:
        gpt_layer_dims = reader.integers("tiny_overrides.gpt_layer_dims")
    model = ModelConfig(
        gpt=gpt,
        codec=codec,
        regulator=_regulator_config(reader),
        cfm=_cfm_config(reader),
        spectrogram=_spectrogram(reader),
        gpt_layer_dims=gpt_layer_dims,
        emo_num=reader.integers("emo_num"),
        vocoder_name=reader.text("vocoder.name"),
        gpt_checkpoint=reader.text("gpt_checkpoint"),
        s2mel_checkpoint=reader.text("s2mel_checkpoint"),
        bpe_model=reader.text("dataset.bpe_model"),
        w2v_stat=reader.text("w2v_stat"),
        spk_matrix=reader.text("spk_matrix"),
        emo_matrix=reader.text("emo_matrix"),
        qwen_emo_path=reader.text("qwen_emo_path"),
        version=version,
    )
    if not reader.problems:
        _check_widths(reader, model)
    return model


def _check_widths(reader: _Reader, model: ModelConfig) -> None:
    """Modules that feed each other must agree on their width."""
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


def _conformer_config(reader: _Reader, path: str, semantic_dim: int) -> ConformerConfig:
    reader.expect(f"{path}.input_layer", "conv2d2")
    return reader.build(
        ConformerConfig,
        input_size=semantic_dim,
        output_size=reader.integer(f"{path}.output_size"),
        linear_units=reader.integer(f"{path}.linear_units"),
        attention_heads=reader.integer(f"{path}.attention_heads"),
        num_blocks=reader.integer(f"{path}.num_blocks"),
    )


def _gpt_config(reader: _Reader, semantic_dim: int) -> GPTConfig:
    reader.expect("gpt.condition_type", "conformer_perceiver")
    return reader.build(
        GPTConfig,
        model_dim=reader.integer("gpt.model_dim"),
        layers=reader.integer("gpt.layers"),
        heads=reader.integer("gpt.heads"),
        max_text_tokens=reader.integer("gpt.max_text_tokens"),
        max_mel_tokens=reader.integer("gpt.max_mel_tokens"),
        number_text_tokens=reader.integer("gpt.number_text_tokens"),
        number_mel_codes=reader.integer("gpt.number_mel_codes"),
        start_text_token=reader.integer("gpt.start_text_token", default=0),
        stop_text_token=reader.integer("gpt.stop_text_token", default=1),
        start_mel_token=reader.integer("gpt.start_mel_token"),
        stop_mel_token=reader.integer("gpt.stop_mel_token"),
        semantic_dim=semantic_dim,
        condition=_conformer_config(reader, "gpt.condition_module", semantic_dim),
        condition_perceiver_mult=reader.integer("gpt.condition_module.perceiver_mult"),
        emo_condition=_conformer_config(reader, "gpt.emo_condition_module", semantic_dim),
        emo_condition_perceiver_mult=reader.integer("gpt.emo_condition_module.perceiver_mult"),
    )


def _regulator_config(reader: _Reader) -> LengthRegulatorConfig:
    reader.expect("s2mel.length_regulator.is_discrete", False)
    reader.expect("s2mel.length_regulator.f0_condition", False)
    return reader.build(
        LengthRegulatorConfig,
        channels=reader.integer("s2mel.length_regulator.channels"),
        in_channels=reader.integer("s2mel.length_regulator.in_channels"),
        sampling_ratios=reader.integers("s2mel.length_regulator.sampling_ratios"),
    )


def _cfm_config(reader: _Reader) -> CFMConfig:
    reader.expect("s2mel.dit_type", "DiT")
    for path, supported in {
        "style_condition": True,
        "final_layer_type": "wavenet",
        "f0_condition": False,
        "is_causal": False,
        "long_skip_connection": True,
        "time_as_token": False,
        "style_as_token": False,
        "uvit_skip_connection": True,
        "add_resblock_in_transformer": False,
    }.items():
        reader.expect(f"s2mel.DiT.{path}", supported)
    wavenet = reader.build(
        WaveNetConfig,
        hidden_dim=reader.integer("s2mel.wavenet.hidden_dim"),
        num_layers=reader.integer("s2mel.wavenet.num_layers"),
        kernel_size=reader.integer("s2mel.wavenet.kernel_size"),
        dilation_rate=reader.integer("s2mel.wavenet.dilation_rate"),
    )
    return reader.build(
        CFMConfig,
        dit=reader.build(
            DiTConfig,
            hidden_dim=reader.integer("s2mel.DiT.hidden_dim"),
            num_heads=reader.integer("s2mel.DiT.num_heads"),
            depth=reader.integer("s2mel.DiT.depth"),
            in_channels=reader.integer("s2mel.DiT.in_channels"),
            content_dim=reader.integer("s2mel.DiT.content_dim"),
            style_dim=reader.integer("s2mel.style_encoder.dim"),
            wavenet=wavenet,
        ),
    )


def _spectrogram(reader: _Reader) -> Spectrogram:
    params = "s2mel.preprocess_params"
    # The published code reads any fmax but the string "None" as 8000 Hz.
    unlimited = reader._find(f"{params}.spect_params.fmax") in ("None", None)
    return reader.build(
        Spectrogram,
        sampling_rate=reader.integer(f"{params}.sr"),
        n_fft=reader.integer(f"{params}.spect_params.n_fft"),
        win_length=reader.integer(f"{params}.spect_params.win_length"),
        hop_length=reader.integer(f"{params}.spect_params.hop_length"),
        n_mels=reader.integer(f"{params}.spect_params.n_mels", default=80),
        fmin=reader.integer(f"{params}.spect_params.fmin", default=0),
        fmax=None if unlimited else 8000.0,
    )


def load_vocoder_config(path: str | Path) -> BigVGANConfig:
    """Reads the vocoder's `config.json`. Raises `ConfigError` with everything that is wrong with it."""
    path = Path(path)
    try:
        content = read_json(path)
    except ForeignFileError as error:
        raise ConfigError(str(error)) from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path} holds no settings: get the vocoder's config.json again")
    reader = _Reader(content)
    reader.expect("resblock", "1")
    reader.expect("activation", "snakebeta")
    reader.expect("snake_logscale", True)
    reader.expect("use_tanh_at_final", False)
    reader.expect("use_bias_at_final", False)
    dilations = reader.content.get("resblock_dilation_sizes", [])
    if not isinstance(dilations, list) or not all(isinstance(row, list) for row in dilations):
        reader.problems.append(f"resblock_dilation_sizes must be lists of whole numbers, not {shown(dilations)}")
        dilations = []
    config = reader.build(
        BigVGANConfig,
        num_mels=reader.integer("num_mels"),
        upsample_initial_channel=reader.integer("upsample_initial_channel"),
        upsample_rates=reader.integers("upsample_rates"),
        upsample_kernel_sizes=reader.integers("upsample_kernel_sizes"),
        resblock_kernel_sizes=reader.integers("resblock_kernel_sizes"),
        resblock_dilation_sizes=tuple(tuple(row) for row in dilations),
    )
    if reader.problems:
        raise ConfigError(f"{path}: {_told(reader.problems)}. Get the vocoder's config.json again")
    return config


def _told(problems: list[str]) -> str:
    more = f"; and {len(problems) - MOST_PROBLEMS} more" if len(problems) > MOST_PROBLEMS else ""
    return "; ".join(problems[:MOST_PROBLEMS]) + more
