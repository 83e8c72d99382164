"""The model's modules: built from the configuration, filled from the checkpoint, and checked against it.

docs/indextts2.md §11. Modules carry the key names of the published files, so entries and modules are compared by
name and shape and there is no renaming table. What is fused for speed is derived after loading.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..foreign_files import ForeignFileError, read_json
from ..models.bigvgan import BigVGAN, BigVGANConfig
from ..models.campplus import CAMPPlus
from ..models.flow import CFM
from ..models.gpt import UnifiedVoice
from ..models.length_regulator import GPTLayer, LengthRegulator
from ..models.semantic_codec import SemanticCodec
from ..models.weight_norm import fuse_weight_norm
from ..voice.features import SemanticEncoder
from .config import ConfigError, ModelConfig, load_vocoder_config
from .files import CheckpointFiles
from .reading import (
    GET_AGAIN,
    CheckpointError,
    bigvgan_entries,
    gpt_entries,
    read_pickle,
    read_safetensors,
    read_safetensors_shapes,
    s2mel_entries,
    tensor_entries,
)

if TYPE_CHECKING:
    from transformers import Wav2Vec2BertConfig

logger = logging.getLogger(__name__)

# Entries of the published files that no inference reads (`unused_at_inference` of the key lists), and leftovers
# of training that may be among them: full matches of these patterns are ignored, nothing else is.
NOTHING = r"(?!)"
UNUSED = {
    "gpt": r"text_head\.(weight|bias)|inference_model\..*|gpt\.wte\..*|gpt\.h\.\d+\.attn\.(masked_)?bias",
    "cfm": r"estimator\.(x_embedder\.(bias|weight_[gv])|cond_embedder\.weight|content_mask_embedder\.weight"
    r"|transformer\.layers\.\d+\.skip_in_linear\.(weight|bias))",
    "length_regulator": r"mask_token|embedding\.weight",
    "gpt_layer": NOTHING,
    "semantic_codec": r"decoder\..*",
    "campplus": NOTHING,
    "bigvgan": NOTHING,
    "w2v_bert": r"masked_spec_embed|encoder\.layers\.\d+\..*",
}
OPTIONAL = {"gpt": r"(emo_)?conditioning_encoder\.embed\.pos_enc\.pe"}
"""Computed tables that a file may lack."""


@dataclass
class Components:
    """All modules of the model, and the emotion prototypes."""

    gpt: UnifiedVoice
    cfm: CFM
    length_regulator: LengthRegulator
    gpt_layer: GPTLayer
    semantic_codec: SemanticCodec
    campplus: CAMPPlus
    bigvgan: BigVGAN
    semantic_encoder: SemanticEncoder
    spk_matrix: Tensor
    """Styles of the prototypes' speakers (73, 192); empty until `load_components` fills it."""
    emo_matrix: Tensor
    """Emotion vectors of the prototypes (73, D); empty until `load_components` fills it."""

    def checkpoint_modules(self) -> dict[str, nn.Module]:
        """Component name -> the module whose keys are those of the component's checkpoint dictionary."""
        return {
            "gpt": self.gpt,
            "cfm": self.cfm,
            "length_regulator": self.length_regulator,
            "gpt_layer": self.gpt_layer,
            "semantic_codec": self.semantic_codec,
            "campplus": self.campplus,
            "bigvgan": self.bigvgan,
            "w2v_bert": self.semantic_encoder.model,
        }


@contextmanager
def without_initial_weights() -> Iterator[None]:
    """Build modules with parameters on the meta device (no memory, no random fill) but with real buffers."""
    register = nn.Module.register_parameter

    def register_on_meta(module: nn.Module, name: str, param: nn.Parameter | None) -> None:
        if param is not None and param.device.type != "meta":
            param = nn.Parameter(param.to("meta"), requires_grad=False)
        register(module, name, param)

    nn.Module.register_parameter = register_on_meta  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]


def build_components(config: ModelConfig, vocoder: BigVGANConfig, w2v_bert: Wav2Vec2BertConfig) -> Components:
    """Build every module with its shapes and without weights: parameters are on the meta device."""
    if w2v_bert.hidden_size != config.codec.hidden_size:
        raise CheckpointError(
            f"w2v-bert is {w2v_bert.hidden_size} wide, semantic_codec.hidden_size is {config.codec.hidden_size}"
        )
    with without_initial_weights():
        return Components(
            gpt=UnifiedVoice(config.gpt),
            cfm=CFM(config.cfm),
            length_regulator=LengthRegulator(config.regulator),
            gpt_layer=GPTLayer(config.gpt_layer_dims),
            semantic_codec=SemanticCodec(config.codec),
            campplus=CAMPPlus(),
            bigvgan=BigVGAN(vocoder),
            semantic_encoder=SemanticEncoder(w2v_bert),
            spk_matrix=torch.empty(0),
            emo_matrix=torch.empty(0),
        )


def read_w2v_bert_config(path: Path) -> Wav2Vec2BertConfig:
    """Read `config.json` of w2v-bert-2.0."""
    from transformers import Wav2Vec2BertConfig

    try:
        content = read_json(path)
        return Wav2Vec2BertConfig(**content)
    except ForeignFileError as error:
        raise ConfigError(str(error)) from error
    except Exception as error:  # whatever the library makes of a value
        raise ConfigError(f"{path} is no configuration of w2v-bert-2.0: get it again. {GET_AGAIN}") from error


@dataclass(frozen=True)
class KeyDifferences:
    """Differences between a checkpoint dictionary and a module: names, and for shapes both sizes."""

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misshapen: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.misshapen)

    def __str__(self) -> str:
        parts = []
        for kind in ("missing", "unexpected", "misshapen"):
            names = getattr(self, kind)
            if names:
                more = f" and {len(names) - 20} more" if len(names) > 20 else ""
                parts.append(f"{len(names)} {kind}: {', '.join(names[:20])}{more}")
        return "; ".join(parts)


def compare_keys(module: nn.Module, entries: Mapping[str, Tensor], component: str) -> KeyDifferences:
    """Compare by name and shape. Entries that inference never reads (`UNUSED`) do not count as unexpected."""
    own = module.state_dict()
    unused, optional = re.compile(UNUSED[component]), re.compile(OPTIONAL.get(component, NOTHING))
    return KeyDifferences(
        missing=tuple(key for key in own if key not in entries and not optional.fullmatch(key)),
        unexpected=tuple(key for key in entries if key not in own and not unused.fullmatch(key)),
        misshapen=tuple(
            f"{key} {tuple(entries[key].shape)} instead of {tuple(own[key].shape)}"
            for key in own
            if key in entries and entries[key].shape != own[key].shape
        ),
    )


def load_strictly(module: nn.Module, entries: Mapping[str, Tensor], component: str, path: Path) -> None:
    """Make `entries` the module's weights; those of the right dtype are not copied.

    Raises:
        CheckpointError: names the missing, unexpected and misshapen entries.
    """
    differences = compare_keys(module, entries, component)
    if differences:
        raise CheckpointError(f"{path} does not fit {component}: {differences}. {GET_AGAIN}")
    own = module.state_dict()
    fitting = {key: tensor.to(own[key].dtype) for key, tensor in entries.items() if key in own}
    module.load_state_dict(fitting, assign=True)
    module.requires_grad_(False).eval()


def read_entries(files: Mapping[str, Path], component: str, shapes_only: bool = False) -> dict[str, Tensor]:
    """Read one component's dictionary: memory-mapped on the CPU, or as shapes on the meta device.

    `files` maps file names as in `CheckpointFiles.paths`.

    Raises:
        CheckpointError: the file cannot be read, or lacks the dictionary.
    """
    device = "meta" if shapes_only else "cpu"
    if component in ("w2v_bert", "semantic_codec"):
        if shapes_only:
            return read_safetensors_shapes(files[component])
        return read_safetensors(files[component])
    if component == "gpt":
        return gpt_entries(read_pickle(files["gpt"], device), files["gpt"])
    if component in ("cfm", "length_regulator", "gpt_layer"):
        return s2mel_entries(read_pickle(files["s2mel"], device), files["s2mel"], component)
    if component == "bigvgan":
        return bigvgan_entries(read_pickle(files["bigvgan"], device), files["bigvgan"])
    return tensor_entries(read_pickle(files[component], device), files[component])


def file_of(component: str) -> str:
    """Name, in `CheckpointFiles.paths`, of the file that holds a component."""
    return "s2mel" if component in ("cfm", "length_regulator", "gpt_layer") else component


def load_components(
    files: CheckpointFiles, device: torch.device, dtypes: Mapping[str, torch.dtype] | None = None
) -> Components:
    """Load the whole model, ready for inference on `device`; `dtypes` by stage as from `precision.stage_dtypes`.

    On the CPU in float32 the weights are the mapped pages of the files: they are read when first used, and shared by
    all processes that map them. Do not rewrite a checkpoint file while it is in use.

    Raises:
        CheckpointError: names the file and the entries that do not fit.
    """
    config = files.config
    components = build_components(
        config, load_vocoder_config(files["bigvgan_config"]), read_w2v_bert_config(files["w2v_bert_config"])
    )
    for name, module in components.checkpoint_modules().items():
        load_strictly(module, read_entries(files.paths, name), name, files[file_of(name)])
        logger.debug("loaded %s from %s", name, files[file_of(name)])
    components.cfm.fuse()
    components.bigvgan.fuse()
    fuse_weight_norm(components.semantic_codec)
    components.semantic_encoder.set_statistics(*read_w2v_statistics(files["w2v_stat"], config.codec.hidden_size))
    for name in ("spk_matrix", "emo_matrix"):
        setattr(components, name, read_emotion_matrix(files[name], config, name).to(device))
    dtypes = dtypes or {}
    components.gpt.to(device, dtypes.get("gpt"))
    components.cfm.to(device, dtypes.get("flow"))
    components.bigvgan.to(device, dtypes.get("vocoder"))
    for module in (*components.checkpoint_modules().values(), components.semantic_encoder):
        module.eval().requires_grad_(False).to(device)
    return components


def read_w2v_statistics(path: Path, dim: int) -> tuple[Tensor, Tensor]:
    """Read `wav2vec2bert_stats.pt`: mean and variance, (dim,) each.

    Raises:
        CheckpointError: it holds something else.
    """
    content = read_pickle(path)
    for key in ("mean", "var"):
        if not isinstance(content, Mapping) or not _has_shape(content.get(key), (dim,)):
            raise CheckpointError(f"{path} must hold {key!r} of shape ({dim},). {GET_AGAIN}")
    return content["mean"].float(), content["var"].float()


def _has_shape(value: object, shape: tuple[int, ...]) -> bool:
    return isinstance(value, Tensor) and tuple(value.shape) == shape


def read_emotion_matrix(path: Path, config: ModelConfig, name: str) -> Tensor:
    """Read `spk_matrix` (73, 192) or `emo_matrix` (73, D), float32.

    Raises:
        CheckpointError: the file holds something else.
    """
    rows = sum(config.emo_num)
    width = config.cfm.dit.style_dim if name == "spk_matrix" else config.gpt.model_dim
    matrix = read_pickle(path)
    if not isinstance(matrix, Tensor) or tuple(matrix.shape) != (rows, width):
        raise CheckpointError(f"{path} must be a tensor of shape ({rows}, {width}). {GET_AGAIN}")
    return matrix.float()
