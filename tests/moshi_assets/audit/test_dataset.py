"""A finished dataset is checked from its files alone, and every kind of damage is named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from moshi_assets.audit.dataset import Fault, dataset_faults
from moshi_assets.stereo.index import read_index, write_index
from moshi_assets.stereo.recording import CHANNEL, PlacedTurn, Recording, checksum, write_recording
from moshi_assets.stereo.recording_check import recording_faults
from moshi_assets.storage.checked_table import write_table
from tests.moshi_assets.support.plain_dataset import Mute, PlainDataset, record, records

RATE = 24000


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> PlainDataset:
    dataset = PlainDataset(tmp_path_factory.mktemp("finished"), [*records(6), "broken"])
    dataset.build()
    return dataset


@pytest.fixture
def copy(finished: PlainDataset, tmp_path: Path) -> PlainDataset:
    """A copy of the finished dataset that a test may damage."""
    shutil.copytree(finished.store.folder, tmp_path / "data" / "talks")
    return PlainDataset(tmp_path, [*records(6), "broken"])


def faults(dataset: PlainDataset) -> list[Fault]:
    return list(dataset_faults(dataset.store.folder))


def test_a_finished_dataset_has_no_fault(finished: PlainDataset):
    assert faults(finished) == []


def test_a_dataset_with_failures_has_no_fault(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [record(0), record(1, user_text="bad"), record(2)])
    dataset.build(Mute())
    assert faults(dataset) == []


def test_a_dataset_without_mono_parts_has_no_fault(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(3), keep_mono=False)
    dataset.build()
    assert faults(dataset) == []


def test_a_dataset_that_was_moved_has_no_fault(copy: PlainDataset, tmp_path: Path):
    moved = tmp_path / "elsewhere" / "talks"
    shutil.move(copy.store.folder, moved)
    copy.source.unlink()
    assert list(dataset_faults(moved)) == []


def rewrite(change: Callable[[np.ndarray], np.ndarray], rate: int = RATE, subtype: str = "PCM_16"):
    """Damage that reads a WAV, changes its samples and writes it back."""

    def damage(path: Path) -> None:
        samples, _ = sf.read(path, dtype="int16")
        sf.write(path, change(samples.copy()), rate, subtype=subtype)

    return damage


def quieter(samples: np.ndarray) -> np.ndarray:
    return samples // 2000


def with_noise_in_the_gap(samples: np.ndarray) -> np.ndarray:
    samples[0, 0] = 1
    return samples


def clipped(samples: np.ndarray) -> np.ndarray:
    samples[:400, 1] = 32767
    return samples


WAV_DAMAGE = {
    "swapped": (rewrite(lambda s: s[:, ::-1]), "roles", "turn 0 (user) is on the other channel"),
    "mono": (rewrite(lambda s: s[:, 0]), "format", "1 channel(s)"),
    "rate": (rewrite(lambda s: s, rate=16000), "format", "sample rate is 16000 Hz, not 24000"),
    "float": (rewrite(lambda s: s, subtype="FLOAT"), "format", "FLOAT"),
    "shorter": (rewrite(lambda s: s[:-1]), "format", "frames, not"),
    "longer": (rewrite(lambda s: np.vstack([s, s[:1]])), "format", "frames, not"),
    "silent": (rewrite(np.zeros_like), "silence", "the user channel is silent"),
    "quiet": (rewrite(quieter), "silence", "the assistant channel is silent"),
    "clipped": (rewrite(clipped), "clipping", "of the user channel is clipped"),
    "identical": (rewrite(lambda s: np.stack([s[:, 0]] * 2, axis=1)), "channels", "both channels are the same"),
    "padding": (rewrite(with_noise_in_the_gap), "padding", "the assistant channel is not exact zero"),
    "other": (rewrite(np.flipud), "roles", "differs from what was spoken"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "format", "frames, not"),
    "empty": (lambda path: path.write_bytes(b""), "format", "cannot be read"),
    "no-wav": (lambda path: path.write_text("hello"), "format", "cannot be read"),
    "missing": (Path.unlink, "format", "cannot be read"),
}


@pytest.mark.parametrize("kind", WAV_DAMAGE)
def test_damage_to_a_wav_is_named(copy: PlainDataset, kind: str):
    damage, check, message = WAV_DAMAGE[kind]
    damage(copy.wav("talk_003"))

    found = faults(copy)

    assert {fault.where for fault in found} == {"data_stereo/talk_003.wav"}
    assert [fault for fault in found if fault.check == check and message in fault.message]


def test_a_change_of_one_sample_is_found(copy: PlainDataset):
    path = copy.wav("talk_003")
    content = bytearray(path.read_bytes())
    content[44 + 400] ^= 1
    path.write_bytes(content)
    assert len(faults(copy)) == 1


def edit_manifest(change: Callable[[list[str]], list[str]]) -> Callable[[PlainDataset], None]:
    def damage(dataset: PlainDataset) -> None:
        path = dataset.store.manifest_path
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    return damage


def edited_rejects(dataset: PlainDataset) -> None:
    dataset.store.rejects_path.write_text("")


def edited_tasks(dataset: PlainDataset) -> None:
    dataset.write([record(0, user_text="Another?"), *records(6)[1:], "broken"])
    dataset.plan()


def lost_row(dataset: PlainDataset) -> None:
    path = dataset.store.index_path("talks.000000")
    write_index(path, read_index(path)[:-1])


DATASET_DAMAGE = {
    "row-missing": (edit_manifest(lambda rows: rows[:-1]), "the row of data_stereo/talk_005.wav is missing"),
    "row-in-the-middle-missing": (edit_manifest(lambda rows: rows[:2] + rows[3:]), "talk_002.wav' belongs"),
    "row-twice": (edit_manifest(lambda rows: [*rows, rows[-1]]), "more rows than recordings"),
    "rows-swapped": (edit_manifest(lambda rows: rows[::-1]), "where 'data_stereo/talk_000.wav' belongs"),
    "duration": (edit_manifest(lambda rows: [rows[0].replace('"duration": 0', '"duration": 1'), *rows[1:]]), "is 1."),
    "path": (edit_manifest(lambda rows: [rows[0].replace("talk_000", "talk_00x"), *rows[1:]]), "names 'data_stereo"),
    "no-json": (edit_manifest(lambda rows: ["{\n", *rows[1:]]), "is not a manifest row"),
    "no-object": (edit_manifest(lambda rows: ["[1]\n", *rows[1:]]), "is not a manifest row"),
    "blank-row": (edit_manifest(lambda rows: ["\n", *rows]), "is not a manifest row"),
    "empty-manifest": (edit_manifest(lambda rows: []), "is missing"),
    "no-manifest": (lambda dataset: dataset.store.manifest_path.unlink(), "cannot be read"),
    "binary-manifest": (lambda dataset: dataset.store.manifest_path.write_bytes(b"\xff" * 40), "talks.jsonl:1: cannot"),
    "undecodable-rejects": (lambda d: d.store.rejects_path.write_bytes(b"\xff\n"), "rejects.ndjson:1 is not a reject"),
    "undecodable-recipe": (lambda d: d.store.recipe_path.write_bytes(b"\xff\n"), "recipe.yaml is not UTF-8"),
    "another-table-as-index": (
        lambda d: write_table(d.store.index_path("talks.000001"), d.store.tasks("talks.000001")),
        "talks.000001.index is damaged",
    ),
    "no-index": (lambda dataset: dataset.store.index_path("talks.000001").unlink(), "no stereo pairs"),
    "damaged-index": (lambda dataset: dataset.store.index_path("talks.000001").write_bytes(b"x" * 99), "is damaged"),
    "index-row-lost": (lost_row, "not those of its tasks"),
    "edited-tasks": (edited_tasks, "not those of its tasks"),
    "no-tasks": (lambda dataset: shutil.rmtree(dataset.store.tasks_folder), "no parsed tasks"),
    "no-shard": (lambda d: (d.store.tasks_folder / "talks.000000.tasks").unlink(), "no readable tasks"),
    "empty-summary": (lambda dataset: dataset.store.summary_path.write_text("{}"), "summary"),
    "no-recipe": (lambda dataset: dataset.store.recipe_path.unlink(), "there is no dataset"),
    "damaged-recipe": (lambda dataset: dataset.store.recipe_path.write_text("gap: wide"), "recipe.yaml"),
    "rejects-lost": (edited_rejects, "0 rejects of the parse are listed, but 1 were counted"),
    "rejects-damaged": (lambda dataset: dataset.store.rejects_path.write_text('{"a": 1}\n'), "rejects"),
    "stray-manifest": (lambda d: (d.store.folder / "old.jsonl").write_text("{}"), "would read this file"),
    "deep-stray": (lambda d: (d.store.stereo_folder / "x_jsonl").write_text("{}"), "would read this file"),
}


@pytest.mark.parametrize("kind", DATASET_DAMAGE)
def test_damage_to_the_dataset_is_named(copy: PlainDataset, kind: str):
    damage, message = DATASET_DAMAGE[kind]
    damage(copy)
    assert [fault for fault in faults(copy) if message in str(fault)]


def test_every_damaged_wav_is_named(copy: PlainDataset):
    for stem in ("talk_000", "talk_005"):
        copy.wav(stem).unlink()
    assert [Path(fault.where).stem for fault in faults(copy)] == ["talk_000", "talk_005"]


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir, lambda path: path.write_text("x")])
def test_what_is_no_dataset_is_named(tmp_path: Path, make: Callable[[Path], None]):
    make(tmp_path / "talks")
    (fault,) = dataset_faults(tmp_path / "talks")
    assert "there is no dataset 'talks'" in fault.message


def test_a_folder_that_can_be_no_dataset_is_named(tmp_path: Path):
    (fault,) = dataset_faults(tmp_path / "no dataset")
    assert "dataset name 'no dataset' is not allowed" in fault.message


def test_a_rebuild_heals_every_damaged_wav(copy: PlainDataset, finished: PlainDataset):
    for number, (damage, _, _) in enumerate(WAV_DAMAGE.values()):
        damage(copy.wav(f"talk_{number % 6:03d}"))
        copy.build()
        assert copy.outputs() == finished.outputs()


# -- thresholds, on one recording


def recording(path: Path, user: np.ndarray, assistant: np.ndarray) -> Recording:
    """An overlapped recording on disk."""
    stereo = np.zeros((max(len(user), len(assistant)), 2), np.int16)
    turns = []
    for number, (role, samples) in enumerate({"user": user, "assistant": assistant}.items()):
        stereo[: len(samples), CHANNEL[role]] = samples
        turns.append(PlacedTurn("a", number, role, 0, len(samples), checksum(samples), b"c" * 16))
    write_recording(path / "a.wav", stereo, RATE)
    return Recording(("a",), (1,), "train", "a.wav", b"k" * 16, RATE, len(stereo), tuple(turns))


def tone(peak: float, frames: int = RATE) -> np.ndarray:
    return np.rint(peak * np.sin(np.arange(frames) / 10)).astype(np.int16)


@pytest.mark.parametrize(("peak", "silent"), [(30, True), (45, True), (48, False), (100, False)])
def test_speech_below_minus_60_dbfs_is_silent(tmp_path: Path, peak: float, silent: bool):
    """The level of a sine is its peak less 3 dB: 46.3 is the border."""
    found = recording_faults(tmp_path, recording(tmp_path, tone(peak), tone(9000)))
    assert [fault.check for fault in found] == ["silence"] * silent


def test_a_short_turn_in_a_long_silence_is_not_silent(tmp_path: Path):
    assert recording_faults(tmp_path, recording(tmp_path, tone(3000, 1000), tone(3000, 600 * RATE))) == []


@pytest.mark.parametrize(("samples", "faulty"), [(20, False), (30, True)])
def test_more_than_a_thousandth_at_full_scale_is_clipped(tmp_path: Path, samples: int, faulty: bool):
    user = tone(9000)
    user[:samples] = 32767
    found = recording_faults(tmp_path, recording(tmp_path, user, tone(5000)))
    assert [fault.check for fault in found] == ["clipping"] * faulty


def test_the_lowest_int16_counts_as_clipped(tmp_path: Path):
    user = tone(9000)
    user[:30] = -32768
    found = recording_faults(tmp_path, recording(tmp_path, user, tone(5000)))
    assert [fault.check for fault in found] == ["clipping"]


def test_a_fault_reads_as_place_and_message():
    assert str(Fault("roles", "a.wav", "is odd")) == "a.wav: is odd"


def test_the_manifest_can_be_read_as_the_loader_does(finished: PlainDataset):
    for line in finished.store.manifest_path.read_text().splitlines():
        row = json.loads(line)
        assert (finished.store.manifest_path.parent / row["path"]).is_file() and row["duration"] > 0
