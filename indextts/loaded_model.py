"""A checkpoint folder, loaded: what `IndexTTS2` is made of, keeps in its caches, and shows of itself.

What it says is in `infer_v2.py`. docs/indextts2.md §1 and §11.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from .checkpoint.components import load_components
from .checkpoint.files import locate
from .checkpoint.fingerprint import fingerprint
from .decoding.budgets import Budgets
from .device.precision import stage_dtypes
from .engine.engine import Engine
from .engine.figures import SpeakingFigures
from .engine.pipeline import Pipeline
from .engine.spoken_segment import SpeakingOptions
from .engine.synthesizer import Synthesizer
from .models.attention import AttentionName, attention_for
from .models.flow import GUIDANCE_RATE
from .models.solver import FLOW_STEPS, FlowSolver, Method
from .published.arguments import default_device, generation_options, on_this_device, warn_of_no_effect
from .published.attributes import PublishedAttributes
from .published.methods import PublishedMethods
from .published.views import LatestVoiceViews
from .text.normalizers import Reading
from .text.read_ahead import TextAhead
from .voice.emotion import EmotionMatrix, QwenEmotion
from .voice.encoder import DEFAULT_CACHE_BYTES, CacheInfo, VoiceEncoder
from .voice.features import MAX_PROMPT_SECONDS

logger = logging.getLogger(__name__)


class LoadedModel(LatestVoiceViews, PublishedAttributes, PublishedMethods):
    """A model in memory with its voices, texts and limits, without the ways to speak."""

    def __init__(
        self,
        cfg_path: str | Path = "checkpoints/config.yaml",
        model_dir: str | Path = "checkpoints",
        use_fp16: bool = False,
        device: str | torch.device | None = None,
        use_cuda_kernel: bool | None = None,
        use_deepspeed: bool = False,
        use_accel: bool | None = None,
        use_torch_compile: bool | None = None,
        use_qwen_emo: bool = True,
        aux_paths: Mapping[str, str | Path] | None = None,
        *,
        use_bf16: bool = False,
        precision: Mapping[str, str] | None = None,
        allow_tf32: bool = False,
        download: bool = False,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        max_prompt_seconds: float = MAX_PROMPT_SECONDS,
        skip_prompt_silence: bool = False,
        flow_steps: int = FLOW_STEPS,
        cfg_rate: float = GUIDANCE_RATE,
        flow_method: Method = "euler",
        flow_sway: float = 0.0,
        flow_attention: AttentionName = "auto",
        max_batch: int | None = None,
        decode_budget: int | None = None,
        flow_budget: int | None = None,
        text_readers: int | None = None,
        normalizer: str | Reading = "published",
    ) -> None:
        """Load a checkpoint folder.

        Args:
            cfg_path: the checkpoint's `config.yaml`.
            model_dir: folder of the checkpoint's other files.
            use_fp16, use_bf16: number format of the GPT on a GPU; everything else stays float32. Off on cpu and mps.
            device: by default the first of cuda:0, xpu, mps and cpu that is available.
            use_cuda_kernel: the vocoder's activations as one Triton kernel each, on a GPU; by default where Triton is
                installed.
            use_accel: decoding steps and the flow's loop as captured CUDA graphs; by default on a GPU.
            use_torch_compile: the flow compiled, which takes a minute at the first call; by default on a GPU.
            use_deepspeed: accepted for compatibility, without effect.
            use_qwen_emo: whether emotion texts are allowed; the model is loaded when the first one comes.
            aux_paths: places of auxiliary models by name: `w2v_bert`, `bigvgan` (folders), `semantic_codec`, `campplus`
                (files).
            precision: number format by stage, on any device: `{"gpt": "bf16", "flow": "bf16", "vocoder": "fp16"}`.
            allow_tf32: float32 matrix products of CUDA with 10-bit mantissas, in the whole process; its convolutions
                have them by torch's own default.
            download: fetch missing files instead of listing them in an error.
            cache_bytes: limit for each of the speaker and emotion caches.
            max_prompt_seconds: how much of a prompt is used, at most 15. The flow works on prompt and speech together:
                with a prompt of 15 s, 5 s of speech take four times as long as without; 5 to 6 s are enough for most
                voices.
            skip_prompt_silence: whether a silence of more than 1 s at the start of a prompt is left out; the published
                class keeps it.
            flow_steps, flow_method, flow_sway, cfg_rate: defaults of the flow, which a call may override; see
                `FlowSolver` (`flow_steps` is its number of evaluations) and `SpeakingOptions`.
            flow_attention: how the flow attends to rows of different length on a GPU, see `indextts.models.attention`.
            max_batch, decode_budget, flow_budget: limits of a batch, see `Budgets`; by default derived from the memory
                that is free once the model is loaded.
            text_readers: processes that normalise texts ahead, see `read_ahead`; by default 2 for a GPU, which would
                wait for its texts otherwise, and none for a CPU, which is busy anyway.
            normalizer: how numbers and signs become words: `published`, the model's own front end; `verbatim`, not at
                all, for texts that are spelled out already; `spoken`, the reading of `moshi_assets`; the name of
                another one that is installed; or a function `(text: str) -> str`. See docs/indextts2.md §4.

        Raises:
            MissingFilesError: files are missing; all are listed with their sources.
            CheckpointError: a file is unsafe or does not fit.
            ConfigError: `config.yaml` lacks entries or holds impossible ones.
            ValueError: a number is out of range, or no normalizer has this name.
        """
        self._device = torch.device(device) if device is not None else default_device()
        accelerations = {
            "use_cuda_kernel": use_cuda_kernel,
            "use_accel": use_accel,
            "use_torch_compile": use_torch_compile,
        }
        self._accelerations = wanted = on_this_device(self._device, accelerations)
        warn_of_no_effect(use_deepspeed=use_deepspeed)
        dtypes = stage_dtypes(precision, use_fp16, use_bf16)
        if (use_fp16 or use_bf16) and self._device.type in ("cpu", "mps"):
            logger.warning("use_fp16 and use_bf16 are off on %s", self._device.type)
            dtypes = stage_dtypes(precision)
        if allow_tf32:
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True

        self._files = locate(cfg_path, model_dir, aux_paths, download)
        self._sizes = self._files.config
        self._cfg_path, self.model_dir = Path(cfg_path), Path(model_dir)
        self.model_version = self._sizes.version
        self.sampling_rate = self._sizes.spectrogram.sampling_rate
        readers = (2 if self._device.type == "cuda" else 0) if text_readers is None else text_readers
        self._text = TextAhead(self._files["bpe_model"], self._files.glossary, readers, normalizer)
        with torch.no_grad():
            self._components = components = load_components(self._files, self._device, dtypes)
        self._gpt_dtype = components.gpt.dtype
        self._voices = VoiceEncoder(
            components.semantic_encoder,
            components.semantic_codec,
            components.campplus,
            components.length_regulator,
            components.gpt,
            self._sizes.spectrogram,
            self._device,
            cache_bytes,
            max_prompt_seconds,
            skip_prompt_silence,
        )
        self._flow_defaults: dict[str, Any] = {
            "flow_steps": flow_steps,
            "flow_method": flow_method,
            "flow_sway": flow_sway,
            "cfg_rate": cfg_rate,
        }
        self._speaking_options({})  # refuses what is out of range
        components.cfm.acceleration.enabled = wanted["use_torch_compile"]
        components.cfm.loops.enabled = wanted["use_accel"]
        attention_for(
            flow_attention, self._device, dtypes["flow"], wanted["use_torch_compile"]
        )  # refuses an unknown one
        components.cfm.attention = flow_attention
        components.bigvgan.acceleration.enabled = wanted["use_cuda_kernel"]
        engine = Engine(Pipeline(components, self._device), captured_steps=wanted["use_accel"])
        engine.budgets = engine.budgets.limited(max_batch, decode_budget, flow_budget)
        self._synthesizer = Synthesizer(
            self._sizes,
            self._text,
            self._voices,
            EmotionMatrix(components.spk_matrix, components.emo_matrix, self._sizes.emo_num),
            QwenEmotion(self.model_dir / self._sizes.qwen_emo_path, self._device) if use_qwen_emo else None,
            engine,
        )
        self.last_figures: SpeakingFigures | None = None
        """Work, time by stage and speed of the latest finished call."""
        self._in_use = threading.RLock()
        self.gr_progress: Any = None
        """Called as `gr_progress(fraction, desc=…)` while a call goes on, if set."""

    @property
    def budgets(self) -> Budgets:
        """Limits of a batch: the constructor's, or derived from free memory; lowered when memory ran short."""
        return self._synthesizer.engine.budgets

    def read_ahead(self, texts: Iterable[str]) -> None:
        """Start normalising texts that will be spoken next, and return at once. Any thread may call it."""
        self._text.read_ahead(texts)

    def unknown_pieces(self, text: str) -> list[str]:
        """Pieces of a text that the checkpoint's vocabulary lacks, in order: the model has no sound for them.

        They are looked for in the text as it is spoken, after the normalizer; [] for a text that is known altogether.
        `TextFrontend.unknown` says the same without a model.
        """
        return self._text.unknown(text)

    def close(self) -> None:
        """End the processes of `read_ahead`; the model's memory is freed with the last reference to it."""
        self._text.close()

    # Caches

    def warm_cache(self, prompts: str | Path | Iterable[str | Path]) -> None:
        """Encode prompts as voices and as emotions, so that later calls find them cached.

        Raises:
            ValueError, FileNotFoundError: as `infer` does for a prompt that cannot be used.
        """
        paths = [prompts] if isinstance(prompts, str | Path) else list(prompts)
        with self._exclusive(), torch.no_grad():
            for path in paths:
                self._voices.speaker(path)
                self._voices.emotion(path)

    def clear_cache(self, kind: str | None = None) -> None:
        """Empty the `speaker` cache, the `emotion` cache, or both.

        Raises:
            ValueError: there is no cache of this kind.
        """
        with self._exclusive():
            self._voices.clear(kind)

    def cache_info(self) -> dict[str, CacheInfo]:
        """Entries, hits, misses and bytes of the `speaker` and the `emotion` cache."""
        return {"speaker": self._voices.speakers.info(), "emotion": self._voices.emotions.info()}

    @property
    def fingerprint(self) -> str:
        """32 hex digits that identify the checkpoint; see `indextts.checkpoint.fingerprint.fingerprint`."""
        return fingerprint(self._files)

    # For the methods that speak

    def _speaking_options(self, given: Mapping[str, Any], **settings: Any) -> SpeakingOptions:
        """Options of a call from its keyword arguments: those of the flow, and those of `generation_options`."""
        generation = dict(given)
        flow = {name: generation.pop(name, default) for name, default in self._flow_defaults.items()}
        solver = FlowSolver(flow["flow_steps"], flow["flow_method"], flow["flow_sway"])
        checked = generation_options(generation, self._sizes.gpt.max_mel_tokens)
        return SpeakingOptions(checked, solver=solver, cfg_rate=flow["cfg_rate"], **settings)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Wait while another thread is at work with this instance."""
        if not self._in_use.acquire(blocking=False):
            logger.info("this IndexTTS2 instance is at work in another thread: waiting for it")
            self._in_use.acquire()
        try:
            yield
        finally:
            self._in_use.release()
