"""Attributes that callers of the published class read from an instance. docs/indextts2.md §1.

Everything is read-only, but for `gr_progress` and the normaliser's glossary: a replacement would not be used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml
from torch import nn

from ..checkpoint.components import Components
from ..checkpoint.config import ModelConfig
from ..engine.synthesizer import Synthesizer
from ..text.frontend import TextFrontend
from ..text.normalizers import Normalizer
from ..voice.emotion import QwenEmotion

WITHOUT_MEANING = {
    "get_emb": "voices are encoded and kept by the instance: see warm_cache and cache_spk_cond",
    "extract_features": "voices are encoded and kept by the instance: see warm_cache and cache_spk_cond",
    "semantic_mean": "the semantic model's output is normalised where it is made: see cache_spk_cond",
    "semantic_std": "the semantic model's output is normalised where it is made: see cache_spk_cond",
    "mel_fn": "the voice's spectrogram is cache_mel",
    "emo_matrix": "emotion prototypes are chosen inside: give emo_vector",
    "spk_matrix": "emotion prototypes are chosen inside: give emo_vector",
    "emo_num": "emotion prototypes are chosen inside: cfg.emo_num has their numbers",
    "use_deepspeed": "it would have no effect",
}
"""Attributes of the published class that have no counterpart, and where to look instead."""


class Settings(Mapping[str, Any]):
    """A section of `config.yaml`: `cfg.gpt.model_dim` and `cfg["gpt"]["model_dim"]` are the same."""

    def __init__(self, content: Mapping[str, Any], sizes: ModelConfig | None = None, path: str = "") -> None:
        """Wrap a section: `sizes` has attributes for names that are not in the file, `path` is for messages."""
        self._content, self._sizes, self._path = content, sizes, path

    def __getitem__(self, key: str) -> Any:
        value = self._content[key]
        return Settings(value, path=f"{self._path}{key}.") if isinstance(value, Mapping) else value

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            if name in self._content:
                return self[name]
            if hasattr(self._sizes, name):
                return getattr(self._sizes, name)
        raise AttributeError(f"config.yaml has no entry {self._path}{name}" if name[0] != "_" else name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    def __repr__(self) -> str:
        return f"Settings({self._content!r})"


class DeviceName(str):
    """A device as the published class names it, `cuda:0` or `cpu`; with the `type` of torch's own device."""

    __slots__ = ()

    @property
    def type(self) -> str:
        return torch.device(self).type


class SemanticToMel(nn.Module):
    """The three modules of `s2mel.pth`: `models["cfm"]`, `["length_regulator"]` and `["gpt_layer"]`."""

    def __init__(self, components: Components) -> None:
        super().__init__()
        names = ("cfm", "length_regulator", "gpt_layer")
        self.models = nn.ModuleDict({name: getattr(components, name) for name in names})


class PublishedAttributes:
    """Attributes of the published class, over the objects that do the work."""

    model_dir: Path
    _device: torch.device
    _sizes: ModelConfig
    _components: Components
    _synthesizer: Synthesizer
    _cfg_path: Path
    _gpt_dtype: torch.dtype
    _accelerations: Mapping[str, bool]

    @property
    def device(self) -> DeviceName:
        """Device of the model, such as `cuda:0`."""
        return DeviceName(self._device)

    @property
    def use_fp16(self) -> bool:
        """Whether the GPT is in fp16; it never is on a CPU by `use_fp16` alone."""
        return self._gpt_dtype == torch.float16

    @property
    def use_accel(self) -> bool:
        """Whether decoding steps and the flow's loop are captured as CUDA graphs."""
        return self._accelerations["use_accel"]

    @property
    def use_cuda_kernel(self) -> bool:
        """Whether the vocoder's activations are kernels of their own."""
        return self._accelerations["use_cuda_kernel"]

    @property
    def use_torch_compile(self) -> bool:
        """Whether the flow is compiled."""
        return self._accelerations["use_torch_compile"]

    @property
    def dtype(self) -> torch.dtype | None:
        """Number format of the GPT where it is a short one, as `torch.autocast` takes it; None for float32."""
        return None if self._gpt_dtype == torch.float32 else self._gpt_dtype

    @cached_property
    def cfg(self) -> Settings:
        """The whole `config.yaml`, by attributes and by keys."""
        return Settings(yaml.safe_load(self._cfg_path.read_text(encoding="utf-8")), self._sizes)

    # Text

    @property
    def tokenizer(self) -> TextFrontend:
        """Text -> pieces -> segments, as `infer` cuts them: `tokenize` and `split_segments`."""
        return self._synthesizer.text

    @property
    def normalizer(self) -> Normalizer:
        """Written text -> spoken text; the published one is a `TextNormalizer` with the glossary that `infer` uses."""
        return self._synthesizer.text.normalizer

    @property
    def bpe_path(self) -> str:
        """The tokenizer's file."""
        return str(self._synthesizer.text.bpe_model_path)

    @property
    def glossary_path(self) -> str:
        """Path of the model folder's glossary, whether or not there is one; it is read when the model is loaded."""
        return str(self.model_dir / "glossary.yaml")

    @property
    def qwen_emo(self) -> QwenEmotion | None:
        """Model that reads emotions out of a text, `inference(text)`; None with `use_qwen_emo=False`."""
        return self._synthesizer.qwen_emotion

    # Modules

    @property
    def gpt(self) -> nn.Module:
        """Voice, emotion and text -> semantic codes."""
        return self._components.gpt

    @property
    def semantic_model(self) -> nn.Module:
        """w2v-bert-2.0, up to the layer that is used."""
        return self._components.semantic_encoder.model

    @property
    def semantic_codec(self) -> nn.Module:
        """Semantic features -> codes, and back."""
        return self._components.semantic_codec

    @cached_property
    def s2mel(self) -> SemanticToMel:
        """Semantic codes -> log-mel."""
        return SemanticToMel(self._components)

    @property
    def campplus_model(self) -> nn.Module:
        """Voice -> style (1, 192)."""
        return self._components.campplus

    @property
    def bigvgan(self) -> nn.Module:
        """Log-mel -> samples."""
        return self._components.bigvgan

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            why = WITHOUT_MEANING.get(name)
            reason = f" here: {why}" if why else "; docs/indextts2.md §1 lists those of the published class"
            raise AttributeError(f"IndexTTS2 has no attribute {name!r}{reason}", name=name, obj=self)
