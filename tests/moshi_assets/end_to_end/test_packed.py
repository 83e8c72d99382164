"""Conversations that are packed into recordings: what they hold, and what is written again."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import sphn

from moshi_assets.audit.dataset import dataset_faults
from moshi_assets.stereo.index import read_index
from moshi_assets.stereo.recording import CHANNEL, Recording
from moshi_assets.stereo.turn_taking import floor_transfer_offsets
from moshi_assets.storage.checked_table import write_table
from moshi_assets.storage.dataset import tasks_path
from moshi_assets.transcripts.transcript import transcript_path
from tests.moshi_assets.support.pipeline import REPOSITORY
from tests.moshi_assets.support.plain_dataset import Mute, PlainDataset

CHECKER = REPOSITORY / "tests" / "contract" / "check_moshi_contract.py"
NOISE = {"characters_per_second": 15.0}
PACKED = {"pack_seconds": 30, "timing": "natural", "samples_per_shard": 12, "noise": NOISE, "transcripts": True}
Turn = dict[str, Any]


def turn(role: str, text: str, **fields: Any) -> Turn:
    return {"role": role, "text": text} | fields


def conversation(number: int, *more: Turn) -> dict[str, Any]:
    """A record in which the user breaks in, somebody nods, and the assistant goes on."""
    return {
        "id": f"talk_{number:03d}",
        "turns": [
            turn("user", f"Please tell me about city number {number}."),
            turn("assistant", "It is a large and old city by the sea, with many bridges and very good bread."),
            turn("user", "Mm-hm.", backchannel=True),
            turn("user", "And how many people live there?", gap=-0.5),
            turn("assistant", "About two million."),
            turn("assistant", "They speak three languages, at least.", gap=0.25),
            *more,
        ],
    }


def conversations(count: int) -> list[dict[str, Any]]:
    return [conversation(number) for number in range(count)]


def packed(folder: Path, lines: Iterable[dict[str, Any] | str], **settings: Any) -> PlainDataset:
    """A finished dataset of packed conversations."""
    dataset = PlainDataset(folder, lines, **PACKED | settings)
    dataset.build()
    return dataset


def recordings(dataset: PlainDataset) -> list[Recording]:
    return [r for shard in dataset.store.shards() for r in read_index(dataset.store.index_path(shard))]


def times(dataset: PlainDataset) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in dataset.store.stereo_folder.iterdir()}


def channels(dataset: PlainDataset, recording: Recording) -> np.ndarray:
    """(2, frames) int16."""
    return sf.read(dataset.store.folder / recording.path, dtype="int16")[0].T


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> PlainDataset:
    """Twenty conversations in two shards; tests only look at it."""
    return packed(tmp_path_factory.mktemp("packed"), conversations(20))


# -- what a recording holds


def test_recordings_fill_the_window_with_whole_dialogues_in_input_order(finished):
    found = recordings(finished)
    assert 2 < len(found) < 20
    assert list(chain.from_iterable(r.dialogue_ids for r in found)) == [f"talk_{n:03d}" for n in range(20)]
    assert list(chain.from_iterable(r.lines for r in found)) == list(range(1, 21))
    assert all(r.duration <= 30 for r in found)
    for one, two in pairwise(found):
        joined = one.duration + 1 + next(iter(dialogue_ends(two))) / two.sample_rate
        assert joined > 30 or {one.dialogue_ids[0], two.dialogue_ids[0]} & {"talk_012"}  # where the second shard begins


def dialogue_ends(recording: Recording) -> Iterator[int]:
    for dialogue_id in recording.dialogue_ids:
        yield max(turn.start + turn.frames for turn in recording.turns if turn.dialogue_id == dialogue_id)


def test_a_recording_is_named_after_its_first_dialogue(finished):
    assert [r.path for r in recordings(finished)] == [
        f"data_stereo/{r.dialogue_ids[0]}.wav" for r in recordings(finished)
    ]
    wavs = {path.name for path in finished.store.stereo_folder.glob("*.wav")}
    assert wavs == {f"{r.dialogue_ids[0]}.wav" for r in recordings(finished)}


def test_the_spoken_samples_are_those_of_the_mono_parts_and_the_rest_is_exact_zero(finished):
    mono = finished.spoken()
    for recording in recordings(finished):
        heard = channels(finished, recording)
        spoken = [0, 0]
        for placed in recording.turns:
            channel, end = CHANNEL[placed.role], placed.start + placed.frames
            assert heard[channel, placed.start : end].tobytes() == mono[placed.content_key]
            spoken[channel] += placed.frames
            heard[channel, placed.start : end] = 0
        assert not heard.any()
        rows = [row for row in finished.tasks() if row["dialogue_id"] in recording.dialogue_ids]
        lengths = {role: sum(len(mono[r["content_key"]]) // 2 for r in rows if r["role"] == role) for role in CHANNEL}
        assert spoken == [lengths["assistant"], lengths["user"]]


def test_dialogues_are_a_pause_apart(tmp_path):
    dataset = packed(tmp_path, conversations(4), timing="fixed", pack_pause=0.75, leading_silence=0)
    first = recordings(dataset)[0]
    ends = list(dialogue_ends(first))
    starts = [min(t.start for t in first.turns if t.dialogue_id == d) for d in first.dialogue_ids]
    assert len(starts) > 1
    assert [start - end for end, start in zip(ends, starts[1:], strict=False)] == [18_000] * (len(starts) - 1)


def test_a_dialogue_sounds_the_same_packed_and_alone(finished, tmp_path):
    """Chance and place in the file have nothing to do with one another."""
    alone = packed(tmp_path, conversations(20), pack_seconds=None, samples_per_shard=7)
    places = {r.dialogue_ids[0]: [(t.role, t.start, t.checksum) for t in r.turns] for r in recordings(alone)}
    for recording in recordings(finished):
        begin = 0
        for dialogue_id, end in zip(recording.dialogue_ids, dialogue_ends(recording), strict=True):
            turns = [t for t in recording.turns if t.dialogue_id == dialogue_id]
            assert [(t.role, t.start - begin, t.checksum) for t in turns] == places[dialogue_id]
            begin = end + 24000


def test_explicit_gaps_and_backchannels_are_where_the_record_says(finished):
    for recording in recordings(finished):
        for dialogue_id in recording.dialogue_ids:
            turns = [t for t in recording.turns if t.dialogue_id == dialogue_id]
            _, answer, nod, breaks_in, two_million, languages = turns
            assert answer.start <= nod.start and nod.start + nod.frames <= answer.start + answer.frames
            assert nod.backchannel and not answer.backchannel
            assert breaks_in.start == answer.start + answer.frames - 12_000
            assert languages.start == two_million.start + two_million.frames + 6_000


def test_train_and_eval_dialogues_never_share_a_recording(tmp_path):
    dataset = PlainDataset(tmp_path, conversations(8), **PACKED)
    dataset.plan()
    dataset.speak()
    (shard,) = dataset.store.shards()
    tasks = dataset.store.tasks(shard)
    splits = ["eval" if line % 3 == 0 else "train" for line in tasks.column("line").to_pylist()]
    column = tasks.schema.get_field_index("split")
    write_table(
        tasks_path(dataset.store.tasks_folder, shard), tasks.set_column(column, tasks.schema.field(column), [splits])
    )
    dataset.pair()

    by_split = {split: [r for r in recordings(dataset) if r.split == split] for split in ("train", "eval")}
    assert list(chain.from_iterable(r.lines for r in by_split["eval"])) == [3, 6]
    assert list(chain.from_iterable(r.lines for r in by_split["train"])) == [1, 2, 4, 5, 7, 8]


# -- transcripts


def document(dataset: PlainDataset, recording: Recording) -> list:
    path = dataset.store.folder / transcript_path(recording.path)
    return json.loads(path.read_text(encoding="utf-8"))["alignments"]


def test_the_transcript_follows(finished):
    said: dict[str, dict[str, str]] = {"SPEAKER_MAIN": {}, "SPEAKER_USER": {}}
    for row in finished.tasks():
        speaker = "SPEAKER_MAIN" if row["role"] == "assistant" else "SPEAKER_USER"
        before = said[speaker].get(row["dialogue_id"], "")
        said[speaker][row["dialogue_id"]] = f"{before} {row['text']}".strip()
    for recording in recordings(finished):
        rows = document(finished, recording)
        starts = [start for _, (start, _), _ in rows]
        assert starts == sorted(starts)
        assert all(0 <= start < end <= recording.duration for _, (start, end), _ in rows)
        for speaker, texts in said.items():
            words = " ".join(word for word, _, who in rows if who == speaker)
            assert words == " ".join(texts[dialogue_id] for dialogue_id in recording.dialogue_ids)


# -- as the trainer sees it


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> PlainDataset:
    """The example conversations in the built-in voice, packed; tests only look at it."""
    lines = (REPOSITORY / "examples" / "conversations.jsonl").read_text(encoding="utf-8").splitlines()
    return packed(tmp_path_factory.mktemp("spoken"), lines, engine="builtin", pack_seconds=100)


@pytest.fixture(params=["finished", "spoken"])
def dataset(request: pytest.FixtureRequest) -> PlainDataset:
    return request.getfixturevalue(request.param)


def check(dataset: PlainDataset, folder: Path) -> tuple[int, str]:
    """Exit code and last line of the contract checker, given what each channel says."""
    held = {dialogue_id: Path(r.path).stem for r in recordings(dataset) for dialogue_id in r.dialogue_ids}
    texts: dict[str, dict[str, str]] = {stem: {"assistant": "", "user": ""} for stem in held.values()}
    for row in dataset.tasks():
        texts[held[row["dialogue_id"]]][row["role"]] += f" {row['text']}"
    (folder / "texts.json").write_text(json.dumps(texts))
    command = [
        sys.executable,
        CHECKER,
        dataset.store.manifest_path,
        "--reference",
        folder / "texts.json",
        "--asr",
        "off",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, (done.stdout or done.stderr).splitlines()[-1]


def test_it_keeps_the_contract(dataset, tmp_path):
    assert check(dataset, tmp_path) == (0, f"{len(recordings(dataset))} files ok, 0 bad")


def test_the_contract_s_checker_finds_swapped_channels(tmp_path):
    swapped = packed(tmp_path, conversations(4))
    for path in swapped.store.stereo_folder.glob("*.wav"):
        samples, rate = sf.read(path, dtype="int16")
        sf.write(path, samples[:, ::-1], rate, subtype="PCM_16")
    assert check(swapped, tmp_path)[0] == 1


def test_the_example_conversations_are_packed_and_overlap(spoken):
    found = recordings(spoken)
    assert len(found) < sum(len(r.dialogue_ids) for r in found) == 6
    assert max(r.duration for r in found) > 60
    assert any(offset < -0.2 for r in found for offset in floor_transfer_offsets(r))
    assert sum(turn.backchannel for r in found for turn in r.turns) == 3


def test_the_trainer_s_reader_gives_every_window(dataset):
    windows = sphn.dataset_jsonl(
        str(dataset.store.manifest_path), duration_sec=10.0, num_threads=1, sample_rate=24000, pad_last_segment=True
    )
    heard: dict[str, list[np.ndarray]] = {}
    for window in windows.seq(skip=0, step_by=1):
        heard.setdefault(Path(window["path"]).stem, []).append(window["data"][:, : window["unpadded_len"]])
    assert {stem: np.concatenate(parts, axis=1).shape[1] for stem, parts in heard.items()} == {
        Path(r.path).stem: r.frames for r in recordings(dataset)
    }
    first = recordings(dataset)[0]
    whole = np.concatenate(heard[Path(first.path).stem], axis=1)
    assert np.array_equal(np.rint(whole * 32768).astype(int), channels(dataset, first))


# -- what is written again


def test_a_finished_dataset_is_left_alone(finished):
    before = times(finished)
    assert finished.build() == 0
    assert times(finished) == before
    assert list(dataset_faults(finished.store.folder)) == []


@pytest.mark.parametrize("keep_mono", [True, False])
def test_an_edit_writes_only_the_recordings_that_it_moves(tmp_path, keep_mono):
    dataset = packed(tmp_path, conversations(20), keep_mono=keep_mono)
    before, held = times(dataset), recordings(dataset)
    lines = conversations(20)
    lines[14]["turns"][0]["text"] = "Please tell me about some other city of which you know."
    dataset.write(lines)

    assert dataset.build() == 1
    after = times(dataset)
    untouched = [r.path for r in held if max(r.lines) < 13]
    assert len(untouched) > 1
    for path in untouched:
        wav = dataset.store.folder / path
        assert after[wav] == before[wav]
    assert list(dataset_faults(dataset.store.folder)) == []


def test_a_line_taken_out_moves_the_dialogues_after_it_and_speaks_nothing(tmp_path):
    """Without mono parts their sound is taken out of the recordings that are written anew."""
    dataset = packed(tmp_path, conversations(12), keep_mono=False)
    dataset.write(conversations(12)[1:])
    assert dataset.build() == 0

    (tmp_path / "fresh").mkdir()
    fresh = packed(tmp_path / "fresh", conversations(12)[1:])
    assert dataset.outputs() == fresh.outputs()
    assert list(dataset.store.folder.glob("mono/**/*.arrow")) == []


def test_another_pause_joins_again_and_speaks_nothing(tmp_path):
    dataset = packed(tmp_path, conversations(6))
    before = [r.key for r in recordings(dataset)]
    dataset.settings["pack_pause"] = 0.2
    assert dataset.build() == 0
    assert not set(before) & {r.key for r in recordings(dataset)}


def test_a_recording_that_is_no_longer_one_goes_with_its_transcript(tmp_path):
    dataset = packed(tmp_path, conversations(6), pack_seconds=None)
    assert len(list(dataset.store.stereo_folder.glob("*.wav"))) == 6
    dataset.settings["pack_seconds"] = 30
    assert dataset.build() == 0
    stems = {path.stem for path in dataset.store.stereo_folder.iterdir()}
    assert stems == {Path(r.path).stem for r in recordings(dataset)} and len(stems) < 6


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-2] + b"xx")])
def test_a_damaged_recording_is_written_again(tmp_path, damage):
    dataset = packed(tmp_path, conversations(6))
    before = dataset.outputs()
    damage(dataset.wav(Path(recordings(dataset)[1].path).stem))
    assert sum(figures.written for figures in dataset.pair()) == 1
    assert dataset.outputs() == before


class _Stops(Exception):
    pass


def test_a_stage_that_is_killed_half_way_loses_nothing(tmp_path, monkeypatch):
    """Some recordings are already others, the index is the old one, and there are no mono parts."""
    from moshi_assets.stereo import assembly

    dataset = packed(tmp_path, conversations(12), keep_mono=False)
    dataset.write(conversations(12)[1:])
    dataset.plan()
    dataset.speak()
    write, left = assembly.write_recording, iter(range(2))

    def write_two(*arguments: Any) -> None:
        if next(left, None) is None:
            raise _Stops
        write(*arguments)

    monkeypatch.setattr(assembly, "write_recording", write_two)
    with pytest.raises(_Stops):
        dataset.pair()
    monkeypatch.undo()

    assert dataset.build() == 0
    (tmp_path / "fresh").mkdir()
    assert dataset.outputs() == packed(tmp_path / "fresh", conversations(12)[1:]).outputs()


# -- failures and faults


def test_a_dialogue_that_was_not_spoken_is_skipped_and_named(tmp_path):
    lines = [*conversations(3), conversation(3, turn("user", "bad")), *map(conversation, range(4, 8))]
    dataset = PlainDataset(tmp_path, lines, **PACKED)
    dataset.build(Mute())

    spoken = list(chain.from_iterable(r.dialogue_ids for r in recordings(dataset) if r.failure is None))
    assert spoken == [f"talk_{n:03d}" for n in (0, 1, 2, 4, 5, 6, 7)]
    (failed,) = [r for r in recordings(dataset) if r.failure is not None]
    assert failed.dialogue_ids == ("talk_003",)
    assert [(reject.id, reject.line) for reject in dataset.store.rejects()] == [("talk_003", 4)]
    assert list(dataset_faults(dataset.store.folder)) == []


def test_a_turn_on_the_wrong_channel_is_named_with_its_dialogue(tmp_path):
    dataset = packed(tmp_path, conversations(4))
    recording = recordings(dataset)[0]
    path = dataset.store.folder / recording.path
    samples, rate = sf.read(path, dtype="int16")
    sf.write(path, samples[:, ::-1], rate, subtype="PCM_16")
    messages = [fault.message for fault in dataset_faults(dataset.store.folder)]
    assert "turn 0 (user) of 'talk_001' is on the other channel" in messages


def test_lanes_and_shards_do_not_change_what_a_dialogue_sounds_like(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one = packed(tmp_path / "one", conversations(8))
    two = packed(tmp_path / "two", conversations(8), worker_count=2)
    assert one.outputs() == two.outputs()
