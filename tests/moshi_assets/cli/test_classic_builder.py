"""The classic builder: the old tool's output byte for byte, and how the pipeline's recordings relate to it."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from indextts import IndexTTS2
from indextts.checkpoint.pseudo_checkpoint import write_checkpoint
from moshi_assets.cli.classic_builder import ClassicFigures, build_classic, side_by_side
from moshi_assets.dialogues.dialogue import Role
from moshi_assets.dialogues.reader import DialogueFileError
from moshi_assets.recipe import RecipeError
from moshi_assets.stereo.recording import CHANNEL
from tests.moshi_assets.support.plain_dataset import SHORT_NOISE, PlainDataset, record, records
from tests.moshi_assets.support.voices import write_voice

CLASSIC = {"layout": "overlapped", "sample_rate": "native"}
UNEVEN = {"engine": "noise", "noise": {"characters_per_second": 40.0}}
LINES = [
    record(0, user_text="Short.", assistant_text="A rather long answer to a short question, is it not?"),
    record(1, user_text="A rather long question that wants nothing much in return.", assistant_text="No."),
    "broken",
    record(2, id="../odd / name", user_voice="high"),
    record(3, id="Talk"),
    record(4, id="talk"),
    record(0),
    *[record(number) for number in range(5, 12)],
]


def digests(dataset: PlainDataset) -> dict[str, str]:
    """SHA-256 of every WAV and the manifest, by file name."""
    return {
        path.removeprefix(dataset.store.name): hashlib.sha256(data).hexdigest()
        for path, data in dataset.outputs().items()
    }


def classic(folder: Path, lines: list[dict[str, Any] | str], **settings: Any) -> tuple[PlainDataset, ClassicFigures]:
    dataset = PlainDataset(folder, lines, **{**CLASSIC, **settings, "name": "classic"})
    return dataset, build_classic(dataset.recipe, dataset.store)


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_the_pipeline_gives_the_bytes_of_the_classic_builder(tmp_path: Path, lanes: int):
    oracle, _ = classic(tmp_path, LINES, **UNEVEN)
    dataset = PlainDataset(tmp_path, LINES, worker_count=lanes, **CLASSIC, **UNEVEN)
    dataset.build()
    assert len(digests(dataset)) == 12 + 1
    assert digests(dataset) == digests(oracle)


@pytest.mark.parametrize("lanes", [1, 2])
def test_with_the_builtin_voice_too(tmp_path: Path, lanes: int):
    lines = [record(0, user_text="Where is the station?", assistant_text="Behind the park."), record(1)]
    oracle, _ = classic(tmp_path, lines, engine="builtin")
    dataset = PlainDataset(tmp_path, lines, engine="builtin", worker_count=lanes, **CLASSIC)
    dataset.build()
    assert digests(dataset) == digests(oracle)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


def engine_settings(engine: str, folder: Path, checkpoint: Path) -> dict[str, Any]:
    """A recipe for an engine; the tiny IndexTTS2 as `infer` runs it: float32, one row at a time."""
    if engine != "indextts2":
        return {"engine": engine, **(UNEVEN if engine == "noise" else {})}
    for name, number in (("her", 3), ("his", 10)):
        write_voice(folder / f"{name}.wav", number, seconds=1.2)
    paths = {"cfg_path": str(checkpoint / "config.yaml"), "model_dir": str(checkpoint)}
    options = paths | {"generation": {"max_mel_tokens": 24}, "precision": {}, "batch_size": 1}
    voices = {"user_voice": "his.wav", "assistant_voice": "her.wav", "gates": {"enabled": False}}
    return {"engine": engine, "indextts2": options, **voices}


def old_chain(folder: Path, name: str) -> bytes:
    """The old tool's recording of two mono files, by soundfile alone and with its defaults."""
    (user, rate), (assistant, _) = (sf.read(folder / f"tmp_mono/{name}_{role}.wav") for role in ("user", "assistant"))
    frames = max(len(user), len(assistant))
    padded = [np.concatenate([wave, np.zeros(frames - len(wave))]) for wave in (assistant, user)]
    sf.write(folder / "expected.wav", np.stack(padded, axis=1), rate)
    return (folder / "expected.wav").read_bytes()


ENGINES = pytest.mark.parametrize("engine", ["noise", "builtin", "indextts2"])


@ENGINES
def test_every_recording_is_that_of_the_old_chain_byte_for_byte(tmp_path: Path, checkpoint: Path, engine: str):
    settings = engine_settings(engine, tmp_path, checkpoint) | {"keep_temp": True}
    oracle, figures = classic(tmp_path, LINES[:2], **settings)

    assert figures.recordings == 2
    for name in ("talk_000", "talk_001"):
        assert oracle.wav(name).read_bytes() == old_chain(oracle.store.folder, name)


@ENGINES
@pytest.mark.parametrize("lanes", [1, 2])
def test_the_pipeline_s_samples_are_the_classic_ones_but_for_one_step_above_half_scale(
    tmp_path: Path, checkpoint: Path, engine: str, lanes: int
):
    settings = engine_settings(engine, tmp_path, checkpoint)
    oracle, _ = classic(tmp_path, LINES[:2], **settings)
    dataset = PlainDataset(tmp_path, LINES[:2], worker_count=lanes, **CLASSIC, **settings)
    dataset.build()

    for name in ("talk_000", "talk_001"):
        ours, theirs = (sf.read(built.wav(name), dtype="int16")[0].astype(int) for built in (dataset, oracle))
        assert_related(ours, theirs)
        assert not np.array_equal(ours, np.roll(theirs, 1, axis=0))  # they are not merely silent


def assert_related(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Equal up to half scale; above that the old chain may be one step nearer to zero (libsndfile's x * 32767)."""
    moved = (np.abs(ours) - np.abs(theirs))[np.abs(ours) > 16384]
    assert np.array_equal(ours[np.abs(ours) <= 16384], theirs[np.abs(ours) <= 16384])
    assert np.isin(moved, (0, 1)).all()


def test_that_relation_holds_for_every_sample_value(tmp_path: Path):
    values = np.arange(-32767, 32768, dtype=np.int16)
    paths: dict[Role, Path] = {"user": tmp_path / "a.wav", "assistant": tmp_path / "b.wav"}
    for path in paths.values():
        sf.write(path, values, 24000)

    stereo, rate = side_by_side(paths)
    sf.write(tmp_path / "stereo.wav", stereo, rate)

    written = sf.read(tmp_path / "stereo.wav", dtype="int16")[0].astype(int)
    assert_related(values.astype(int), written[:, 0])
    assert_related(values.astype(int), np.rint(stereo[:, 1] * 32767).astype(int))
    with pytest.raises(AssertionError):  # a rounding conversion would not pass
        assert_related(values.astype(int), written[:, 0] + 1)


def test_overlapped_native_recordings_hold_the_samples_that_infer_writes(tmp_path: Path, checkpoint: Path):
    settings = engine_settings("indextts2", tmp_path, checkpoint)
    dataset = PlainDataset(tmp_path, LINES[:1], **CLASSIC, **settings)
    dataset.build()
    stereo, _ = sf.read(dataset.wav("talk_000"), dtype="int16")
    tts = IndexTTS2(checkpoint / "config.yaml", checkpoint, device="cpu")

    for task in dataset.tasks():
        options = {"seed": task["seed"] % 2**62, "num_beams": 1, "max_mel_tokens": 24}
        tts.infer(task["voice"], task["text"], tmp_path / "turn.wav", **options)
        turn, _ = sf.read(tmp_path / "turn.wav", dtype="int16")
        assert np.array_equal(stereo[: len(turn), CHANNEL[task["role"]]], turn)
        assert not stereo[len(turn) :, CHANNEL[task["role"]]].any()


def test_temporary_files_are_kept_when_asked_for(tmp_path: Path):
    for keep in (False, True):
        oracle, _ = classic(tmp_path, [record(0), {"user_text": "No id.", "assistant_text": "None."}], keep_temp=keep)
        temporary = oracle.store.folder / "tmp_mono"
        assert temporary.is_dir() == keep
    roles = ("assistant", "user")
    names = [f"{name}_{role}.wav" for name in ("sample_000001", "talk_000") for role in roles]
    assert sorted(path.name for path in temporary.iterdir()) == names


def test_a_record_without_an_id_is_counted_from_zero_here_and_from_one_in_the_pipeline(tmp_path: Path):
    nameless = {"user_text": "No id.", "assistant_text": "None."}
    oracle, _ = classic(tmp_path, ["", nameless, nameless])
    dataset = PlainDataset(tmp_path, ["", nameless, nameless], **CLASSIC)
    dataset.build()

    assert [Path(row["path"]).stem for row in oracle.rows()] == ["sample_000001", "sample_000002"]
    assert [Path(row["path"]).stem for row in dataset.rows()] == ["sample_000002", "sample_000003"]


def test_both_reject_the_same_lines(tmp_path: Path):
    oracle, figures = classic(tmp_path, LINES)
    dataset = PlainDataset(tmp_path, LINES, **CLASSIC)
    dataset.build()
    assert oracle.store.rejects_path.read_bytes() == dataset.store.rejects_path.read_bytes()
    assert (figures.recordings, figures.rejected) == (12, 2)


def test_max_samples_and_seed_count_for_both(tmp_path: Path):
    settings: dict[str, Any] = {"max_samples": 3, "seed": 99}
    oracle, _ = classic(tmp_path, LINES, **settings)
    dataset = PlainDataset(tmp_path, LINES, **CLASSIC, **settings)
    dataset.build()
    assert len(oracle.rows()) == 3
    assert digests(dataset) == digests(oracle)


def test_another_seed_gives_other_bytes(tmp_path: Path):
    first = digests(classic(tmp_path, records(2))[0])
    second = digests(classic(tmp_path, records(2), seed=1)[0])
    assert first.keys() == second.keys()
    assert all(first[path] != second[path] for path in first if path.endswith(".wav"))


def test_figures_are_those_of_the_recordings(tmp_path: Path):
    oracle, figures = classic(tmp_path, records(3))
    assert figures.audio_seconds == pytest.approx(sum(row["duration"] for row in oracle.rows()))
    assert figures.wall_seconds > 0


def test_progress_is_told_after_every_recording(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3), **CLASSIC)
    told: list[int] = []
    build_classic(dataset.recipe, dataset.store, lambda figures: told.append(figures.recordings))
    assert told == [1, 2, 3]


def test_both_turns_start_at_zero_and_keep_the_engine_s_rate(tmp_path: Path):
    oracle, _ = classic(tmp_path, records(1))
    samples, rate = sf.read(oracle.wav("talk_000"), dtype="int16")
    assert rate == 24000 and samples[:10].any(axis=0).all()


def test_an_unreadable_file_is_an_error(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(1), noise=SHORT_NOISE, **CLASSIC)
    dataset.source.unlink()
    with pytest.raises(DialogueFileError):
        build_classic(dataset.recipe, dataset.store)


def test_a_longer_conversation_is_none_for_the_classic_builder(tmp_path: Path):
    turns = [{"role": "user", "text": "Hi."}, {"role": "assistant", "text": "Hello."}]
    lines = [{"id": "two", "turns": turns}, {"id": "three", "turns": [*turns, turns[0]]}]
    oracle, figures = classic(tmp_path, lines)
    assert (figures.recordings, figures.rejected) == (1, 1)
    assert [(reject.line, reject.id) for reject in oracle.store.rejects()] == [(2, "three")]


def test_the_classic_builder_keeps_nothing_for_evaluation(tmp_path: Path):
    with pytest.raises(RecipeError, match="one manifest"):
        classic(tmp_path, records(3), eval_count=1)
