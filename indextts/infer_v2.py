"""IndexTTS2: text and a voice prompt in, speech out. docs/indextts2.md §1.

A drop-in for the published class: the same constructor, the same `infer`. Keyword arguments beyond its own add what
a dataset builder needs: results in memory, seeds, caches over many voices, listeners for finished segments.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checkpoint.components import load_components
from .checkpoint.files import fingerprint, locate
from .decoding.budgets import Budgets
from .device.precision import stage_dtypes
from .engine.engine import Engine
from .engine.figures import Call, SpeakingFigures
from .engine.pipeline import Pipeline
from .engine.request import (
    ChunkListener,
    Emotion,
    InferenceResult,
    NoiseSource,
    RandomStreams,
    SynthesisRequest,
)
from .engine.samples import join_segments, pause, to_int16, to_pcm_scale, write_wav
from .engine.session import SynthesisSession, result_of
from .engine.spoken_segment import Segment, SpeakingOptions
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
from .voice.emotion import EmotionMatrix, QwenEmotion, normalize_emo_vec
from .voice.encoder import DEFAULT_CACHE_BYTES, CacheInfo, VoiceEncoder
from .voice.features import MAX_PROMPT_SECONDS

__all__ = ["Emotion", "IndexTTS2", "InferenceResult", "SynthesisRequest", "SynthesisSession"]

logger = logging.getLogger(__name__)


class IndexTTS2(LatestVoiceViews, PublishedAttributes, PublishedMethods):
    """A loaded model. One instance serves one thread at a time; a second thread waits until the first is done."""

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
        """Loads a checkpoint folder.

        Args:
            use_fp16, use_bf16: number format of the GPT on a GPU; everything else stays float32. Off on cpu and mps.
            precision: number format by stage, on any device: `{"gpt": "bf16", "flow": "bf16", "vocoder": "fp16"}`.
            allow_tf32: float32 matrix products of CUDA with 10-bit mantissas, in the whole process; its convolutions
                have them by torch's own default.
            device: default: the first of cuda:0, xpu, mps, cpu that is there.
            use_cuda_kernel: the vocoder's activations as one Triton kernel each, on a GPU; by default where Triton is
                installed.
            use_accel: decoding steps and the flow's loop as captured CUDA graphs; by default on a GPU.
            use_torch_compile: the flow compiled, which takes a minute at the first call; by default on a GPU.
            use_deepspeed: accepted for compatibility, without effect.
            use_qwen_emo: whether emotion texts are allowed; the model is loaded when the first one comes.
            aux_paths: `w2v_bert`, `bigvgan` (folders), `semantic_codec`, `campplus` (files).
            download: fetch missing files instead of listing them in an error.
            cache_bytes: limit for each of the speaker and emotion caches.
            max_prompt_seconds: how much of a prompt counts, at most 15. The flow works on prompt and speech together,
                so that a prompt of 15 s makes 5 s of speech four times as dear; 5 to 6 s are enough for most voices.
            skip_prompt_silence: whether a silence of more than 1 s at the start of a prompt is left out; the published
                class lets it count.
            flow_steps, flow_method, flow_sway, cfg_rate: of the flow, for calls that do not say otherwise; see
                `FlowSolver`, whose evaluations `flow_steps` are, and `SpeakingOptions`.
            flow_attention: how the flow attends to rows of different length on a GPU, see
                `indextts.models.attention`.
            max_batch, decode_budget, flow_budget: limits of a batch, see `Budgets`; by default from the memory
                that is free once the model is loaded.
            text_readers: processes that normalise texts ahead, see `read_ahead`; by default 2 for a GPU, which
                would wait for its texts otherwise, and none for a CPU, which is busy anyway.
            normalizer: what makes spoken words of a text: `published`, the model's own front end; `verbatim`, nothing,
                for texts that are spelled out already; `spoken`, the reading of `moshi_assets`; the name of another one
                that is installed; or a function `(text: str) -> str`. See docs/indextts2.md §4.

        Raises:
            MissingFilesError: listing every missing file and its source.
            CheckpointError: a file that is unsafe or does not fit.
            ConfigError: a config.yaml that lacks or contradicts something.
            ValueError: a number out of range, or no normalizer of this name.
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
        """What the latest finished call did and how fast."""
        self._in_use = threading.RLock()
        self.gr_progress: Any = None
        """Called as `gr_progress(fraction, desc=…)` while a call goes on, if set."""

    # Speaking

    def infer(
        self,
        spk_audio_prompt: str | Path,
        text: str,
        output_path: str | Path | None,
        emo_audio_prompt: str | Path | None = None,
        emo_alpha: float = 1.0,
        emo_vector: Sequence[float] | None = None,
        use_emo_text: bool = False,
        emo_text: str | None = None,
        use_random: bool = False,
        interval_silence: int = 200,
        verbose: bool = False,
        max_text_tokens_per_segment: int = 120,
        stream_return: bool = False,
        more_segment_before: int = 0,
        **options: Any,
    ) -> Any:
        """Speaks `text` with the voice of a prompt.

        Args:
            spk_audio_prompt: recording of the voice; its first 15 s count.
            output_path: 16-bit WAV to write; None returns samples instead.
            emo_audio_prompt: recording of the emotion; default: the voice prompt, at full strength.
            emo_alpha: strength of the emotion in [0, 1].
            emo_vector: 8 weights, see `Emotion`; takes the place of `emo_audio_prompt`.
            use_emo_text: the emotion comes from `emo_text`, or from `text` itself.
            use_random: prototypes of the emotion vector are drawn instead of chosen by the voice.
            interval_silence: milliseconds between segments.
            verbose: details are logged at INFO instead of DEBUG.
            max_text_tokens_per_segment: longer text is cut into segments.
            stream_return: returns a generator of segments and silences.
            more_segment_before: tokens that must have been cut off before short neighbours are joined again.
            **options: those of `infer_generator`.

        Returns:
            `output_path`; without one `(22050, int16 array (N, 1))`; with `return_audio` an
            `InferenceResult`; with `stream_return` the generator of `infer_generator`.

        Raises:
            ValueError: nothing to say in `text`, an unusable prompt, options out of range.
            RuntimeError: the model said nothing (zero codes) or broke its own grammar.
        """
        items = self.infer_generator(
            spk_audio_prompt,
            text,
            output_path,
            emo_audio_prompt,
            emo_alpha,
            emo_vector,
            use_emo_text,
            emo_text,
            use_random,
            interval_silence,
            verbose,
            max_text_tokens_per_segment,
            stream_return,
            more_segment_before,
            **options,
        )
        return items if stream_return else next(items)

    def infer_generator(
        self,
        spk_audio_prompt: str | Path,
        text: str,
        output_path: str | Path | None,
        emo_audio_prompt: str | Path | None = None,
        emo_alpha: float = 1.0,
        emo_vector: Sequence[float] | None = None,
        use_emo_text: bool = False,
        emo_text: str | None = None,
        use_random: bool = False,
        interval_silence: int = 200,
        verbose: bool = False,
        max_text_tokens_per_segment: int = 120,
        stream_return: bool = False,
        quick_streaming_tokens: int = 0,
        *,
        return_audio: bool = False,
        return_numpy: bool = False,
        on_chunk: ChunkListener | None = None,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        initial_noise: NoiseSource | None = None,
        **generation_kwargs: Any,
    ) -> Generator[Any, None, None]:
        """`infer` as a generator: of one item, or of the segments as they are finished.

        With `stream_return` every segment is a float tensor (1, n) in 16-bit scale, followed by a tensor (1, m) of
        silence, also after the last one; there is no further item, and a file is written at the end if asked for.

        Args:
            return_audio: write nothing; the item is an `InferenceResult`.
            return_numpy: its samples as a numpy array.
            on_chunk: called with `(samples (n,) float32 in [-1, 1], sampling rate, index)` of each segment, in order.
                An exception in it ends the call.
            seed, generator: where random numbers come from; the same seed gives the same audio whatever ran before.
                Without either, the call's seed is drawn from torch's global generator, so that `torch.manual_seed`
                before it decides; nothing else of global random state is used.
            initial_noise: `(segment index, (1, 80, T)) -> tensor`: replaces the flow's random start.
            **generation_kwargs: flow_steps, flow_method, flow_sway, cfg_rate; do_sample, top_p, top_k, temperature,
            length_penalty, num_beams, repetition_penalty,
                max_mel_tokens, min_mel_tokens, typical_sampling, typical_mass; see `GenerationOptions`.
        """
        if stream_return and return_audio:
            raise ValueError("return_audio gives one result, stream_return gives segments: ask for one of them")
        options = self._speaking_options(
            generation_kwargs,
            streams=RandomStreams(seed, generator),
            max_text_tokens_per_segment=max_text_tokens_per_segment,
            quick_streaming_tokens=quick_streaming_tokens,
            initial_noise=initial_noise,
            detail_level=logging.INFO if verbose else logging.DEBUG,
        )
        emotion = Emotion.from_arguments(
            text, emo_audio_prompt, emo_alpha, emo_vector, use_emo_text, emo_text, use_random
        )
        # Whoever listens wants the first segment soon, everybody else wants the last one soon.
        at_once = not stream_return and on_chunk is None and self.gr_progress is None

        def work() -> Iterator[Any]:
            call = Call(self._device)
            spoken: list[Tensor] = []
            for segment in self._synthesizer.speak(
                spk_audio_prompt, text, emotion, options, call.clock, call.figures, at_once
            ):
                spoken.append(segment.samples)
                self._announce(segment, on_chunk)
                if stream_return:
                    yield to_pcm_scale(segment.samples).unsqueeze(0)
                    yield pause(interval_silence, self.sampling_rate).unsqueeze(0)
            wav = join_segments(spoken, interval_silence, self.sampling_rate)
            if output_path and not return_audio:
                write_wav(output_path, wav, self.sampling_rate)
            call.figures.audio_seconds = len(wav) / self.sampling_rate
            self.last_figures = call.finish()
            if stream_return:
                return
            if return_audio:
                spent = call.figures
                yield result_of(wav, self.sampling_rate, spent.seconds, spent.stage_seconds, 1.0, return_numpy)
            else:
                yield output_path or (self.sampling_rate, to_int16(wav).unsqueeze(1).numpy())

        return self._in_one_thread(work())

    def synthesize(
        self,
        requests: Iterable[SynthesisRequest],
        *,
        return_errors: bool = False,
        return_numpy: bool = False,
        interval_silence: int = 200,
        max_text_tokens_per_segment: int = 120,
        more_segment_before: int = 0,
        verbose: bool = False,
        max_batch: int | None = None,
        decode_budget: int | None = None,
        flow_budget: int | None = None,
        **generation_kwargs: Any,
    ) -> list[Any]:
        """Speaks all requests together, many times faster than one call after another.

        Each result is that of its own `infer` call with `return_audio`: the same codes on a CPU in float32, and
        samples within 8 of 32 767 steps, whatever the other requests, their order and the batch sizes. One beam
        (`num_beams=1`) is faster by far and hardly worse (published word error rate 2.0 % instead of 1.9 %).

        Args:
            return_errors: a request that fails has its exception (`ValueError`, `RuntimeError`,
                `FileNotFoundError`) in its place; by default the first one is raised.
            max_batch, decode_budget, flow_budget: limits of a batch for this call, see `Budgets`.
            **generation_kwargs: flow_steps, flow_method, flow_sway, cfg_rate and those of `GenerationOptions`.

        Returns:
            One `InferenceResult` a request, in order. Its timings and `rtf` are its share, by duration, of
            what the call took; `last_figures` has the call as a whole.
        """
        base = self._speaking_options(
            generation_kwargs,
            max_text_tokens_per_segment=max_text_tokens_per_segment,
            quick_streaming_tokens=more_segment_before,
            detail_level=logging.INFO if verbose else logging.DEBUG,
        )
        # Seeds are drawn in the order of the requests; the longest are spoken first: what is left when slots run empty
        # is short.
        seeded = [replace(request, seed=RandomStreams(request.seed).seed) for request in requests]
        order = sorted(range(len(seeded)), key=lambda number: -len(seeded[number].text))
        limits = {"max_batch": max_batch, "decode_budget": decode_budget, "flow_budget": flow_budget}
        with self._exclusive():
            session = self._session(base, limits, interval_silence, return_numpy)
            spoken: dict[int, Tensor | Exception] = {}
            for key, outcome in session.outcomes(seeded[number] for number in order):
                if isinstance(outcome, Exception) and not return_errors:
                    raise outcome
                spoken[order[key]] = outcome
        self.last_figures = figures = session.figures
        total = sum(len(wav) for wav in spoken.values() if isinstance(wav, Tensor))

        def result(wav: Tensor | Exception) -> InferenceResult | Exception:
            if isinstance(wav, Exception):
                return wav
            share = len(wav) / total
            return result_of(wav, self.sampling_rate, figures.seconds, figures.stage_seconds, share, return_numpy)

        return [result(spoken[number]) for number in range(len(seeded))]

    def session(
        self,
        *,
        return_numpy: bool = False,
        interval_silence: int = 200,
        max_text_tokens_per_segment: int = 120,
        more_segment_before: int = 0,
        verbose: bool = False,
        max_batch: int | None = None,
        decode_budget: int | None = None,
        flow_budget: int | None = None,
        **generation_kwargs: Any,
    ) -> SynthesisSession:
        """Requests as a stream: add them as they come, take the results as they end.

        ::

            session = tts.session(num_beams=1)
            for number, result in session.run(requests):  # takes requests as there is room for them
                ...

        or step by step, with `session.add(request)`, `session.step()` and `session.finished()`. The arguments are
        those of `synthesize`, which is a session to which everything is added at once. Other calls may come in
        between; each is spoken as if it were alone.
        """
        base = self._speaking_options(
            generation_kwargs,
            max_text_tokens_per_segment=max_text_tokens_per_segment,
            quick_streaming_tokens=more_segment_before,
            detail_level=logging.INFO if verbose else logging.DEBUG,
        )
        limits = {"max_batch": max_batch, "decode_budget": decode_budget, "flow_budget": flow_budget}
        return self._session(base, limits, interval_silence, return_numpy)

    def _session(
        self, base: SpeakingOptions, limits: dict[str, int | None], interval_silence: int, return_numpy: bool
    ) -> SynthesisSession:
        call = Call(self._device, waits=not self._synthesizer.engine.beside)
        settings = self.sampling_rate, interval_silence, return_numpy
        return SynthesisSession(self._synthesizer, base, call, limits, self._exclusive, *settings)

    @property
    def budgets(self) -> Budgets:
        """Limits of a batch: those of the constructor or from free memory, lowered where memory turned out to be
        short.
        """
        return self._synthesizer.engine.budgets

    def read_ahead(self, texts: Iterable[str]) -> None:
        """Has texts normalised that will be spoken next; returns at once. From any thread."""
        self._text.read_ahead(texts)

    def unknown_pieces(self, text: str) -> list[str]:
        """Pieces of a text that the checkpoint's vocabulary lacks, in order: the model has no sound for them.

        They are looked for in the text as it is spoken, after the normalizer; [] for a text that is known altogether.
        `TextFrontend.unknown` says the same without a model.
        """
        return self._text.unknown(text)

    def close(self) -> None:
        """Ends the processes of `read_ahead`; the model itself goes with the last reference to it."""
        self._text.close()

    # Caches

    def warm_cache(self, prompts: str | Path | Iterable[str | Path]) -> None:
        """Encodes prompts as voices and as emotions, so that later calls find them. Raises as `infer`."""
        paths = [prompts] if isinstance(prompts, str | Path) else list(prompts)
        with self._exclusive(), torch.no_grad():
            for path in paths:
                self._voices.speaker(path)
                self._voices.emotion(path)

    def clear_cache(self, kind: str | None = None) -> None:
        """Forgets voices: `speaker`, `emotion` or both. Raises `ValueError` for another kind."""
        with self._exclusive():
            self._voices.clear(kind)

    def cache_info(self) -> dict[str, CacheInfo]:
        """Entries, hits, misses and bytes of the `speaker` and the `emotion` cache."""
        return {"speaker": self._voices.speakers.info(), "emotion": self._voices.emotions.info()}

    @property
    def fingerprint(self) -> str:
        """32 hex digits that identify the checkpoint; see `indextts.checkpoint.files.fingerprint`."""
        return fingerprint(self._files)

    @staticmethod
    def normalize_emo_vec(emo_vector: Sequence[float], apply_bias: bool = True) -> list[float]:
        """8 emotion weights in a range that sounds natural, for user interfaces: biased, their sum at most 0.8."""
        return normalize_emo_vec(emo_vector, apply_bias)

    # Delivery

    def _speaking_options(self, given: Mapping[str, Any], **settings: Any) -> SpeakingOptions:
        """From the keyword arguments of a call: those of the flow, and those of `generation_options`."""
        generation = dict(given)
        flow = {name: generation.pop(name, default) for name, default in self._flow_defaults.items()}
        solver = FlowSolver(flow["flow_steps"], flow["flow_method"], flow["flow_sway"])
        checked = generation_options(generation, self._sizes.gpt.max_mel_tokens)
        return SpeakingOptions(checked, solver=solver, cfg_rate=flow["cfg_rate"], **settings)

    def _announce(self, segment: Segment, on_chunk: ChunkListener | None) -> None:
        if on_chunk is not None:
            on_chunk(segment.samples, self.sampling_rate, segment.index)
        if self.gr_progress is not None:
            done = segment.index + 1
            self.gr_progress(done / segment.count, desc=f"segment {done} of {segment.count}")

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Waits while another thread is at work with this instance."""
        if not self._in_use.acquire(blocking=False):
            logger.info("this IndexTTS2 instance is at work in another thread: waiting for it")
            self._in_use.acquire()
        try:
            yield
        finally:
            self._in_use.release()

    def _in_one_thread(self, items: Iterator[Any]) -> Generator[Any, None, None]:
        """The same items; the instance is taken, and gradients are off, only while one of them is being made."""
        end = object()
        while True:
            with self._exclusive(), torch.no_grad():
                item = next(items, end)
            if item is end:
                return
            yield item
