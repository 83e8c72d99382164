"""Which voice speaks each turn."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moshi_assets.dialogues.dialogue import Turn
from moshi_assets.engines.base import VoiceError
from moshi_assets.engines.noise import NoiseEngine
from moshi_assets.planning.casting import VoiceCasting
from moshi_assets.planning.content_keys import ContentKeys
from moshi_assets.recipe import RecipeError, make_recipe
from moshi_assets.recipe.engines import NoiseOptions

NAMES = [f"voice_{number}" for number in range(8)]
TALK = (Turn("assistant", "Hi.", None), Turn("user", "Hello.", None), Turn("assistant", "Hm?", None))


class Choir(NoiseEngine):
    """Noise in eight voices; `old*` stands for the first four, `none*` for none."""

    _peaks = dict.fromkeys(NAMES, 64)

    @classmethod
    def pool_voices(cls, options: NoiseOptions, entry: str, folder: Path) -> list[str]:
        if entry.startswith("none"):
            raise VoiceError(f"no voice recording matches {entry!r}")
        return NAMES[:4] if entry == "old*" else [entry]


def casting(user: Any, assistant: Any = "voice_7", **options: Any) -> tuple[VoiceCasting, ContentKeys]:
    made = make_recipe(
        {"name": "a", "source": "/a", "engine": "noise", "user_voice": user, "assistant_voice": assistant} | options
    )
    keys = ContentKeys(Choir, made)
    return VoiceCasting(made, keys), keys


def cast(found: tuple[VoiceCasting, ContentKeys], turns: tuple[Turn, ...] = TALK, seed: int = 1, split: str = "train"):
    """Voices of the turns; those that they name are looked up first, as admission does."""
    assert all(found[1].voice_fault(turn.voice) is None for turn in turns if turn.voice)
    return found[0].voices(turns, seed, split)


def test_one_voice_for_each_role_speaks_every_dialogue():
    assert cast(casting("voice_0")) == ["voice_7", "voice_0", "voice_7"]


@given(seed=st.integers(0, 2**64 - 1))
@settings(max_examples=50)
def test_all_turns_of_a_role_share_the_voice_that_was_drawn(seed: int):
    first, second, third = cast(casting(NAMES, NAMES), seed=seed)
    assert first == third != second


def test_dialogues_draw_different_voices():
    found = casting(["old*", "voice_5"])
    drawn = Counter(cast(found, seed=seed)[1] for seed in range(1000))
    assert set(drawn) == {*NAMES[:4], "voice_5"} and min(drawn.values()) > 140


@pytest.mark.parametrize(
    ("user", "assistant"),
    [(NAMES, NAMES), (NAMES[:2], NAMES[:2]), (NAMES[:1], NAMES[:2]), (NAMES[:2], NAMES[:1]), (NAMES[:3], NAMES[1:4])],
)
def test_the_roles_have_different_voices_where_there_is_a_choice(user: list[str], assistant: list[str]):
    found = casting(user, assistant)
    for seed in range(200):
        spoken, asked, _ = cast(found, seed=seed)
        assert spoken != asked and spoken in assistant and asked in user


def test_roles_without_a_choice_share_their_voice():
    assert cast(casting("voice_1", ["voice_1"])) == ["voice_1"] * 3


def test_a_turn_s_own_voice_wins_and_the_other_role_avoids_it():
    turns = (Turn("assistant", "Hi.", "voice_2"), Turn("user", "Hello.", None), Turn("assistant", "Hm?", None))
    found = casting(["voice_2", "voice_3"], ["voice_4", "voice_5"])
    for seed in range(50):
        first, second, third = cast(found, turns, seed)
        assert (first, second) == ("voice_2", "voice_3") and third in ("voice_4", "voice_5")


def test_a_role_that_never_draws_takes_no_voice_from_the_other():
    turns = (Turn("user", "Hello.", "voice_6"), Turn("assistant", "Hi.", None))
    alone, both = casting("voice_1", NAMES[:3]), casting(NAMES[:3], NAMES[:3])
    for seed in range(50):
        assert cast(alone, turns[1:], seed) == cast(both, turns, seed)[1:]


def test_evaluation_dialogues_draw_from_their_own_pool():
    found = casting("old*", eval_user_voice=["voice_5", "voice_6"], eval_count=1)
    drawn = {split: {cast(found, seed=seed, split=split)[1] for seed in range(100)} for split in ("train", "eval")}
    assert drawn == {"train": set(NAMES[:4]), "eval": {"voice_5", "voice_6"}}
    assert cast(found, split="eval")[0] == "voice_7"


@pytest.mark.parametrize("evaluation", ["voice_3", ["voice_5", "voice_3"], "old*", "voice_7"])
def test_a_voice_of_training_in_the_pool_of_evaluation_is_an_error(evaluation: Any):
    with pytest.raises(
        RecipeError, match=r"^eval_user_voice: voice_\d.* is the voice of the (user|assistant) in training"
    ):
        casting("old*", eval_user_voice=evaluation, eval_count=1)


@pytest.mark.parametrize(
    ("pool", "reason"),
    [
        ("nobody", "user_voice: unknown voice 'nobody'"),
        (["voice_1", "nobody"], "user_voice: unknown voice 'nobody'"),
        (["voice_1", "none*"], r"user_voice: no voice recording matches 'none\*'"),
    ],
)
def test_a_pool_that_cannot_be_used_is_an_error_that_names_the_setting(pool: Any, reason: str):
    with pytest.raises(RecipeError, match=reason):
        casting(pool)
