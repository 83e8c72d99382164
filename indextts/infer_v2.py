"""IndexTTS2: text and a voice prompt in, speech out. docs/indextts2.md §1.

A drop-in for the published class: the same constructor, the same `infer`. Keyword arguments beyond its own add what
a dataset builder needs: results in memory, seeds, caches over many voices, listeners for finished segments.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .engine.figures import Call
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
from .engine.spoken_segment import Segment
from .loaded_model import LoadedModel

__all__ = ["Emotion", "IndexTTS2", "InferenceResult", "SynthesisRequest", "SynthesisSession"]


class IndexTTS2(LoadedModel):
    """A loaded model. One instance serves one thread at a time; a second thread waits until the first is done."""

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
        """Speak `text` with the voice of a prompt.

        Args:
            spk_audio_prompt: recording of the voice; its first 15 s count.
            text: what to say, in English or Chinese.
            output_path: 16-bit WAV to write; None returns samples instead.
            emo_audio_prompt: recording of the emotion; default: the voice prompt, at full strength.
            emo_alpha: strength of the emotion in [0, 1].
            emo_vector: 8 weights, see `Emotion`; replaces `emo_audio_prompt`.
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
        """Speak like `infer`, as a generator of one item, or of the segments as they are finished.

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
            **generation_kwargs: flow_steps, flow_method, flow_sway, cfg_rate, and the fields of `GenerationOptions`:
                do_sample, top_p, top_k, temperature, length_penalty, num_beams, repetition_penalty, max_mel_tokens,
                min_mel_tokens, typical_sampling, typical_mass.
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
        **options: Any,
    ) -> list[Any]:
        """Speak all requests together, many times faster than one call after another.

        Each result is that of its own `infer` call with `return_audio`: the same codes on a CPU in float32, and samples
        within 8 of 32 767 steps, whatever the other requests, their order and the batch sizes. One beam (`num_beams=1`)
        is much faster and hardly worse (published word error rate 2.0 % instead of 1.9 %).

        Args:
            requests: texts, voices and emotions; the longest are spoken first.
            return_errors: a request that fails has its exception (`ValueError`, `RuntimeError`, `FileNotFoundError`) in
                its place; by default the first one is raised.
            return_numpy: samples as numpy arrays instead of tensors.
            **options: those of `session`.

        Returns:
            One `InferenceResult` for each request, in order. Its timings and `rtf` are its share, by duration, of the
            time that the call took; `last_figures` has the call as a whole.
        """
        with self._exclusive():
            session = self.session(**options)
            # Seeds are drawn in the order of the requests. The longest are spoken first: only short ones are left when
            # slots run empty towards the end.
            seeded = [replace(request, seed=RandomStreams(request.seed).seed) for request in requests]
            order = sorted(range(len(seeded)), key=lambda number: -len(seeded[number].text))
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
        """Begin a stream of requests: they are added as they come, their results are taken as they end.

            session = tts.session(num_beams=1)
            for number, result in session.run(requests):  # takes requests as there is room for them
                ...

        The same step by step: `session.add(request)`, `session.step()` and `session.finished()`. Other calls may come
        in between; each is spoken as if it were alone.

        Args:
            return_numpy: samples as numpy arrays instead of tensors.
            interval_silence, max_text_tokens_per_segment, more_segment_before, verbose: as in `infer`.
            max_batch, decode_budget, flow_budget: limits of a batch for this session, see `Budgets`.
            **generation_kwargs: flow_steps, flow_method, flow_sway, cfg_rate and the fields of `GenerationOptions`.
        """
        base = self._speaking_options(
            generation_kwargs,
            max_text_tokens_per_segment=max_text_tokens_per_segment,
            quick_streaming_tokens=more_segment_before,
            detail_level=logging.INFO if verbose else logging.DEBUG,
        )
        return SynthesisSession(
            self._synthesizer,
            base,
            Call(self._device, waits=not self._synthesizer.engine.beside),
            {"max_batch": max_batch, "decode_budget": decode_budget, "flow_budget": flow_budget},
            self._exclusive,
            self.sampling_rate,
            interval_silence,
            return_numpy,
        )

    def _announce(self, segment: Segment, on_chunk: ChunkListener | None) -> None:
        if on_chunk is not None:
            on_chunk(segment.samples, self.sampling_rate, segment.index)
        if self.gr_progress is not None:
            done = segment.index + 1
            self.gr_progress(done / segment.count, desc=f"segment {done} of {segment.count}")

    def _in_one_thread(self, items: Iterator[Any]) -> Generator[Any, None, None]:
        """Pass items on; the instance is taken, and gradients are off, only while one of them is being made."""
        end = object()
        while True:
            with self._exclusive(), torch.no_grad():
                item = next(items, end)
            if item is end:
                return
            yield item
