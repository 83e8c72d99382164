"""The indextts2 engine behind the seam, on the tiny checkpoint with pseudo-random weights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import yaml

from indextts.checkpoint.pseudo_checkpoint import write_checkpoint
from indextts.checkpoint.pseudo_weights import wave
from indextts.voice.leading_silence import frames_to_skip
from moshi_assets.engines.base import EngineError, VoiceError
from moshi_assets.engines.indextts2 import CPU_PRECISION, GPU_PRECISION, IndexTTS2Engine, precision_on
from moshi_assets.recipe import RecipeError, make_recipe
from moshi_assets.recipe.engines import IndexTTS2Options
from tests.indextts.support.hub import serving
from tests.moshi_assets.support.pipeline import REPOSITORY, dialogue, environment, manifest_rows, run, write_dialogues
from tests.moshi_assets.support.plain_dataset import PlainDataset, record
from tests.moshi_assets.support.voices import RATE, write_voice

QUICK = {"num_beams": 1, "generation": {"max_mel_tokens": 24}}
"""Random weights seldom stop by themselves: 24 codes are half a second."""
SILENT = np.zeros(3 * RATE, np.float32)
UNJUDGED = {"enabled": False}
"""Gates for random weights: what they say passes none."""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Working folder with two voices beside the dialogue file."""
    for name, number in (("her", 3), ("his", 10)):
        write_voice(tmp_path / f"{name}.wav", number)
    return tmp_path


def dataset(folder: Path, checkpoint: Path, lines: list[Any], **settings: Any) -> PlainDataset:
    options = QUICK | {"cfg_path": str(checkpoint / "config.yaml"), "model_dir": str(checkpoint)}
    options |= settings.pop("indextts2", {})
    defaults = {"engine": "indextts2", "user_voice": "his.wav", "assistant_voice": "her.wav", "indextts2": options}
    return PlainDataset(folder, lines, **({"gates": UNJUDGED} | defaults | settings))


def keys(talks: PlainDataset) -> list[bytes]:
    talks.plan()
    return [task["content_key"] for task in talks.tasks()]


def test_one_command_fetches_the_checkpoint_when_asked_to_and_builds_a_dataset(folder: Path, checkpoint: Path) -> None:
    source = write_dialogues(folder / "talks.jsonl", [dialogue(1), dialogue(2)])
    (folder / "quick.yaml").write_text(yaml.safe_dump({"indextts2": QUICK, "gates": UNJUDGED}))
    flags = ["--engine", "indextts2", "--cfg-path", "model/config.yaml", "--model-dir", "model"]
    flags += ["--user-voice", "hi*.wav", "--assistant-voice", "her.wav", "--recipe", "quick.yaml"]
    sf.write(folder / "hiss.wav", SILENT, RATE)

    with serving(checkpoint) as hub:
        env = environment(**hub.environment, HF_HOME=str(folder / "hub"))
        unasked = run("moshi-assets", "build", source, "--output", folder / "data", *flags, cwd=folder, env=env)
        assert (unasked.returncode, "--download" in unasked.stderr, hub.requests) == (1, True, [])
        result = run("moshi-assets", "build", source, "-o", folder / "data", *flags, "--download", cwd=folder, env=env)

    assert result.returncode == 0, result.stderr
    assert "gpt.pth (" in result.stderr and "licence" in result.stderr
    warned, spoken = (result.stderr.index(said) for said in ("left out of the pools: 1; ", "info speak"))
    assert warned < spoken and "1 recordings of the pools left out" in result.stdout
    rows = manifest_rows(folder / "data" / "talks")
    assert [row["path"] for row in rows] == ["data_stereo/talk-001.wav", "data_stereo/talk-002.wav"]
    assert run("moshi-assets", "verify", folder / "data" / "talks", cwd=folder).returncode == 0


def test_a_turn_sounds_the_same_in_any_company(folder: Path, checkpoint: Path) -> None:
    together = dataset(folder, checkpoint, [record(1), record(2)])
    together.build()
    alone = dataset(folder, checkpoint, [record(2)], name="alone")

    alone.build()

    one, other = (sf.read(talks.wav("talk_002"), dtype="int16")[0] for talks in (together, alone))
    assert one.shape == other.shape
    assert np.abs(one.astype(int) - other).max() <= 8


def test_a_second_build_speaks_nothing(folder: Path, checkpoint: Path) -> None:
    talks = dataset(folder, checkpoint, [record(1)])
    assert talks.build() == 2

    assert talks.build() == 0


def test_another_recording_under_the_same_name_is_another_voice(folder: Path, checkpoint: Path) -> None:
    talks = dataset(folder, checkpoint, [record(1)])
    before = keys(talks)
    write_voice(folder / "other.wav", 5)

    after = keys(dataset(folder, checkpoint, [record(1)], user_voice="other.wav"))

    assert before[0] != after[0]
    assert before[1] == after[1]


def test_the_same_recording_under_another_name_is_the_same_voice(folder: Path, checkpoint: Path) -> None:
    before = keys(dataset(folder, checkpoint, [record(1)]))
    shutil.copy(folder / "his.wav", folder / "copy.wav")

    assert keys(dataset(folder, checkpoint, [record(1)], user_voice="copy.wav")) == before


@pytest.mark.parametrize("change", [{"num_beams": 2}, {"interval_silence": 100}, {"generation": {"temperature": 0.5}}])
def test_an_option_that_decides_the_sound_changes_every_key(
    folder: Path, checkpoint: Path, change: dict[str, Any]
) -> None:
    before = keys(dataset(folder, checkpoint, [record(1)]))

    after = keys(dataset(folder, checkpoint, [record(1)], indextts2=change))

    assert set(before).isdisjoint(after)


def test_other_weights_change_every_key(
    folder: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = keys(dataset(folder, checkpoint, [record(1)]))
    changed = tmp_path_factory.mktemp("changed") / "model"
    shutil.copytree(checkpoint, changed)
    import torch

    matrix = torch.load(changed / "feat1.pt", weights_only=True)
    torch.save(matrix + 1, changed / "feat1.pt")
    options = {"cfg_path": str(changed / "config.yaml"), "model_dir": str(changed)}

    assert set(before).isdisjoint(keys(dataset(folder, checkpoint, [record(1)], indextts2=options)))


@pytest.mark.parametrize(
    ("emotion", "reason"),
    [
        ({"emo_text": "very happy"}, "qwen0.6bemo4-merge"),
        ({"emo_audio": "nobody.wav"}, "there is no voice recording"),
        ({"emo_vector": [1, 2]}, "user_emotion"),
        ({"emo_vector": [0] * 8, "emo_text": "both"}, "give one of"),
    ],
)
def test_a_record_with_an_impossible_emotion_is_rejected(
    folder: Path, checkpoint: Path, emotion: dict[str, Any], reason: str
) -> None:
    talks = dataset(folder, checkpoint, [record(1), record(2, user_emotion=emotion)])

    talks.plan()

    (reject,) = talks.store.rejects()
    assert reject.line == 2
    assert reason in reject.reason


def test_an_emotion_changes_how_its_turn_sounds(folder: Path, checkpoint: Path) -> None:
    plain = dataset(folder, checkpoint, [record(1)])
    plain.build()
    happy = dataset(
        folder, checkpoint, [record(1, assistant_emotion={"emo_vector": [0.8, *[0] * 7]})], name="happy", gap=0.3
    )

    happy.build()

    (user, assistant), (happy_user, happy_assistant) = (
        [np.frombuffer(talks.spoken()[task["content_key"]], np.int16).astype(int) for task in talks.tasks()]
        for talks in (plain, happy)
    )
    assert np.abs(user - happy_user).max() <= 8
    assert not np.array_equal(assistant, happy_assistant)


def test_a_recipe_s_emotion_is_for_the_turns_of_its_role(folder: Path, checkpoint: Path) -> None:
    before = keys(dataset(folder, checkpoint, [record(1)]))

    after = keys(dataset(folder, checkpoint, [record(1)], user_emotion={"emo_audio": "her.wav", "emo_alpha": 0.5}))

    assert before[0] != after[0]
    assert before[1] == after[1]


@pytest.mark.parametrize(
    ("voice", "seconds", "rate", "reason"),
    [
        ("short.wav", 0.5, 22050, "lasts 0.50 s"),
        ("narrow.wav", 2.0, 8000, "has 8000 Hz"),
        ("gone.wav", 0, 0, "no voice"),
    ],
)
def test_a_voice_that_cannot_be_a_prompt_ends_the_build_before_any_model_is_loaded(
    folder: Path, checkpoint: Path, voice: str, seconds: float, rate: int, reason: str
) -> None:
    if seconds:
        sf.write(folder / voice, wave(rate, seconds, 7), rate)
    talks = dataset(folder, checkpoint, [record(1)], user_voice=voice)

    with pytest.raises(RecipeError, match=f"user_voice: .*{reason}"):
        talks.plan()


def test_a_record_with_such_a_voice_is_rejected_and_the_rest_is_kept(folder: Path, checkpoint: Path) -> None:
    (folder / "notes.txt").write_text("no sound")
    talks = dataset(folder, checkpoint, [record(1), record(2, assistant_voice="notes.txt")])

    figures = talks.plan()

    assert (figures.dialogues, figures.rejected) == (1, 1)
    assert "notes.txt is damaged or no sound file" in next(talks.store.rejects()).reason


def test_a_recipe_s_voice_in_which_nobody_speaks_ends_the_build_with_measure_limit_and_remedy(
    folder: Path, checkpoint: Path
) -> None:
    sf.write(folder / "her.wav", SILENT, RATE)
    talks = dataset(folder, checkpoint, [record(1)])

    with pytest.raises(RecipeError) as refused:
        talks.plan()

    assert str(refused.value) == (
        f"assistant_voice: voice recording {folder}/her.wav is too quiet: -70.0 LUFS, at least -50 are needed "
        "(min_loudness_lufs): record it louder, or cut it to the part with speech"
    )


def test_a_record_with_a_voice_in_which_nobody_speaks_is_rejected(folder: Path, checkpoint: Path) -> None:
    sf.write(folder / "noise.wav", np.random.default_rng(0).normal(0, 0.1, 3 * RATE), RATE)
    talks = dataset(folder, checkpoint, [record(1), record(2, assistant_voice="noise.wav")])

    figures = talks.plan()

    assert (figures.dialogues, figures.rejected) == (1, 1)
    assert "noise.wav has no speech in the part that counts" in next(talks.store.rejects()).reason


def test_an_emotion_may_be_without_words_but_not_without_sound(folder: Path, checkpoint: Path) -> None:
    sf.write(folder / "breath.wav", np.random.default_rng(0).normal(0, 0.1, 3 * RATE), RATE)
    sf.write(folder / "nothing.wav", SILENT, RATE)
    emotions = [{"emo_audio": name} for name in ("breath.wav", "nothing.wav")]
    talks = dataset(folder, checkpoint, [record(n, user_emotion=emotion) for n, emotion in enumerate(emotions)])

    figures = talks.plan()

    assert (figures.dialogues, figures.rejected) == (1, 1)
    assert "nothing.wav is too quiet" in next(talks.store.rejects()).reason


def test_the_silence_before_a_voice_is_not_heard_by_the_engine(folder: Path, checkpoint: Path) -> None:
    her, _ = sf.read(folder / "her.wav", dtype="float32")
    sf.write(folder / "late.wav", np.append(np.zeros(20 * RATE, np.float32), her), RATE)
    options = {"cfg_path": str(checkpoint / "config.yaml"), "model_dir": str(checkpoint)}
    engine = IndexTTS2Engine(IndexTTS2Options(**options), device="cpu")

    def conditioning(path: Path) -> np.ndarray:
        return engine._model._voices.speaker(path).style.numpy()

    late = conditioning(folder / "late.wav")
    with sf.SoundFile(folder / "late.wav") as file:
        begin = frames_to_skip(file)
    sf.write(folder / "cut.wav", sf.read(folder / "late.wav", dtype="float32")[0][begin:], RATE)
    assert begin > 19 * RATE
    assert np.allclose(late, conditioning(folder / "cut.wav"))
    engine.close()


def test_a_voice_without_a_long_silence_keeps_its_keys_whether_silence_is_skipped_or_not(
    folder: Path, checkpoint: Path
) -> None:
    skipped, kept = (
        keys(dataset(folder, checkpoint, [record(1)], indextts2={"prompts": {"skip_silence": skip}}))
        for skip in (True, False)
    )
    assert skipped == kept


def test_a_parse_counts_what_a_pool_left_out_and_keeps_who_speaks(folder: Path, checkpoint: Path) -> None:
    sf.write(folder / "hiss.wav", np.random.default_rng(0).normal(0, 0.1, 3 * RATE), RATE)
    (folder / "voices.jsonl").write_text('{"file": "his.wav", "gender": "male"}\n{"file": "gone.wav"}\n')
    talks = dataset(folder, checkpoint, [record(1)], user_voice="hi*.wav")

    figures = talks.plan()

    assert figures.voices_left_out == talks.store.summary().voices_left_out == 1
    assert talks.store.voice_traits() == {str(folder / "his.wav"): {"gender": "male"}}
    left_out, unknown = figures.voice_warnings
    assert left_out.startswith(f"recordings left out of the pools: 1; voice recording {folder}/hiss.wav has no speech")
    assert unknown == f"{folder}/voices.jsonl, line 2: there is no file 'gone.wav' beside it"


def test_missing_checkpoint_files_are_all_named(folder: Path) -> None:
    talks = dataset(folder, folder / "nowhere", [record(1)])

    with pytest.raises(EngineError, match=r"(?s)config\.yaml.*gpt\.pth.*bigvgan_generator\.pt"):
        talks.plan()


def test_a_role_without_a_voice_is_an_error_that_names_the_setting(folder: Path, checkpoint: Path) -> None:
    talks = dataset(folder, checkpoint, [record(1)], user_voice=None)

    with pytest.raises(RecipeError, match="user_voice"):
        talks.plan()


def test_the_example_recipe_is_valid() -> None:
    settings = yaml.safe_load((REPOSITORY / "examples/recipes/indextts2.yaml").read_text(encoding="utf-8"))

    recipe = make_recipe(settings | {"name": "talks", "source": "talks.jsonl"})

    assert (REPOSITORY / str(recipe.user_voice)).is_file()


def expand(folder: Path, entry: str) -> list[str]:
    voices = IndexTTS2Engine.pool_voices(IndexTTS2Options(), entry, folder)
    return [Path(voice).name for voice in voices]


def test_a_pattern_stands_for_the_recordings_that_it_matches_sorted(folder: Path) -> None:
    (folder / "more").mkdir()
    shutil.copy(folder / "his.wav", folder / "more" / "a.wav")
    assert expand(folder, "*.wav") == ["her.wav", "his.wav"]
    assert expand(folder, "h[ae]*.wav") == ["her.wav"]
    assert expand(folder, "**/*.wav") == ["her.wav", "his.wav", "a.wav"]
    assert expand(folder, str(folder / "*.wav")) == ["her.wav", "his.wav"]
    assert expand(folder, "his.wav") == ["his.wav"]


def test_a_pattern_is_looked_for_in_the_working_directory_too(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert expand(tmp_path_factory.mktemp("elsewhere"), "*.wav") == ["her.wav", "his.wav"]


def test_a_folder_or_file_named_like_a_pattern_is_none(folder: Path) -> None:
    odd = folder / "take [1]"
    odd.mkdir()
    shutil.copy(folder / "his.wav", odd / "a*.wav")
    shutil.copy(folder / "his.wav", odd / "ab.wav")
    assert expand(odd, "ab?wav") == ["ab.wav"]
    assert expand(odd, "a*.wav") == ["a*.wav"]


def test_links_that_lead_in_a_circle_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "one").symlink_to(".")
    monkeypatch.setattr("moshi_assets.engines.recordings._MOST_MATCHES", 1000)
    assert expand(folder, "**/her.wav") == ["her.wav"]
    (folder / "other").symlink_to(".")
    with pytest.raises(VoiceError, match=r"more than 1000 paths match '\*\*/her\.wav'"):
        expand(folder, "**/her.wav")


def test_a_pattern_without_a_match_is_an_error_that_names_it(folder: Path) -> None:
    with pytest.raises(VoiceError, match=r"no voice recording matches 'gone/\*\.wav'"):
        expand(folder, "gone/*.wav")


def test_a_recording_that_joins_the_pool_changes_only_the_dialogues_that_draw_it(
    folder: Path, checkpoint: Path
) -> None:
    def drawn() -> dict[str, tuple[str, bytes]]:
        talks = dataset(folder, checkpoint, [record(n) for n in range(60)], user_voice=["voices/*.wav"])
        talks.plan()
        return {t["dialogue_id"]: (Path(t["voice"]).name, t["content_key"]) for t in talks.tasks() if t["turn"] == 0}

    (folder / "voices").mkdir()
    for number in range(3):
        write_voice(folder / "voices" / f"v{number}.wav", number)
    before = drawn()
    write_voice(folder / "voices" / "another.wav", 14)
    (folder / "voices" / "v1.wav").rename(folder / "voices" / "renamed.wav")
    after = drawn()

    moved = {name for name in before if before[name][1] != after[name][1]}
    assert moved == {name for name in after if after[name][0] == "another.wav"}
    assert 5 <= len(moved) <= 25
    assert {voice for voice, _ in before.values()} == {"v0.wav", "v1.wav", "v2.wav"}


def test_a_shard_tells_what_the_engine_did(folder: Path, checkpoint: Path) -> None:
    talks = dataset(folder, checkpoint, [record(1), record(2)], indextts2={"batch_size": 3})
    talks.plan()

    (report,) = talks.speak()
    summary = report.figures["talks.000000"].summary()

    shares = [value for name, value in summary.items() if name.startswith("stage_share_")]
    assert len(shares) == 6 and sum(shares) == pytest.approx(1, abs=0.001)
    assert 1 < summary["decode_batch_mean"] <= 3 and summary["tokens_per_second"] > 0
    assert 0 <= summary["padding_share"] < 0.15 and summary["out_of_memory"] == 0


@pytest.mark.parametrize(
    "change",
    [{"flow_steps": 10}, {"cfg_rate": 0.0}, {"max_prompt_seconds": 1.2}, {"precision": {"flow": "bf16"}}],
    ids=lambda change: next(iter(change)),
)
def test_a_setting_that_changes_the_sound_changes_the_keys(folder, checkpoint, change) -> None:
    usual = keys(dataset(folder, checkpoint, [record(1)]))

    assert not set(usual) & set(keys(dataset(folder, checkpoint, [record(1)], name="other", indextts2=change)))


def test_a_setting_that_only_changes_the_speed_keeps_the_keys(folder: Path, checkpoint: Path) -> None:
    usual = keys(dataset(folder, checkpoint, [record(1)]))

    assert keys(dataset(folder, checkpoint, [record(1)], name="other", indextts2={"batch_size": 2})) == usual


@pytest.mark.parametrize(
    ("settings", "device", "expected"),
    [
        ({}, "cuda:1", GPU_PRECISION),
        ({}, None, GPU_PRECISION),
        ({}, "cpu", CPU_PRECISION),
        ({"precision": {}}, "cuda:0", {}),
        ({"precision": {}}, "cpu", {}),
        ({"precision": {"vocoder": "fp16"}}, "cuda:0", {"vocoder": "fp16"}),
        ({"use_fp16": True}, "cuda:0", {}),
    ],
)
def test_bf16_is_used_unless_the_recipe_says_otherwise(monkeypatch, settings, device, expected) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: True)

    assert precision_on(device, IndexTTS2Options(**settings)) == expected


def test_a_gpu_without_bf16_speaks_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: False)

    assert precision_on("cuda:0", IndexTTS2Options()) == {}


def test_a_processor_without_bf16_speaks_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_f": True, "avx512_bf16": False})

    assert precision_on("cpu", IndexTTS2Options()) == {}
