"""Chooses the voice of each turn: the one named in the record, or one that the dialogue draws for the role from the
recipe's pool.

A voice that the recipe names must be usable. A file that a pattern matches and that cannot be a voice is left out of
the pool and reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from ..dialogues.dialogue import EVAL, ROLES, TRAIN, Role, Split, Turn
from ..engines.base import VoiceError
from ..engines.registry import engine_class
from ..prompts.traits import TRAITS_FILE, TraitsBook
from ..recipe import Recipe, RecipeError
from .content_keys import ContentKeys
from .voice_pools import BalancedPool, Pool, VoicePool

MAX_POOL = 10_000
"""Most voices of a pool: each file is read to identify it by its content."""
_SALT: dict[Role, int] = {"user": 0, "assistant": 0x5851F42D4C957F2D}
"""Makes the draws of the two roles independent."""


def voices_of(recipe: Recipe, role: Role, split: Split = TRAIN) -> list[str]:
    """The pool entries from which a dialogue draws a voice if the record names none.

    Args:
        role: user or assistant.
        split: train or eval.

    Raises:
        RecipeError: neither recipe nor engine has a voice.
    """
    chosen = (split == EVAL and getattr(recipe, f"eval_{role}_voice")) or getattr(recipe, f"{role}_voice")
    voices = chosen or engine_class(recipe.engine).default_voices.get(role)
    if not voices:
        raise RecipeError(
            f"engine {recipe.engine!r} has no default {role} voice: set {role}_voice in the recipe "
            f"(--{role}-voice on the command line) to a WAV file"
        )
    return [voices] if isinstance(voices, str) else voices


class VoiceCasting:
    """The voice pools of one recipe."""

    def __init__(self, recipe: Recipe, keys: ContentKeys) -> None:
        """
        Args:
            recipe: names the pools.
            keys: knows the engine's voices.

        Raises:
            RecipeError: a voice that cannot be used, a pattern that matches none that can, an evaluation voice that
                training uses too, or a voice without the trait by which the pools are balanced.
        """
        self._keys = keys
        self._balanced_by = recipe.balance_voices_by
        self.left_out: dict[str, str] = {}
        """Recordings that a pattern matches and that cannot be voices, and why."""
        self.traits = TraitsBook()
        train = {role: self._pool(f"{role}_voice", voices_of(recipe, role)) for role in ROLES}
        self._pools = {TRAIN: train, EVAL: dict(train)}
        for role in ROLES:
            if getattr(recipe, f"eval_{role}_voice"):
                setting = f"eval_{role}_voice"
                pool = self._pool(setting, voices_of(recipe, role, EVAL))
                _check_unheard(setting, pool, train)
                self._pools[EVAL][role] = pool
        self._only = {
            split: {role: pool.draw(0)[0] for role, pool in pools.items()}
            for split, pools in self._pools.items()
            if all(len(pool) == 1 for pool in pools.values())
        }

    def voices(self, turns: Sequence[Turn], seed: int, split: Split) -> list[str]:
        """The voice of each turn, as `ContentKeys` knows it.

        All turns of a role that name no voice share one. The two roles have different voices wherever there is a
        choice.

        Args:
            turns: of one dialogue; the voices that they name have passed `voice_fault`.
            seed: of the dialogue, 64 bits.
            split: train or eval.
        """
        drawn = self._only.get(split) or self._draw(turns, seed, self._pools[split])
        return [turn.voice or drawn[turn.role] for turn in turns]

    def _pool(self, setting: str, entries: Sequence[str]) -> Pool:
        """The pool that a setting describes.

        Raises:
            RecipeError: naming the setting.
        """
        named, matched = self._expand(setting, entries)
        voices = [*named, *matched]
        if len(voices) > MAX_POOL:
            raise RecipeError(f"{setting}: more than {MAX_POOL} voices, too many for a pool")
        faults = dict(zip(voices, self._keys.voice_faults(voices), strict=True))
        for voice in named:
            if fault := faults[voice]:
                raise RecipeError(f"{setting}: {fault}")
        refused = {voice: fault for voice in matched if (fault := faults[voice])}
        self.left_out |= refused
        usable = [voice for voice in voices if voice not in refused]
        if not usable:
            raise RecipeError(f"{setting}: none of {len(refused)} files can be a voice; {next(iter(refused.values()))}")
        pool = VoicePool((voice, self._keys.fingerprint(voice)) for voice in usable)
        return self._balanced(setting, pool) if self._balanced_by and len(pool) > 1 else pool

    def _expand(self, setting: str, entries: Sequence[str]) -> tuple[list[str], list[str]]:
        """The voices that entries name or that their patterns match."""
        named, matched = [], []
        for entry in entries:
            try:
                found = self._keys.pool_voices(entry)
            except VoiceError as error:
                raise RecipeError(f"{setting}: {error}") from None
            if found == [entry]:
                named.append(entry)
            else:
                matched += found
        return named, matched

    def _balanced(self, setting: str, pool: VoicePool) -> BalancedPool:
        """The same voices, grouped by a trait.

        Raises:
            RecipeError: the trait is not known of every voice.
        """
        trait, groups, without = str(self._balanced_by), defaultdict[str, list[tuple[str, str]]](list), []
        for name, fingerprint in pool.voices:
            (file,) = self._keys.voice_names([name])
            if value := self.traits.of(file).get(trait):
                groups[value].append((name, fingerprint))
            else:
                without.append(file)
        if without:
            listed = ", ".join(sorted(without)[:3]) + (", ..." if len(without) > 3 else "")
            raise RecipeError(
                f"{setting}: balance_voices_by {trait} needs the {trait} of every voice, and {len(without)} of "
                f"{len(pool)} have none ({listed}): write it into {TRAITS_FILE} beside the recordings"
            )
        return BalancedPool({value: VoicePool(voices) for value, voices in groups.items()})

    def _draw(self, turns: Sequence[Turn], seed: int, pools: dict[Role, Pool]) -> dict[Role, str]:
        named: dict[Role, set[str]] = {"user": set(), "assistant": set()}
        wanted = set()
        for turn in turns:
            if turn.voice:
                named[turn.role].add(self._keys.fingerprint(turn.voice))
            else:
                wanted.add(turn.role)

        def draw(role: Role, avoid: Collection[str]) -> tuple[str, str]:
            return pools[role].draw(seed ^ _SALT[role], avoid)

        drawn = {role: draw(role, named[_other(role)]) for role in ROLES if role in wanted}
        if len(drawn) == 2 and drawn["user"][1] == drawn["assistant"][1]:
            for role in ROLES:
                taken = drawn[_other(role)][1]
                second = draw(role, named[_other(role)] | {taken})
                if second[1] != taken:
                    drawn[role] = second
                    break
        return {role: name for role, (name, _) in drawn.items()}


def _other(role: Role) -> Role:
    return "assistant" if role == "user" else "user"


def _check_unheard(setting: str, pool: Pool, train: dict[Role, Pool]) -> None:
    for role, training in train.items():
        if shared := set(pool.fingerprints) & set(training.fingerprints):
            names = ", ".join(sorted(pool.name_of(fingerprint) for fingerprint in shared)[:3])
            raise RecipeError(
                f"{setting}: {names} is the voice of the {role} in training too ({role}_voice): give other voices, or "
                f"leave {setting} out to use those of training"
            )
