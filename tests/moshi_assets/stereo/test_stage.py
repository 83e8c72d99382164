"""The stereo stage: every dialogue of a shard becomes one recording, or a named failure."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from moshi_assets.audio.pcm import resample
from moshi_assets.engines.base import SynthesisResult, SynthesisTask
from moshi_assets.engines.noise import NoiseEngine
from moshi_assets.recipe.engines import NoiseOptions
from moshi_assets.stereo.index import read_index
from moshi_assets.storage.dataset import DatasetError
from tests.moshi_assets.support.plain_dataset import Mute, PlainDataset, full_disk, record, records


class Loud(NoiseEngine):
    """A full-scale square wave."""

    def synthesize(self, tasks: list[SynthesisTask]) -> list[SynthesisResult]:
        audio = np.where(np.arange(4800) // 50 % 2, 32767, -32767).astype(np.int16)
        return [SynthesisResult(audio, 24000, 0.0) for _ in tasks]


def figures(dataset: PlainDataset) -> tuple[int, int, int]:
    """(written, reused, rejected) of a stereo stage over all shards."""
    stages = dataset.pair()
    return (sum(s.written for s in stages), sum(s.reused for s in stages), sum(s.rejected for s in stages))


@pytest.fixture
def built(tmp_path: Path) -> PlainDataset:
    dataset = PlainDataset(tmp_path, records(6))
    dataset.build()
    return dataset


# -- what is written


def test_every_dialogue_has_one_stereo_wav(built: PlainDataset):
    assert sorted(path.name for path in built.store.stereo_folder.iterdir()) == [f"talk_{n:03d}.wav" for n in range(6)]
    info = sf.info(built.wav("talk_000"))
    assert (info.channels, info.subtype, info.samplerate, info.format) == (2, "PCM_16", 24000, "WAV")


def test_a_recording_holds_the_mono_rows_bit_for_bit(built: PlainDataset):
    user, assistant = built.tasks()[:2]
    mono = built.spoken()
    stereo, rate = sf.read(built.wav("talk_000"), dtype="int16")
    frames = len(mono[user["content_key"]]) // 2
    start = frames + round(0.3 * rate)
    assert stereo[:frames, 1].tobytes() == mono[user["content_key"]]
    assert stereo[start:, 0].tobytes() == mono[assistant["content_key"]]
    assert not stereo[frames:, 1].any() and not stereo[:start, 0].any()


def test_overlapped_turns_start_at_zero_at_the_native_rate(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(1), layout="overlapped", sample_rate="native")
    dataset.build()
    user, assistant = dataset.tasks()
    mono = dataset.spoken()
    stereo, _ = sf.read(dataset.wav("talk_000"), dtype="int16")
    frames = len(mono[user["content_key"]]) // 2
    assert stereo[:frames, 1].tobytes() == mono[user["content_key"]]
    assert stereo[:, 0].tobytes()[: len(mono[assistant["content_key"]])] == mono[assistant["content_key"]]
    assert len(stereo) == max(len(samples) // 2 for samples in mono.values())


def test_turns_are_resampled_to_the_recipe_s_rate(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(1), sample_rate=16000, gap=0)
    dataset.build()
    user = dataset.spoken()[dataset.tasks()[0]["content_key"]]
    stereo, rate = sf.read(dataset.wav("talk_000"), dtype="int16")
    expected = resample(np.frombuffer(user, np.int16), 24000, 16000)
    assert rate == 16000
    assert np.array_equal(stereo[: len(expected), 1], expected)


@pytest.mark.parametrize(("gap", "frames"), [(0.0, 0), (0.3, 7200), (1.5, 36000)])
def test_the_gap_lies_between_the_turns(tmp_path: Path, gap: float, frames: int):
    dataset = PlainDataset(tmp_path, records(1), gap=gap)
    dataset.build()
    (recording,) = read_index(dataset.store.index_path("talks.000000"))
    user, assistant = recording.turns
    assert assistant.start - (user.start + user.frames) == frames


def test_shard_dirs_hold_one_shard_each(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(6), shard_dirs=True)
    dataset.build()
    folders = {path.name: len(list(path.iterdir())) for path in dataset.store.stereo_folder.iterdir()}
    assert folders == {"talks.000000": 4, "talks.000001": 2}


def test_one_engine_seed_gives_the_same_files(tmp_path: Path):
    one, two = PlainDataset(tmp_path, records(6)), PlainDataset(tmp_path, records(6), name="two", worker_count=2)
    one.build()
    two.build()
    wavs = [{path: data for path, data in d.outputs().items() if path.endswith(".wav")} for d in (one, two)]
    assert wavs[0] == wavs[1]


# -- what is written again


def test_finished_recordings_are_reused(built: PlainDataset):
    assert figures(built) == (0, 6, 0)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-2]),
        lambda path: path.write_bytes(path.read_bytes()[:-2] + b"xx"),
        lambda path: path.write_bytes(path.read_bytes()[:60]),
        lambda path: sf.write(path, sf.read(path)[0][:, ::-1], 24000, subtype="PCM_16"),
        lambda path: sf.write(path, sf.read(path)[0][:, 0], 24000, subtype="PCM_16"),
        lambda path: sf.write(path, sf.read(path)[0], 16000, subtype="PCM_16"),
        lambda path: sf.write(path, sf.read(path)[0], 24000, subtype="FLOAT"),
    ],
    ids=["lost", "empty", "cut", "changed", "header-only", "swapped", "mono", "rate", "float"],
)
def test_a_damaged_wav_is_written_again_from_its_parts(built: PlainDataset, damage: Any):
    before = built.outputs()
    damage(built.wav("talk_002"))
    assert figures(built) == (1, 5, 0)
    assert built.outputs() == before


def test_an_edited_dialogue_is_written_again(built: PlainDataset):
    lines = records(6)
    lines[1]["user_text"] = "Quite another question?"
    built.write(lines)
    built.plan()
    built.speak()
    assert figures(built) == (1, 5, 0)


@pytest.mark.parametrize("setting", [{"gap": 0.5}, {"layout": "overlapped"}, {"sample_rate": 16000}])
def test_a_changed_assembly_writes_all_again(built: PlainDataset, setting: dict[str, Any]):
    built.settings |= setting
    built.plan()
    assert figures(built) == (6, 0, 0)


def test_a_new_place_writes_all_again(built: PlainDataset):
    built.settings["shard_dirs"] = True
    built.build()
    assert len(list(built.store.stereo_folder.glob("*/*.wav"))) == 6
    assert list(built.store.stereo_folder.glob("*.wav")) == []


def test_a_damaged_index_writes_the_shard_again(built: PlainDataset):
    before = built.outputs()
    built.store.index_path("talks.000000").write_bytes(b"no index")
    assert figures(built) == (4, 2, 0)
    assert built.outputs() == before


# -- mono parts that are not kept


def test_keep_mono_false_leaves_no_part(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(6), keep_mono=False)
    dataset.build()
    assert list(dataset.store.folder.glob("mono/**/*.arrow")) == []


def test_keep_mono_false_gives_the_same_files(tmp_path: Path, built: PlainDataset):
    dataset = PlainDataset(tmp_path, records(6), keep_mono=False, name="lean")
    dataset.build()
    assert {path.read_bytes() for path in dataset.store.stereo_folder.iterdir()} == {
        path.read_bytes() for path in built.store.stereo_folder.iterdir()
    }


def test_a_rebuild_without_mono_parts_speaks_nothing(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(6), keep_mono=False)
    dataset.build()
    before = dataset.outputs()
    assert dataset.build() == 0
    assert dataset.outputs() == before


def test_without_mono_parts_a_damaged_wav_is_spoken_again(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(6), keep_mono=False)
    dataset.build()
    before = dataset.outputs()
    dataset.wav("talk_002").write_bytes(b"")
    assert dataset.build() == 2
    assert dataset.outputs() == before


def test_without_mono_parts_an_edited_turn_is_all_that_is_spoken(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(6), keep_mono=False)
    dataset.build()
    lines = records(6)
    lines[1]["user_text"] = "Quite another question?"
    dataset.write(lines)
    assert dataset.build() == 1


@pytest.mark.parametrize(
    "setting",
    [{"gap": 0.5}, {"timing": "natural"}, {"layout": "overlapped"}, {"pack_seconds": 2}, {"shard_dirs": True}],
)
def test_without_mono_parts_another_assembly_speaks_nothing(tmp_path: Path, setting: dict[str, Any]):
    lean = PlainDataset(tmp_path, records(6), keep_mono=False)
    lean.build()
    lean.settings |= setting
    assert lean.build() == 0

    fresh = PlainDataset(tmp_path, records(6), name="fresh", **setting)
    fresh.build()
    wavs = [sorted(p.read_bytes() for p in d.store.stereo_folder.rglob("*.wav")) for d in (lean, fresh)]
    assert wavs[0] == wavs[1]
    assert list(lean.store.folder.glob("mono/**/*.arrow")) == []


def test_without_mono_parts_another_rate_is_spoken_again(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3), keep_mono=False)
    dataset.build()
    dataset.settings["sample_rate"] = 16000
    assert dataset.build() == 6


# -- failures


def test_a_dialogue_that_was_not_spoken_is_a_named_failure(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [record(0), record(1, user_text="bad"), record(2)])
    dataset.plan()
    dataset.speak(Mute())
    assert figures(dataset) == (2, 0, 1)
    failed = read_index(dataset.store.index_path("talks.000000"))[1]
    assert failed.dialogue_ids == ("talk_001",) and "no voice left" in str(failed.failure)


def test_a_failed_dialogue_has_no_wav_even_if_it_had_one(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3))
    dataset.build()
    dataset.write([record(0), record(1, user_text="bad"), record(2)])
    dataset.build(Mute())
    assert sorted(path.stem for path in dataset.store.stereo_folder.iterdir()) == ["talk_000", "talk_002"]


def test_unspoken_tasks_without_a_failure_are_an_error_that_names_the_shard(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3))
    dataset.plan()
    with pytest.raises(DatasetError, match=r"'talk_000' are not spoken: materialize mono_syntheses for talks\.000000"):
        dataset.pair()


def test_a_clipped_recording_that_no_gate_stopped_is_a_fault_and_is_not_published(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(1), gates={"enabled": False})
    dataset.plan()
    dataset.speak(Loud(NoiseOptions()))
    (stage,) = dataset.pair()
    assert {fault.check for fault in stage.faults} == {"clipping"}
    with pytest.raises(DatasetError, match=r"talk_000\.wav must not be trained on.*clipped.*line \(1\)"):
        dataset.publish()


def test_parts_of_a_faulty_shard_are_kept(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(1), keep_mono=False, gates={"enabled": False})
    dataset.plan()
    dataset.speak(Loud(NoiseOptions()))
    dataset.pair()
    assert len(dataset.spoken()) == 2


def test_a_full_disk_is_an_error_and_leaves_earlier_recordings(built: PlainDataset):
    before = built.outputs()
    built.wav("talk_005").unlink()
    with full_disk(20_000), pytest.raises(OSError):
        built.pair()
    assert {path: data for path, data in before.items() if "talk_005" not in path} == built.outputs()


def test_a_folder_in_the_place_of_a_wav_is_an_error_that_names_it(built: PlainDataset):
    built.wav("talk_005").unlink()
    built.wav("talk_005").mkdir()
    with pytest.raises(OSError, match="talk_005"):
        built.pair()


def test_sound_that_was_balanced_can_be_kept_but_is_no_source_for_another_recording(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3), target_lufs=-30, noise={"characters_per_second": 20.0})
    dataset.build()
    shutil.rmtree(dataset.store.folder / "mono")
    assert figures(dataset) == (0, 3, 0)

    dataset.settings |= {"target_lufs": None, "keep_mono": False}
    assert dataset.build() == 6
