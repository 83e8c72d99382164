"""Options of drawing codes. docs/indextts2.md §6."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GenerationOptions:
    """Options of drawing codes; the defaults are those of the published `infer`.

    `typical_sampling` excludes codes that are not typical, before `top_k` and `top_p`: see
    `indextts.decoding.sampling.keep_typical`, whose mass is `typical_mass`.
    """

    do_sample: bool = True
    top_p: float = 0.8
    top_k: int = 30
    temperature: float = 0.8
    length_penalty: float = 0.0
    num_beams: int = 3
    repetition_penalty: float = 10.0
    max_mel_tokens: int = 1500
    min_mel_tokens: int = 0
    typical_sampling: bool = False
    typical_mass: float = 0.9

    def __post_init__(self) -> None:
        if self.num_beams < 1:
            raise ValueError(f"num_beams is {self.num_beams}, expected 1 or more")
        if self.top_k < 0:
            raise ValueError(f"top_k is {self.top_k}, expected 0 (off) or more")
        if not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p is {self.top_p}, expected a number in (0, 1]")
        if not self.temperature > 0.0:
            raise ValueError(f"temperature is {self.temperature}, expected more than 0; do_sample=False is greedy")
        if not self.repetition_penalty > 0.0:
            raise ValueError(f"repetition_penalty is {self.repetition_penalty}, expected more than 0 (1: off)")
        if self.max_mel_tokens < 1:
            raise ValueError(f"max_mel_tokens is {self.max_mel_tokens}, expected 1 or more")
        if not 0 <= self.min_mel_tokens <= self.max_mel_tokens:
            raise ValueError(f"min_mel_tokens is {self.min_mel_tokens}, expected 0 to max_mel_tokens")
        if not 0.0 < self.typical_mass < 1.0:
            raise ValueError(f"typical_mass is {self.typical_mass}, expected a number between 0 and 1")

    @property
    def draws_per_step(self) -> int:
        """Number of random numbers that a row uses in one step: beams need 2n candidates."""
        return 1 if self.num_beams == 1 else 2 * self.num_beams
