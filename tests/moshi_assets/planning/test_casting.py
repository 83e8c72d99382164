"""Which voice speaks each turn."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from moshi_assets.dialogues.dialogue import Turn
from moshi_assets.engines.base import VoiceError
from moshi_assets.engines.indextts2 import IndexTTS2Engine
from moshi_assets.engines.noise import NoiseEngine
from moshi_assets.planning.casting import VoiceCasting
from moshi_assets.planning.content_keys import ContentKeys
from moshi_assets.recipe import RecipeError, make_recipe
from moshi_assets.recipe.engines import IndexTTS2Options, NoiseOptions
from tests.moshi_assets.support.voices import RATE, write_voice

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


def test_draws_without_balance_are_those_of_before():
    """Pinned before there were balanced pools: existing datasets keep their voices."""
    found, drawn = casting(NAMES, NAMES[2:6]), hashlib.blake2b(digest_size=8)
    for seed in range(2000):
        drawn.update("|".join(cast(found, seed=seed * 0x9E3779B97F4A7C15 % 2**64)).encode())
    assert drawn.hexdigest() == "c524d19c5b1c5317"


def test_presets_cannot_be_balanced():
    with pytest.raises(
        RecipeError, match=r"user_voice: balance_voices_by age needs the age of every voice, and 8 of 8"
    ):
        casting(NAMES, balance_voices_by="age")


def test_a_single_voice_needs_no_trait():
    assert cast(casting("voice_0", balance_voices_by="gender")) == ["voice_7", "voice_0", "voice_7"]


# -- pools of recordings


@pytest.fixture
def choir(tmp_path: Path) -> Path:
    """A dialogue file's folder with six recordings: four women, a man, and noise."""
    (tmp_path / "voices").mkdir()
    for number in range(5):
        write_voice(tmp_path / "voices" / f"v{number}.wav", number)
    noise = np.random.default_rng(0).standard_normal(2 * RATE)
    sf.write(tmp_path / "voices" / "noise.wav", 0.1 * noise, RATE)
    traits = [{"file": f"v{n}.wav", "gender": "male" if n == 4 else "female", "age": 20 + 10 * n} for n in range(4 + 1)]
    (tmp_path / "voices" / "voices.jsonl").write_text("\n".join(map(json.dumps, traits)))
    return tmp_path


class Recordings(IndexTTS2Engine):
    """IndexTTS2's rules for voices, without its checkpoint."""

    @classmethod
    def revision(cls, options: IndexTTS2Options) -> str:
        return "none"


def recordings(folder: Path, user: Any = "voices/*", **options: Any) -> VoiceCasting:
    settings = {"name": "a", "source": str(folder / "a.jsonl"), "engine": "indextts2", "user_voice": user}
    made = make_recipe(settings | {"assistant_voice": "voices/v0.wav"} | options)
    return VoiceCasting(made, ContentKeys(Recordings, made))


def drawn(found: VoiceCasting, seeds: int = 400) -> Counter[str]:
    """How often each recording is drawn for the user, by file name."""
    turns = (Turn("user", "Hello.", None),)
    return Counter(
        Path(found.voices(turns, seed * 0x9E3779B97F4A7C15 % 2**64, "train")[0]).name for seed in range(seeds)
    )


def test_what_a_pattern_matches_and_cannot_be_a_voice_is_left_out_and_told(choir: Path):
    (choir / "voices" / "notes.txt").write_text("nothing to hear")
    found = recordings(choir)
    assert drawn(found).keys() == {f"v{n}.wav" for n in range(5)}
    assert {Path(voice).name: reason.split(" ")[3:6] for voice, reason in found.left_out.items()} == {
        "noise.wav": ["has", "no", "speech"],
        "notes.txt": ["is", "damaged", "or"],
    }


def test_a_recording_that_leaves_the_pool_moves_only_its_own_dialogues(choir: Path):
    write_voice(choir / "voices" / "noise.wav", 7)
    turns = (Turn("user", "Hello.", None),)
    with_it = [recordings(choir).voices(turns, seed, "train") for seed in range(60)]
    sf.write(choir / "voices" / "noise.wav", np.zeros(2 * RATE), RATE)
    without = [recordings(choir).voices(turns, seed, "train") for seed in range(60)]
    assert {Path(before[0]).name for before, after in zip(with_it, without, strict=True) if before != after} == {
        "noise.wav"
    }


def test_a_recording_that_is_named_and_cannot_be_a_voice_is_an_error(choir: Path):
    with pytest.raises(RecipeError, match=r"^user_voice: voice recording .*/noise.wav has no speech"):
        recordings(choir, ["voices/v*.wav", "voices/noise.wav"])


def test_a_pattern_of_which_nothing_can_be_a_voice_is_an_error(choir: Path):
    with pytest.raises(RecipeError, match=r"^user_voice: none of 1 files can be a voice; .*noise.wav has no speech"):
        recordings(choir, "voices/n*")


def test_a_pool_can_be_balanced_by_what_is_written_beside_the_recordings(choir: Path):
    usual, balanced = drawn(recordings(choir)), drawn(recordings(choir, balance_voices_by="gender"))
    assert 40 < usual["v4.wav"] < 120
    assert 160 < balanced["v4.wav"] < 240 and all(25 < balanced[f"v{n}.wav"] < 80 for n in range(4))


def test_a_pool_with_a_voice_of_which_the_trait_is_not_written_cannot_be_balanced(choir: Path):
    write_voice(choir / "voices" / "new.wav", 9)
    with pytest.raises(RecipeError) as refused:
        recordings(choir, balance_voices_by="gender")
    assert str(refused.value) == (
        f"user_voice: balance_voices_by gender needs the gender of every voice, and 1 of 6 have none "
        f"({choir}/voices/new.wav): write it into voices.jsonl beside the recordings"
    )
