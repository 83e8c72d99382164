"""A stream of requests: added at any time, spoken together, handed out as they end. docs/indextts2.md §12."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .figures import Call, SpeakingFigures
from .request import Emotion, InferenceResult, RandomStreams, SynthesisRequest
from .samples import join_segments
from .spoken_segment import Segment, SpeakingOptions
from .synthesizer import Synthesizer

REQUESTS_PER_SLOT = 4
"""Unfinished requests for each row that is decoded at a time: enough to keep the slots full and the groups of the later
stages like in length, few enough that what is not finished yet stays small."""


def result_of(
    wav: Tensor, sampling_rate: int, seconds: float, stages: Mapping[str, float], share: float, as_numpy: bool
) -> InferenceResult:
    """Make a result of samples (N,); `share` is their part of the seconds, as a whole and by stage."""
    duration = len(wav) / sampling_rate
    timings = {stage: share * spent for stage, spent in stages.items()}
    return InferenceResult(
        sampling_rate, wav.numpy() if as_numpy else wav, duration, share * seconds / duration, timings
    )


class SynthesisSession:
    """Speaks requests as they come; from `IndexTTS2.session`.

    Each result is that of the request's own call, whatever else is spoken meanwhile and in whatever order requests
    come. Rows of earlier and later requests are decoded together, so that no step runs half empty while requests are
    left, and the flow and the vocoder work on finished rows while others still decode.

    A waiting request costs little: it is read, and its voice encoded, when its turn comes. Results are handed out once
    and forgotten.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        base: SpeakingOptions,
        call: Call,
        limits: dict[str, int | None],
        exclusive: Callable[[], AbstractContextManager[None]],
        sampling_rate: int,
        interval_silence: int,
        return_numpy: bool,
    ) -> None:
        """Begin a stream; `base` has the requests' default options, `exclusive` is entered while the model is used."""
        self._synthesizer, self._base, self._call, self._exclusive = synthesizer, base, call, exclusive
        self._sampling_rate, self._interval_silence, self._return_numpy = sampling_rate, interval_silence, return_numpy
        self._engine = synthesizer.engine.session(call.clock, call.figures, limits)
        self._waiting: deque[tuple[int, SynthesisRequest]] = deque()
        self._spoken: dict[int, tuple[int, list[Segment]]] = {}
        self._owner: dict[int, int] = {}
        self._outcomes: list[tuple[int, Tensor | Exception]] = []
        self._count = 0
        self._worked = 0.0
        self._told = 0.0, dict(call.clock.seconds)
        call.figures.requests = 0

    def add(self, request: SynthesisRequest) -> int:
        """Append a request and return the key that its result will have. Never fails."""
        key, self._count = self._count, self._count + 1
        self._waiting.append((key, request))
        self._call.figures.requests += 1
        return key

    @property
    def room(self) -> int:
        """Number of further requests to add now; more would only wait."""
        return max(0, REQUESTS_PER_SLOT * self._engine.budgets.max_batch - self.unfinished)

    @property
    def unfinished(self) -> int:
        """Number of requests whose results have not been handed out."""
        return len(self._waiting) + len(self._spoken) + len(self._outcomes)

    def step(self) -> None:
        """Work a little: decode one code more of every row (several on a GPU), run later stages of ready segments."""
        begin = time.perf_counter()
        with self._exclusive(), torch.no_grad():
            if not self._engine.decoding:
                self._prepare()
            for segment in self._engine.step(self._prepare):
                self._keep(segment)
        self._worked += time.perf_counter() - begin

    def finished(self) -> list[tuple[int, InferenceResult | Exception]]:
        """The results that have not been handed out yet, each with its key, in the order in which they ended.

        A request that cannot be spoken has its exception (`ValueError`, `RuntimeError`, `OSError`) for a result.
        Timings and `rtf` are the result's share, by duration, of the time in `step` since results were last
        handed out.
        """
        outcomes, self._outcomes = self._outcomes, []
        if not outcomes:
            return []
        seconds, stages = self._worked, dict(self._call.clock.seconds)
        before, stages_before = self._told
        self._told = seconds, stages
        spent = {stage: stages[stage] - stages_before[stage] for stage in stages}
        total = sum(len(wav) for _, wav in outcomes if isinstance(wav, Tensor))
        return [
            (
                key,
                result_of(wav, self._sampling_rate, seconds - before, spent, len(wav) / total, self._return_numpy)
                if isinstance(wav, Tensor)
                else wav,
            )
            for key, wav in outcomes
        ]

    def run(self, requests: Iterable[SynthesisRequest]) -> Iterator[tuple[int, InferenceResult | Exception]]:
        """Speak all requests, taking them as there is room; yield (number of the request, result) as they end.

        The numbers count from 0 in a session to which nothing was added before.
        """
        yield from self._run(requests, self.finished)

    def outcomes(self, requests: Iterable[SynthesisRequest]) -> Iterator[tuple[int, Tensor | Exception]]:
        """Like `run`, with bare samples (N,) float32 on the CPU instead of results."""

        def handed_out() -> list[tuple[int, Tensor | Exception]]:
            outcomes, self._outcomes = self._outcomes, []
            return outcomes

        return self._run(requests, handed_out)

    def _run(self, requests: Iterable[SynthesisRequest], taken: Callable[[], list[Any]]) -> Iterator[Any]:
        source = iter(requests)
        more = True
        while more or self.unfinished:
            while more and self.room:
                request = next(source, None)
                more = request is not None
                if request is not None:
                    self.add(request)
            self.step()
            yield from taken()

    @property
    def figures(self) -> SpeakingFigures:
        """Work and speed of the session so far."""
        return self._call.finish()

    # From requests to segments and back

    def _prepare(self) -> None:
        """Read the next requests, as many as the engine wants."""
        while self._waiting and self._engine.wants:
            key, request = self._waiting.popleft()
            try:
                segments = self._segments(request)
            except Exception as error:  # whatever a request of a stranger brings about, it ends with that
                self._end(key, error)
                continue
            self._spoken[key] = len(segments), segments
            for segment in segments:
                self._owner[id(segment)] = key
                self._engine.add(segment)

    def _segments(self, request: SynthesisRequest) -> list[Segment]:
        """Segments of a request; raises as `IndexTTS2.infer`."""
        bounds = {"min_mel_tokens": request.min_mel_tokens, "max_mel_tokens": request.max_mel_tokens}
        bounds = {name: value for name, value in bounds.items() if value is not None}
        generation = replace(self._base.generation, **bounds) if bounds else self._base.generation  # type: ignore[arg-type]
        options = replace(self._base, generation=generation, streams=RandomStreams(request.seed))
        clock, emotion = self._call.clock, Emotion.of(request.emotion)
        return self._synthesizer.prepare(request.voice, request.text, emotion, options, clock)

    def _keep(self, segment: Segment) -> None:
        """Take a segment that has ended; with the last one of a request, its result is ready."""
        key = self._owner.pop(id(segment))
        left, segments = self._spoken[key]
        if left > 1:
            self._spoken[key] = left - 1, segments
            return
        del self._spoken[key]
        fault = next((segment.error for segment in segments if segment.error), None)
        samples = [segment.samples for segment in segments]
        self._end(key, fault or join_segments(samples, self._interval_silence, self._sampling_rate))

    def _end(self, key: int, outcome: Tensor | Exception) -> None:
        self._outcomes.append((key, outcome))
        if isinstance(outcome, Exception):
            self._call.figures.failed += 1
        else:
            self._call.figures.audio_seconds += len(outcome) / self._sampling_rate
