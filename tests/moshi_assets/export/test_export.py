"""Exports read back as their users would: every recording once, its bytes those of the WAV."""

import io
import itertools
import json
import re
import signal
import subprocess
import sys
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset
from click.testing import CliRunner, Result
from huggingface_hub import DatasetCard
from hypothesis import given
from hypothesis import strategies as st

from moshi_assets.cli.main import cli
from moshi_assets.export import parquet
from moshi_assets.export.run import export_dataset
from moshi_assets.export.samples import Sample, sample_key
from moshi_assets.export.shards import ExportError, ExportFigures, Limits, write_shards
from moshi_assets.transcripts.transcript import read_transcript
from tests.moshi_assets.support.pipeline import flip_byte
from tests.moshi_assets.support.plain_dataset import PlainDataset, full_disk, record, records

EVALUATION = ("talk_001", "talk_004")
IDS = [f"talk_{n:03d}" for n in range(8)]
LINES = [*records(8), record(8, id="a.b"), record(9, id="Grüße/..\u202e.wav")]
FORMATS = ["webdataset", "parquet"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> PlainDataset:
    """Ten dialogues with transcripts, two of them for evaluation; tests only look at it."""
    dataset = PlainDataset(tmp_path_factory.mktemp("finished"), LINES, transcripts=True)
    dataset.build(evaluation=EVALUATION)
    return dataset


def export(dataset: PlainDataset | Path, output: Path, kind: str, *options: str) -> Result:
    """The command, in this process."""
    folder = dataset if isinstance(dataset, Path) else dataset.store.folder
    return CliRunner().invoke(cli, ["export", str(folder), "--format", kind, "--output", str(output), *options])


def exported(dataset: PlainDataset, output: Path, kind: str, *options: str) -> list[str]:
    """Names of the files of an export that must succeed."""
    result = export(dataset, output, kind, *options)
    assert result.exit_code == 0, result.output
    return sorted(path.name for path in output.iterdir())


def wavs(dataset: PlainDataset, evaluation: bool = False) -> dict[str, bytes]:
    """WAV of each recording of a split in manifest order, by path."""
    return {row["path"]: (dataset.store.folder / row["path"]).read_bytes() for row in dataset.rows(evaluation)}


def tar_samples(paths: list[Path]) -> Iterator[dict[str, Any]]:
    """Samples as `webdataset` reads them."""
    yield from webdataset.WebDataset([str(path) for path in paths], shardshuffle=False).decode()


def parquet_rows(paths: list[Path]) -> list[dict[str, Any]]:
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def read(output: Path, kind: str, split: str) -> list[dict[str, Any]]:
    """Rows of a split in either format: metadata with the WAV under `wav`."""
    if kind == "parquet":
        rows = parquet_rows(sorted(output.glob(f"{split}-*.parquet")))
        return [row | {"wav": row["audio"]["bytes"]} for row in rows]
    shards = sorted(output.glob(f"{split}-*.tar"))
    raw = webdataset.WebDataset([str(path) for path in shards], shardshuffle=False)
    return [json.loads(sample["json"]) | {"wav": sample["wav"], "key": sample["__key__"]} for sample in raw]


# -- what comes out is what is there


@pytest.mark.parametrize("kind", FORMATS)
def test_every_recording_comes_back_byte_for_byte_in_order(finished: PlainDataset, tmp_path: Path, kind: str):
    exported(finished, tmp_path / "out", kind)
    for split, evaluation in (("train", False), ("eval", True)):
        rows = read(tmp_path / "out", kind, split)
        assert [(row["path"], row["wav"]) for row in rows] == list(wavs(finished, evaluation).items())
        assert all(row["split"] == split for row in rows)


@pytest.mark.parametrize("kind", FORMATS)
def test_words_turns_and_durations_come_along(finished: PlainDataset, tmp_path: Path, kind: str):
    exported(finished, tmp_path / "out", kind)
    said = {(task["dialogue_id"], task["turn"]): (task["role"], task["text"]) for task in finished.tasks()}
    durations = {row["path"]: row["duration"] for row in finished.rows()}
    for row in read(tmp_path / "out", kind, "train"):
        transcript = read_transcript((finished.store.folder / row["path"]).with_suffix(".json"))
        assert transcript is not None and len(row["words"]) > 5
        words = [(w["word"], (w["start"], w["end"]), w["speaker"]) for w in row["words"]]
        assert words == transcript.alignments and row["duration"] == durations[row["path"]]
        for turn in row["turns"]:
            assert said[turn["dialogue"], turn["turn"]] == (turn["role"], turn["text"])
            assert 0 <= turn["start"] < turn["end"] <= row["duration"]


def test_tar_files_hold_a_wav_and_a_json_for_each_key(finished: PlainDataset, tmp_path: Path):
    exported(finished, tmp_path / "out", "webdataset")
    with tarfile.open(tmp_path / "out" / "train-000000.tar") as tar:
        names = tar.getnames()
    assert len(names) == 16 and all(re.fullmatch(r"[A-Za-z0-9_~-]+\.(wav|json)", name) for name in names)
    assert {name.split(".")[0] for name in names} >= {"talk_000", "talk_002"}


def test_webdataset_decodes_a_sample(finished: PlainDataset, tmp_path: Path):
    exported(finished, tmp_path / "out", "webdataset")
    shards = webdataset.WebDataset([str(tmp_path / "out" / "train-000000.tar")], shardshuffle=False)
    first = next(iter(shards.decode(webdataset.handle_extension("wav", len))))
    assert first["json"]["turns"][0]["role"] == "user" and first["wav"] == len(next(iter(wavs(finished).values())))


def test_parquet_tells_datasets_what_is_audio(finished: PlainDataset, tmp_path: Path):
    exported(finished, tmp_path / "out", "parquet")
    schema = pq.read_schema(tmp_path / "out" / "train-000000.parquet")
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert features["audio"] == {"mono": False, "_type": "Audio"} and features.keys() == set(schema.names)
    assert schema.field("audio").type == pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    assert features["words"] == [{n: {"dtype": t, "_type": "Value"} for n, t in WORD.items()}]


WORD = {"word": "string", "start": "float64", "end": "float64", "speaker": "string"}


def test_a_parquet_row_can_be_decoded(finished: PlainDataset, tmp_path: Path):
    import soundfile as sf

    exported(finished, tmp_path / "out", "parquet")
    (row, *_) = parquet_rows([tmp_path / "out" / "train-000000.parquet"])
    samples, rate = sf.read(io.BytesIO(row["audio"]["bytes"]), always_2d=True)
    assert samples.shape == (round(row["duration"] * rate), 2) and rate == row["sample_rate"]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_dataset_without_transcripts_has_no_words(tmp_path: Path, kind: str):
    dataset = PlainDataset(tmp_path, records(2))
    dataset.build()
    exported(dataset, tmp_path / "out", kind)
    assert [row["words"] for row in read(tmp_path / "out", kind, "train")] == [None, None]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_dataset_gives_the_same_bytes(finished: PlainDataset, tmp_path: Path, kind: str):
    contents = []
    for name in ("one", "two"):
        exported(finished, tmp_path / name, kind)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert contents[0] == contents[1]


@pytest.mark.parametrize(("kind", "suffix"), [("webdataset", "tar"), ("parquet", "parquet")])
def test_a_card_names_the_shards(finished: PlainDataset, tmp_path: Path, kind: str, suffix: str):
    names = exported(finished, tmp_path / "out", kind)
    assert names == ["README.md", f"eval-000000.{suffix}", f"train-000000.{suffix}"]
    card = DatasetCard.load(tmp_path / "out" / "README.md")
    assert card.data.configs[0]["data_files"] == [
        {"split": split, "path": f"{split}-*.{suffix}"} for split in ("train", "eval")
    ]
    assert "## Licence" in card.text and "## Training" not in card.text


@pytest.mark.parametrize("split", ["train", "eval"])
def test_one_split_alone(finished: PlainDataset, tmp_path: Path, split: str):
    names = exported(finished, tmp_path / "out", "parquet", "--split", split)
    assert names == ["README.md", f"{split}-000000.parquet"]
    assert f"This export holds the split {split} alone." in (tmp_path / "out" / "README.md").read_text()


# -- keys


@given(st.lists(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.~-]{0,30}[A-Za-z0-9_-]", fullmatch=True), unique=True))
def test_keys_hold_no_dot_and_stay_distinct(stems: list[str]):
    keys = [sample_key(f"data_stereo/{stem}.wav") for stem in stems]
    assert len(set(keys)) == len(stems) and not any("." in key for key in keys)


# -- shards


def shards_of(sizes: list[int], limits: Limits, folder: Path) -> list[list[int]]:
    """Sizes of the WAVs in each shard, written by the tar writer and read back."""
    samples = (
        Sample(f"k{n}", "train", f"k{n}.wav", b"x" * size, 1.0, 24000, None, False, []) for n, size in enumerate(sizes)
    )
    from moshi_assets.export.webdataset import WebDatasetFormat

    held = []
    for path in write_shards(samples, "train", WebDatasetFormat(), folder, limits, ExportFigures()):
        with tarfile.open(path) as tar:
            held.append([member.size for member in tar if member.name.endswith(".wav")])
    return held


@given(
    sizes=st.lists(st.integers(1, 50), max_size=12),
    most=st.integers(1, 60),
    count=st.one_of(st.none(), st.integers(1, 5)),
)
def test_shards_keep_their_limits_and_the_order(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], most: int, count: int | None
):
    held = shards_of(sizes, Limits(count, most), tmp_path_factory.mktemp("shards"))
    assert [size for shard in held for size in shard] == sizes
    assert all(len(shard) == 1 or (sum(shard) <= most and (count is None or len(shard) <= count)) for shard in held)
    for shard, after in itertools.pairwise(held):  # none is closed early
        assert sum(shard) + after[0] > most or len(shard) == count


@pytest.mark.parametrize(("option", "shards"), [(("--shard-size", "3"), 3), (("--max-shard-bytes", "135KB"), 4)])
def test_limits_of_the_command(finished: PlainDataset, tmp_path: Path, option: tuple[str, str], shards: int):
    names = exported(finished, tmp_path / "out", "webdataset", "--split", "train", *option)
    assert names[1:] == [f"train-{n:06d}.tar" for n in range(shards)]


def test_row_groups_are_bounded(finished: PlainDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", 100_000)
    exported(finished, tmp_path / "out", "parquet", "--split", "train")
    file = pq.ParquetFile(tmp_path / "out" / "train-000000.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [2, 2, 2, 2]


@pytest.mark.parametrize("kind", FORMATS)
def test_memory_does_not_grow_with_the_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str):
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", 300_000)
    peaks = []
    for count in (8, 48):
        (tmp_path / str(count)).mkdir()
        dataset = PlainDataset(tmp_path / str(count), records(count))
        dataset.build()
        tracemalloc.start()
        export_dataset(dataset.store.folder, tmp_path / f"out{count}", kind, ["train"], Limits())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


# -- refusals and failures


def refused(result: Result, message: str, code: int = 1) -> None:
    assert result.exit_code == code and message in " ".join(result.output.split())


@pytest.mark.parametrize("kind", FORMATS)
def test_a_folder_that_holds_something_is_left_alone(finished: PlainDataset, tmp_path: Path, kind: str):
    (tmp_path / "mine.txt").write_text("mine")
    refused(export(finished, tmp_path, kind), "is not empty (mine.txt, ...)")
    refused(export(finished, tmp_path, kind, "--overwrite"), "holds 'mine.txt', which no export has written")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_earlier_export_is_replaced_on_demand(finished: PlainDataset, tmp_path: Path):
    exported(finished, tmp_path, "webdataset", "--shard-size", "1")
    refused(export(finished, tmp_path, "parquet"), "is not empty")
    assert len(exported(finished, tmp_path, "parquet", "--overwrite")) == 3


def test_a_readme_of_somebodys_own_is_not_replaced(finished: PlainDataset, tmp_path: Path):
    (tmp_path / "README.md").write_text("# Mine")
    refused(export(finished, tmp_path, "parquet", "--overwrite"), "holds 'README.md'")


def test_the_dataset_folder_is_no_place_for_an_export(finished: PlainDataset):
    for output in (finished.store.folder, finished.store.folder / "export"):
        refused(export(finished, output, "parquet", "--overwrite"), "lies in the dataset folder")
    assert not (finished.store.folder / "export").exists()


DAMAGE = {
    "no-dataset": (lambda d: d.store.recipe_path.unlink(), "there is no dataset"),
    "no-manifest": (lambda d: d.store.manifest_path.unlink(), "talks.jsonl: cannot be read"),
    "no-eval-manifest": (lambda d: d.store.eval_manifest_path.unlink(), "talks.eval.ndjson: cannot be read"),
    "no-index": (lambda d: d.store.index_path("talks.000001").unlink(), "have no stereo pairs"),
    "no-wav": (lambda d: d.wav("talk_007").unlink(), "talk_007.wav: cannot be read"),
    "damaged-wav": (lambda d: flip_byte(d.wav("talk_007")), "talk_007.wav"),
    "no-transcript": (lambda d: d.wav("talk_007").with_suffix(".json").unlink(), "talk_007.json is missing or damaged"),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_bad_dataset_leaves_no_export(tmp_path: Path, kind: str, damage: str):
    dataset = PlainDataset(tmp_path, records(8), transcripts=True)
    dataset.build(evaluation=EVALUATION)
    damaging, message = DAMAGE[damage]
    damaging(dataset)
    refused(export(dataset, tmp_path / "out", kind), message)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_failure_leaves_the_earlier_export(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(4))
    dataset.build()
    exported(dataset, tmp_path / "out", "parquet")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    dataset.wav("talk_003").unlink()
    refused(export(dataset, tmp_path / "out", "parquet", "--overwrite"), "talk_003.wav")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_disk_leaves_no_export(finished: PlainDataset, tmp_path: Path, kind: str):
    with full_disk(60_000):
        result = export(finished, tmp_path / "out", kind)
    assert result.exit_code == 1 and not list((tmp_path / "out").iterdir())


def test_no_evaluation_is_named(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(2))
    dataset.build()
    refused(export(dataset, tmp_path / "out", "parquet", "--split", "eval"), "holds no recording of split eval")


def test_a_missing_library_is_named(finished: PlainDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "webdataset.writer", None)
    refused(export(finished, tmp_path / "out", "webdataset"), "pip install webdataset")


@pytest.mark.parametrize("options", [["--shard-size", "0"], ["--max-shard-bytes", "many"], ["--split", "test"]])
def test_wrong_usage(finished: PlainDataset, tmp_path: Path, options: list[str]):
    assert export(finished, tmp_path / "out", "parquet", *options).exit_code == 2
    assert export(tmp_path / "nowhere", tmp_path / "out", "parquet").exit_code == 2


def test_two_exports_do_not_meet_in_one_folder(finished: PlainDataset, tmp_path: Path):
    begun: list[Path] = []

    def meanwhile(path: Path) -> None:
        begun.append(path)
        with pytest.raises(ExportError, match="another export is writing"):
            export_dataset(finished.store.folder, tmp_path / "out", "parquet", ["train"], Limits())

    export_dataset(finished.store.folder, tmp_path / "out", "parquet", ["train"], Limits(), report=meanwhile)
    assert begun and len(list((tmp_path / "out").iterdir())) == 2


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> PlainDataset:
    """So many recordings that a signal comes in time."""
    dataset = PlainDataset(tmp_path_factory.mktemp("long"), records(200), samples_per_shard=200)
    dataset.build()
    return dataset


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_export_leaves_nothing_that_looks_finished(
    long: PlainDataset, tmp_path: Path, number: signal.Signals
):
    output = tmp_path / "out"
    command = [sys.executable, "-m", "moshi_assets", "export", long.store.folder, "-o", output]
    # The pipe holds fewer lines than there are shards, and we read only one of them (no buffer): so the export waits
    # for us, and the signal comes in time.
    process = subprocess.Popen(
        [*map(str, command), "--format", "webdataset", "--shard-size", "1"],
        stderr=subprocess.PIPE,
        bufsize=0,
        pipesize=4096,
    )
    assert process.stderr is not None
    process.stderr.readline()  # the first shard is there
    process.send_signal(number)
    process.communicate(timeout=60)

    assert process.returncode == (-9 if number == signal.SIGKILL else 130)
    assert [path for path in output.iterdir() if not path.name.startswith(".")] == []
    assert len(exported(long, output, "webdataset")) == 2
    assert [path for path in output.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("calls", [1, 3, 9], ids=["first recording", "third", "all are written"])
def test_an_interrupt_is_heeded_until_the_export_has_its_name(finished: PlainDataset, tmp_path: Path, calls: int):
    heeded = []

    def heed() -> None:
        heeded.append(True)
        if len(heeded) == calls:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_dataset(finished.store.folder, tmp_path / "out", "parquet", ["train"], Limits(), heed=heed)
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")] == []


@pytest.mark.parametrize("kind", FORMATS)
def test_a_packed_recording_names_the_dialogue_of_every_turn(tmp_path: Path, kind: str):
    dataset = PlainDataset(tmp_path, records(6), transcripts=True, pack_seconds=3.0, samples_per_shard=6)
    dataset.build()
    exported(dataset, tmp_path / "out", kind)
    rows = read(tmp_path / "out", kind, "train")
    assert [(row["path"], row["wav"]) for row in rows] == list(wavs(dataset).items()) and len(rows) < 6
    said = [(turn["dialogue"], turn["turn"], turn["text"]) for row in rows for turn in row["turns"]]
    assert said == [(task["dialogue_id"], task["turn"], task["text"]) for task in dataset.tasks()]
    for row in rows:
        assert [turn["start"] for turn in row["turns"]] == sorted(turn["start"] for turn in row["turns"])
