"""The engine `indextts2`: zero-shot speech with the voice of a recording. The model is in `indextts`; this file adapts
it to the engine protocol.

Torch and the model are imported when an engine is made, voices and checkpoint files are checked before that.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..dialogues.dialogue import EmotionSettings, Role
from ..recipe.engines import IndexTTS2Options
from .base import EngineError, SynthesisResult, SynthesisTask, Unspeakable, Voice, VoiceError, add_figures
from .recordings import find_recording, matching_recordings, prompt_fingerprint
from .stream import Ended

if TYPE_CHECKING:
    from indextts import InferenceResult, SynthesisRequest
    from indextts.checkpoint.files import CheckpointFiles
    from indextts.engine.figures import SpeakingFigures
    from indextts.engine.session import SynthesisSession

_SOUND_OPTIONS = (
    *("use_fp16", "use_bf16", "precision", "allow_tf32", "max_prompt_seconds", "flow_steps", "cfg_rate"),
    *("flow_method", "flow_sway"),
    *("num_beams", "max_text_tokens_per_segment", "interval_silence", "generation"),
)
GPU_PRECISION = {"gpt": "bf16", "flow": "bf16"}
CPU_PRECISION = {"flow": "bf16"}
"""Number formats on a CPU with bf16 instructions, if the recipe names none. Measured on a CPU, a flow in bf16 is 30
times nearer to float32 than 20 steps are to 25; a vocoder in bf16 is off by more than 16 steps of int16 and stays
float32. The GPT stays float32 too, so that its codes do not depend on the batch.
"""
CPU_BATCH = 16
"""Turns of one call if the recipe names none. They are sorted by length, so that they end together."""


class IndexTTS2Engine:
    """A loaded IndexTTS2 that speaks with recordings as voices; caches keep many voices warm."""

    default_voices: ClassVar[dict[Role, str]] = {}
    batch_size = CPU_BATCH
    sample_rate = 22050
    seed_matters = True
    characters_per_second = 15.0
    languages: ClassVar[frozenset[str] | None] = frozenset({"en", "zh"})

    def __init__(self, options: IndexTTS2Options, device: str | None = None, deterministic: bool = False) -> None:
        from indextts import IndexTTS2

        if deterministic:
            import torch

            torch.use_deterministic_algorithms(True, warn_only=True)
        _files(options)  # a missing file is named before anything is loaded
        if device is not None and device.startswith("cuda"):
            import torch

            torch.cuda.set_device(device)  # or every lane would take some memory of the first GPU
        self._options = options
        self._model = IndexTTS2(
            options.cfg_path,
            options.model_dir,
            use_fp16=options.use_fp16,
            device=device,
            use_cuda_kernel=options.use_cuda_kernel,
            use_deepspeed=options.use_deepspeed,
            use_accel=options.use_accel,
            use_torch_compile=options.use_torch_compile,
            aux_paths=options.aux_paths or None,
            use_bf16=options.use_bf16,
            precision=precision_on(device, options),
            allow_tf32=options.allow_tf32,
            max_prompt_seconds=options.max_prompt_seconds,
            skip_prompt_silence=options.prompts.skip_silence,
            flow_steps=options.flow_steps,
            flow_method=options.flow_method,
            flow_sway=options.flow_sway,
            flow_attention=options.flow_attention,
            cfg_rate=options.cfg_rate,
            max_batch=options.batch_size,
            normalizer="verbatim",  # what is spoken was decided by the planner
        )
        on_gpu = self._model.device.type == "cuda"
        self.batch_size = options.batch_size or (self._model.budgets.max_batch if on_gpu else CPU_BATCH)
        self._work: dict[str, float] = {}
        self.sample_rate = self._model.sampling_rate

    @classmethod
    def revision(cls, options: IndexTTS2Options) -> str:
        from indextts.checkpoint.fingerprint import fingerprint

        sound = {name: getattr(options, name) for name in _SOUND_OPTIONS}
        return f"indextts2-2/{fingerprint(_files(options))}/{sorted(sound.items())}"

    @classmethod
    def find_voice(cls, options: IndexTTS2Options, voice: str, folder: Path) -> Voice:
        path = find_recording(voice, folder)
        return Voice(str(path), prompt_fingerprint(path, options))

    @classmethod
    def pool_voices(cls, options: IndexTTS2Options, entry: str, folder: Path) -> list[str]:
        return matching_recordings(entry, folder)

    @classmethod
    def find_emotion(cls, options: IndexTTS2Options, emotion: EmotionSettings, folder: Path) -> EmotionSettings:
        if emotion.emo_text is not None and _files(options).qwen_emotion is None:
            raise VoiceError(
                f"emo_text needs the folder qwen0.6bemo4-merge of the checkpoint in {options.model_dir}: fetch it, or "
                f"use emo_vector or emo_audio"
            )
        if emotion.emo_audio is None:
            return emotion
        path = find_recording(emotion.emo_audio, folder)
        fingerprint = prompt_fingerprint(path, options, speech=False)
        return emotion.model_copy(update={"emo_audio": str(path), "fingerprint": fingerprint})

    @classmethod
    def unspeakable(cls, options: IndexTTS2Options) -> Unspeakable:
        from indextts.text.frontend import TextFrontend

        return TextFrontend(_files(options)["bpe_model"], normalizer="verbatim").unknown

    def synthesize(self, tasks: Sequence[SynthesisTask]) -> list[SynthesisResult | Exception]:
        begin = time.perf_counter()
        results = self._model.synthesize(
            [_request(task) for task in tasks],
            return_errors=True,  # one turn that fails costs its batch mates nothing
            return_numpy=True,
            **self._speaking(),
        )
        share = (time.perf_counter() - begin) / len(tasks)
        if self._model.last_figures is not None:
            add_figures(self._work, _work(self._model.last_figures))
        return [
            result if isinstance(result, Exception) else SynthesisResult(result.wav_tensor, result.sampling_rate, share)
            for result in results
        ]

    def stream(self) -> IndexTTS2Stream:
        """Begin a stream: utterances that are added later are decoded with what is unfinished."""
        return IndexTTS2Stream(self._model.session(return_numpy=True, **self._speaking()), self._work)

    def _speaking(self) -> dict[str, Any]:
        """Arguments of every call."""
        return {
            "max_text_tokens_per_segment": self._options.max_text_tokens_per_segment,
            "interval_silence": self._options.interval_silence,
            "num_beams": self._options.num_beams,
            **self._options.generation,
        }

    def read_ahead(self, tasks: Sequence[SynthesisTask]) -> None:
        self._model.read_ahead(task.spoken for task in tasks)

    def work_figures(self) -> dict[str, float]:
        work = dict(self._work)
        self._work.clear()  # a stream adds to the same
        return work

    def close(self) -> None:
        self._model.close()
        del self._model


class IndexTTS2Stream:
    """The stream of one IndexTTS2; see `SpeechStream`."""

    def __init__(self, session: SynthesisSession, work: dict[str, float]) -> None:
        """
        Args:
            session: what speaks.
            work: figures to which those of the stream are added.
        """
        self._session, self._work = session, work
        self._told: dict[str, float] = {}

    @property
    def unfinished(self) -> int:
        return self._session.unfinished

    def add(self, tasks: Sequence[SynthesisTask]) -> list[int]:
        return [self._session.add(_request(task)) for task in tasks]

    def step(self) -> list[Ended]:
        self._session.step()
        finished = self._session.finished()
        work = _work(self._session.figures)
        add_figures(self._work, {name: value - self._told.get(name, 0.0) for name, value in work.items()})
        self._told = work
        return [Ended(key, result if isinstance(result, Exception) else _result(result)) for key, result in finished]


def _request(task: SynthesisTask) -> SynthesisRequest:
    from indextts import SynthesisRequest

    return SynthesisRequest(task.spoken, task.voice, seed=task.seed % 2**62, emotion=_emotion(task))


def _result(result: InferenceResult) -> SynthesisResult:
    return SynthesisResult(np.asarray(result.wav_tensor), result.sampling_rate, result.rtf * result.duration_sec)


def precision_on(device: str | None, options: IndexTTS2Options) -> dict[str, str]:
    """Number format by stage on a device (None: the first GPU, if there is one); stages that are left out use
    float32.
    """
    if options.precision is not None or options.use_fp16 or options.use_bf16:
        return dict((options.precision or {}).items())
    import torch

    if torch.cuda.is_available() and (device is None or device.startswith("cuda")):
        return GPU_PRECISION if torch.cuda.is_bf16_supported(including_emulation=False) else {}
    cpu = torch.cpu.get_capabilities()
    return CPU_PRECISION if cpu.get("avx512_bf16") or cpu.get("amx_bf16") else {}


def _work(figures: SpeakingFigures) -> dict[str, float]:
    """Figures of a call under the names of the engine protocol."""
    later = [figures.batches[stage] for stage in ("latent", "flow", "vocoder")]
    return {
        **{f"seconds_{stage}": seconds for stage, seconds in figures.stage_seconds.items()},
        "decoded": figures.codes,
        "decode_rows": figures.batches["gpt"].rows,
        "decode_steps": figures.batches["gpt"].batches,
        "frames": sum(count.valid for count in later),
        "frames_padded": sum(count.padded for count in later),
        "out_of_memory": figures.out_of_memory,
    }


def _files(options: IndexTTS2Options) -> CheckpointFiles:
    """Files of the checkpoint.

    Raises:
        EngineError: the package or files are missing; names them and where to get them.
    """
    try:
        from indextts.checkpoint.config import ConfigError
        from indextts.checkpoint.files import locate
    except ImportError as error:
        raise EngineError(
            f"engine 'indextts2' needs the package indextts and torch ({error}): install this project with "
            f"'pip install -e .' from its folder"
        ) from error
    try:
        return locate(options.cfg_path, options.model_dir, options.aux_paths or None)
    except (OSError, ConfigError) as error:
        raise EngineError(f"engine 'indextts2': {error}") from error


def _emotion(task: SynthesisTask) -> dict[str, Any] | None:
    if task.emotion is None:
        return None
    return task.emotion.model_dump(include={"emo_audio", "emo_vector", "emo_text", "emo_alpha"}, exclude_none=True)
