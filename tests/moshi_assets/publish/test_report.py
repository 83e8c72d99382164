"""The report on a dataset: what it counts, what it lets one hear, and that hostile input stays text."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile as sf

from moshi_assets.planning.task_table import dialogue_texts
from moshi_assets.publish.report.clips import CLIP_SECONDS, cut
from moshi_assets.publish.report.material import gather
from moshi_assets.publish.report.picks import Pick, RandomPicks
from moshi_assets.publish.report.render import script_json
from moshi_assets.publish.report.write import write_page, write_report
from moshi_assets.publish.shard_content import ShardContent
from moshi_assets.stereo.index import read_index, write_index
from moshi_assets.stereo.recording import PlacedTurn, Recording, write_recording
from moshi_assets.stereo.turn_taking import floor_transfer_offsets
from moshi_assets.storage.checked_table import write_table
from moshi_assets.synthesis.quality_table import QUALITY_SCHEMA
from tests.moshi_assets.support.plain_dataset import PlainDataset, record, records

AS_WRITTEN = {"clean": dict.fromkeys(("characters", "chat_tokens", "html", "markdown", "emoji"), False)}
"""Setting `text`: what is hostile is not cleaned away."""
HOSTILE = "</script><img src=x onerror=alert(1)>\u2028<!--<script>\"'&amp;]]>\u202e"


class Markup(HTMLParser):
    """Elements of a page, and the contents of its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, str] = {}
        self.text = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = (dict(attrs).get("id") or tag) if tag in ("script", "style") else ""

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside:
            self.raw[self._inside] = self.raw.get(self._inside, "") + data
        else:
            self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def report(dataset: PlainDataset, **options) -> Markup:
    return Markup(write_report(dataset.store, **options).path.read_text(encoding="utf-8"))


def clips(page: Markup) -> list[dict]:
    return json.loads(page.raw["clips"])


def figures_of(dataset: PlainDataset):
    return gather(dataset.store).figures


def words_said(clip: dict) -> list[str]:
    return [" ".join(word for word, _, _ in turn["words"]) for turn in clip["turns"]]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> PlainDataset:
    """Ten dialogues in three shards with transcripts; three lines that are rejected."""
    lines = [*records(10), "nonsense", record(1), {"id": "half", "user_text": "Alone."}]
    dataset = PlainDataset(tmp_path_factory.mktemp("built"), lines, transcripts=True, aligner="proportional")
    dataset.build()
    return dataset


def fresh(tmp_path, lines=None, **settings) -> PlainDataset:
    dataset = PlainDataset(tmp_path, records(3) if lines is None else lines, **settings)
    dataset.build()
    return dataset


# -- figures


def test_figures_are_those_of_the_indexes(built):
    figures = figures_of(built)
    assert gather(built.store).problems == []

    recordings = [r for shard in built.store.shards() for r in read_index(built.store.index_path(shard))]
    assert (figures.recordings, figures.dialogues) == (10, 10)
    assert figures.turns == {"user": 10, "assistant": 10}
    assert {name: split.recordings for name, split in figures.splits.items()} == {"train": 10, "eval": 0}
    assert figures.seconds == pytest.approx(sum(r.duration for r in recordings))
    assert figures.durations.maximum == max(r.duration for r in recordings)


def test_words_and_their_aligners_are_those_of_the_transcripts(built):
    figures = figures_of(built)

    transcripts = [json.loads(path.read_text()) for path in built.store.stereo_folder.glob("*.json")]
    assert figures.words == sum(len(transcript["alignments"]) for transcript in transcripts)
    assert figures.methods == {"proportional": 20}


def test_every_reject_is_counted_with_its_reason(built):
    tally = figures_of(built).rejects

    assert tally.count == 3
    assert {(stage, reason) for stage, reason in tally.kinds} >= {
        ("parse", "duplicate id …: the first one is kept"),
        ("parse", "assistant_text is missing"),
    }


def test_the_gap_between_speakers_is_the_recipe_s(built):
    gaps = figures_of(built).gaps

    assert (gaps.count, gaps.minimum, gaps.maximum) == (10, pytest.approx(0.3), pytest.approx(0.3))


def turn(role, start, frames, number=0, dialogue="a", **fields):
    return PlacedTurn(dialogue, number, role, start, frames, 0, bytes(16), **fields)


def recording(*turns, rate=1000, path="data_stereo/a.wav", **fields):
    frames = max(t.start + t.frames for t in turns)
    ids = tuple(dict.fromkeys(t.dialogue_id for t in turns))
    return Recording(ids, tuple(range(len(ids))), "train", path, bytes(16), rate, frames, tuple(turns), **fields)


def test_an_overlap_is_a_negative_gap():
    talk = recording(turn("user", 0, 1000), turn("assistant", 800, 500, 1))

    assert list(floor_transfer_offsets(talk)) == [-0.2]


def test_backchannels_pauses_and_other_dialogues_are_no_change_of_speaker():
    talk = recording(
        turn("user", 0, 1000),
        turn("assistant", 300, 100, 1, backchannel=True),
        turn("user", 1500, 500, 2),
        turn("assistant", 2250, 500, 3),
        turn("user", 9000, 500, 0, "b"),
    )

    assert list(floor_transfer_offsets(talk)) == [0.25]


def test_without_a_quality_table_recordings_are_measured(tmp_path, monkeypatch):
    monkeypatch.setattr("moshi_assets.publish.report.write.MEASURED_RECORDINGS", 2)
    dataset = fresh(tmp_path)
    with_table = report(dataset).text
    shutil.rmtree(dataset.store.quality_path("talks.000000").parent)
    without = report(dataset).text

    assert "Loudness of turns" in with_table and "Loudness of turns" in without
    assert "known of 4 of 6 turns" in without
    assert "known of" not in with_table


def test_where_the_loudness_was_changed_the_report_says_so(tmp_path):
    dataset = fresh(tmp_path, target_lufs=-24.0)

    assert "in the recordings each speaker is brought to −24 LUFS" in report(dataset).text


def quality_rows(dataset: PlainDataset, shard: str, **measures) -> list[dict]:
    """A quality table in which every utterance is the same, apart from what is said here of dialogue and turn."""
    usual = {
        "seconds": 2.0,
        "loudness_lufs": -23.0,
        "peak_dbfs": -3.0,
        "clipped": 0.0,
        "dc": 0.0,
        "leading_silence": 0.1,
    }
    usual |= {"trailing_silence": 0.1, "inner_silence": 0.2, "characters": 30, "chars_per_second": 15.0, "attempt": 0}
    rows = []
    for task in dataset.store.tasks(shard).to_pylist():
        own = measures.get(f"{task['dialogue_id']}_{task['turn']}", {})
        rows.append(
            dict.fromkeys(QUALITY_SCHEMA.names) | {n: task[n] for n in ("dialogue_id", "turn", "role")} | usual | own
        )
    return rows


@pytest.fixture(scope="module")
def tabled(tmp_path_factory) -> PlainDataset:
    """Seven dialogues with a quality table: one runs away, one is quiet, one was good only at the third attempt."""
    import pyarrow as pa

    dataset = fresh(tmp_path_factory.mktemp("tabled"), records(7))
    odd = {
        "talk_002_0": {"chars_per_second": 4.0},
        "talk_005_0": {"loudness_lufs": -41.0},
        "talk_006_1": {"attempt": 2},
    }
    for shard in dataset.store.shards():
        path = dataset.store.quality_path(shard)
        write_table(path, pa.Table.from_pylist(quality_rows(dataset, shard, **odd), schema=QUALITY_SCHEMA))
    return dataset


def test_measures_are_those_of_the_quality_table(tabled):
    page = report(tabled)

    assert "1 turns were good only at a further attempt" in page.text
    assert "assistant: median −23 (90 %: −23 to −23)" in page.text


def test_the_most_unusual_recordings_come_with_their_reason(tabled):
    worst = [clip for clip in clips(report(tabled, samples=3)) if clip["reason"]]

    assert [clip["title"] for clip in worst] == ["talk_002", "talk_005", "talk_006"]
    assert worst[0]["reason"] == "user, turn 1: 4.0 characters/s, the median is 15.0"
    assert worst[1]["reason"] == "user, turn 1: −41.0 LUFS, the median is −23.0"
    assert worst[2]["reason"] == "assistant, turn 2: good only at attempt 3"


def test_the_most_unusual_differ_in_reason(tmp_path):
    """Four are far too slow, and each of two others is odd in a way that is less bad."""
    import pyarrow as pa

    dataset = fresh(tmp_path, records(9))
    slow = {f"talk_{n:03d}_0": {"chars_per_second": 2.0 + n / 10} for n in range(4)}
    odd = slow | {"talk_007_1": {"leading_silence": 0.9}, "talk_008_0": {"clipped": 0.0005}}
    for shard in dataset.store.shards():
        table = pa.Table.from_pylist(quality_rows(dataset, shard, **odd), schema=QUALITY_SCHEMA)
        write_table(dataset.store.quality_path(shard), table)

    three = [clip["reason"] for clip in clips(report(dataset, samples=3)) if clip["reason"]]
    five = [clip["title"] for clip in clips(report(dataset, samples=5)) if clip["reason"]]

    assert ["2.0 characters/s" in three[0], "silence before" in three[1], "clipped" in three[2]] == [True] * 3
    assert five == [
        "talk_000",
        "talk_001",
        "talk_002",
        "talk_007",
        "talk_008",
    ]  # no reason is left: the slow ones again


def test_faults_of_one_kind_do_not_crowd_out_the_others(tmp_path):
    dataset = fresh(tmp_path, records(4))
    shard = dataset.store.shards()[0]
    indexed = read_index(dataset.store.index_path(shard))
    told = [f"0.{n} % of the user channel is clipped" for n in range(3)] + ["the user channel is silent"]
    write_index(
        dataset.store.index_path(shard), [replace(r, fault=fault) for r, fault in zip(indexed, told, strict=True)]
    )

    worst = [clip["reason"] for clip in clips(report(dataset, samples=2)) if clip["reason"]]
    assert worst == [told[0], told[3]]


def test_the_total_of_speech_says_that_it_is_of_both_speakers(tmp_path):
    dataset = fresh(tmp_path, layout="overlapped")
    figures = figures_of(dataset)
    speech = figures.speech_seconds

    assert speech > figures.seconds  # both at once
    assert f"{speech:.1f} s of speech, both speakers" in report(dataset).text


def test_a_recording_with_a_fault_comes_first(tmp_path):
    dataset = fresh(tmp_path)
    shard = dataset.store.shards()[0]
    first, second, third = read_index(dataset.store.index_path(shard))
    write_index(dataset.store.index_path(shard), [first, replace(second, fault="the user channel is silent"), third])

    worst = [clip for clip in clips(report(dataset, samples=1)) if clip["reason"]]
    assert [(clip["title"], clip["reason"]) for clip in worst] == [("talk_001", "the user channel is silent")]


# -- samples


def test_the_same_seed_gives_the_same_page(built):
    first = report(built, seed=5) and built.store.report_path.read_bytes()

    assert (report(built, seed=5) and built.store.report_path.read_bytes()) == first


def test_another_seed_draws_other_recordings(built):
    drawn = {seed: tuple(c["title"] for c in clips(report(built, samples=2, seed=seed))[:2]) for seed in range(5)}

    assert len(set(drawn.values())) > 1


def test_a_draw_does_not_depend_on_order_or_shards():
    recordings = [recording(turn("user", 0, 10), path=f"data_stereo/{n}.wav") for n in range(50)]
    forth, back = RandomPicks(5, 0), RandomPicks(5, 0)
    forth.add(ShardContent("talks.000000", recordings))
    for one in reversed(recordings):
        back.add(ShardContent("talks.000001", [one]))

    assert [p.recording.path for p in forth.picks()] == [p.recording.path for p in back.picks()]


def test_of_long_recordings_stretches_are_drawn_too():
    turns = [turn("user", n * 1000, 900, n) for n in range(40)]
    draw = RandomPicks(20, 0)
    draw.add(ShardContent("talks.000000", [recording(*turns, path=f"data_stereo/{n}.wav") for n in range(20)]))

    assert len({pick.turn for pick in draw.picks()}) > 8


def test_clips_hold_the_texts_and_their_words_times(built):
    clip = next(clip for clip in clips(report(built)) if clip["title"] == clips(report(built))[0]["title"])
    number = int(clip["title"].removeprefix("talk_"))

    assert words_said(clip) == [f"Question number {number}, please?", f"The answer to {number} is easy."]
    spans = [(start, end) for turn in clip["turns"] for _, start, end in turn["words"]]
    assert all(0 <= start < end <= clip["seconds"] for start, end in spans)
    assert all(t["start"] <= w[1] + 0.002 and w[2] <= t["end"] + 0.002 for t in clip["turns"] for w in t["words"])


def test_the_sound_in_the_page_is_the_dataset_s_bit_for_bit(built):
    page = report(built, samples=1)
    sound, rate = sf.read(io.BytesIO(base64.b64decode(page.raw["sound-0"])), dtype="int16")
    original, _ = sf.read(built.store.folder / clips(page)[0]["path"], dtype="int16")

    assert rate == 24000
    assert np.array_equal(sound, original)


def test_a_recording_that_is_in_both_lists_is_embedded_once(tmp_path):
    page = report(fresh(tmp_path, records(3)), samples=3)

    held = clips(page)
    assert len(held) > 3
    assert len({clip["sound"] for clip in held}) == 3 == page.count("script") - 2


def test_of_a_long_recording_the_stretch_around_the_unusual_turn_is_heard(tmp_path):
    dataset = fresh(tmp_path, records(1))
    rate = 8000
    turns = [turn(("user", "assistant")[n % 2], n * 10 * rate, 5 * rate, n, f"d{n // 2}") for n in range(12)]
    talk = recording(*turns, rate=rate, path="data_stereo/long.wav")
    samples = np.random.default_rng(0).integers(-9000, 9000, (talk.frames, 2)).astype(np.int16)
    write_recording(dataset.store.folder / talk.path, samples, rate)

    clip = cut(dataset.store, Pick("talks.000000", talk, "odd", turn=7), {"d3": ["Six.", "Seven seven."]})

    assert (clip.offset, clip.seconds) == (69.0, CLIP_SECONDS)
    assert [(t.number, t.start) for t in clip.turns] == [(8, 1.0), (9, 11.0)]
    assert clip.title == "d0 and 5 more"
    heard, _ = sf.read(io.BytesIO(base64.b64decode(clip.audio)), dtype="int16")
    assert np.array_equal(heard, samples[69 * rate : 89 * rate])


def test_no_more_than_was_asked_for_is_embedded(built):
    page = report(built, samples=0)

    assert page.count("script") == 1
    assert "Listening desk" not in page.text
    assert built.store.report_path.stat().st_size < 100_000


def test_an_amount_of_samples_that_no_page_can_hold_is_refused(built):
    with pytest.raises(ValueError, match="between 0 and 50"):
        write_report(built.store, samples=51)


# -- hostile input


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Markup:
    folder = tmp_path_factory.mktemp("hostile")
    lines = [
        record(0, id=HOSTILE, user_text=f"Say {HOSTILE} now"),
        record(1, user_voice=HOSTILE),
        record(2, id="<b>bold</b>", user_text=5),
        '{"id": "<script>alert(2)</script>"',
    ]
    dataset = PlainDataset(folder, lines, transcripts=True, aligner="proportional", text=AS_WRITTEN)
    dataset.build()
    return report(dataset)


def test_hostile_text_makes_no_elements(hostile):
    assert hostile.count("img") == 0
    assert hostile.count("b") == 2 + 3  # the lanes' names, the rejects' counts
    assert hostile.count("script") == 1 + 1 + 1  # the data, the sound of the one recording, the program


def test_hostile_text_arrives_as_it_is(hostile):
    clip = clips(hostile)[0]

    assert clip["title"] == HOSTILE
    assert words_said(clip)[0] == " ".join(f"Say {HOSTILE} now".split())
    assert HOSTILE in hostile.text  # the list of samples
    assert f"unknown voice '{HOSTILE.partition(chr(0x2028))[0]}" in hostile.text  # an example of a reject


@pytest.mark.parametrize("text", ["</script>", "<!--", "\u2028\u2029", "&lt;", "\ud800", "]]>"])
def test_json_in_a_script_cannot_end_it(text):
    encoded = script_json([text])

    assert not set("<>&\u2028\u2029") & set(encoded)
    assert json.loads(encoded) == [text]


def test_the_policy_allows_this_program_and_this_style_alone(built):
    page = report(built)
    (policy,) = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]

    for name in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(page.raw[name].encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http:" not in policy and "https:" not in policy


def test_nothing_in_the_page_refers_to_another_file(built):
    page = report(built)
    links = [
        a.get(name) for _, a in page.elements for name in ("src", "href", "srcset", "action", "data") if a.get(name)
    ]

    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"url\((?!#)|@import|style=", page.raw["style"])
    assert not any(
        "style" in attributes or any(k.startswith("on") for k in attributes) for _, attributes in page.elements
    )


def test_a_page_does_not_tell_where_the_dataset_lies(tmp_path):
    dataset = fresh(tmp_path)
    (dataset.store.tasks_folder / "talks.000000.tasks").unlink()
    page = report(dataset)

    assert "has no readable tasks" in page.text
    assert str(tmp_path) not in dataset.store.report_path.read_text()


# -- datasets with little in them, and damaged ones


def test_one_recording_without_a_transcript_is_reported(tmp_path):
    page = report(fresh(tmp_path, records(1)))

    clip = clips(page)[0]
    assert words_said(clip)[0] == "Question number 0, please?"
    assert all(start is None for turn in clip["turns"] for _, start, _ in turn["words"])
    assert "Words" not in [text.strip() for text in page.text.splitlines()]


def test_a_dataset_that_is_planned_but_not_spoken_is_reported(tmp_path):
    dataset = PlainDataset(tmp_path, records(6))
    dataset.plan()
    page = report(dataset)

    assert "2 of 2 shards have no readable index" in page.text
    assert "There is nothing to count yet." in page.text


def test_a_recording_that_is_missing_damaged_or_short_is_told_of(tmp_path):
    dataset = fresh(tmp_path, records(3))
    dataset.wav("talk_000").unlink()
    dataset.wav("talk_001").write_bytes(b"RIFF nonsense")
    content = dataset.wav("talk_002").read_bytes()
    dataset.wav("talk_002").write_bytes(content[: len(content) // 2])

    outcome = write_report(dataset.store)
    found = {clip["title"]: clip["problem"] for clip in clips(Markup(outcome.path.read_text()))}
    assert found["talk_000"].startswith("cannot be read")
    assert found["talk_001"].startswith("cannot be read")
    assert found["talk_002"].startswith(("is cut short", "cannot be read"))
    assert len(outcome.problems) == 3


def test_a_recording_outside_the_dataset_is_not_opened(tmp_path):
    dataset = fresh(tmp_path, records(1))
    write_recording(tmp_path / "secret.wav", np.ones((24000, 2), np.int16), 24000)
    talk = recording(turn("user", 0, 24000, dialogue="talk_000"), rate=24000, path="../../secret.wav")
    write_index(dataset.store.index_path("talks.000000"), [talk])

    page = report(dataset)
    assert clips(page)[0]["problem"] == "lies outside the dataset"
    assert page.raw.get("sound-0", "") == ""


@pytest.mark.parametrize("times", ["[NaN, 1]", "[0.1, Infinity]", "[2, 1]", "[-1, 1]", "[1e999, 2e999]"])
def test_a_word_with_impossible_times_has_none(tmp_path, times):
    dataset = fresh(tmp_path, records(1), transcripts=True, aligner="proportional")
    path = dataset.wav("talk_000").with_suffix(".json")
    path.write_text(f'{{"alignments": [["odd", {times}, "SPEAKER_MAIN"]], "methods": [], "key": ""}}')

    clip = clips(report(dataset))[0]
    assert clip["timed"] == 0
    assert words_said(clip)[1] == "The answer to 0 is easy."


@pytest.mark.parametrize("what", ["index", "tasks", "transcript", "summary of the transcripts", "rejects", "speed", "quality"])  # fmt: skip  # noqa: E501
def test_a_damaged_file_is_left_out_and_the_rest_reported(tmp_path, what):
    dataset = fresh(tmp_path, [*records(6), "nonsense"], transcripts=True, aligner="proportional")
    store = dataset.store
    path = {
        "index": store.index_path("talks.000000"),
        "tasks": store.tasks_folder / "talks.000000.tasks",
        "transcript": dataset.wav("talk_000").with_suffix(".json"),
        "summary of the transcripts": store.transcripts_path("talks.000000"),
        "rejects": store.rejects_path,
        "speed": store.speed_path("talks.000000"),
        "quality": store.quality_path("talks.000000"),
    }[what]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b'{"damaged": [\n')

    outcome = write_report(store)

    assert outcome.recordings == (2 if what == "index" else 6)
    told = {
        "index",
        "tasks",
        "summary of the transcripts",
        "rejects",
    }  # of the others nothing is missing in the figures
    assert bool(outcome.problems) == (what in told)
    assert all(clip["turns"] for clip in clips(Markup(outcome.path.read_text())))


def test_texts_of_a_shard_are_those_of_its_own_dialogues(built):
    for clip in clips(report(built)):
        texts = {}
        for shard in built.store.shards():
            texts |= dialogue_texts(built.store.tasks(shard))
        assert words_said(clip) == [said.text for said in texts[clip["title"]]]


def test_a_build_and_the_command_write_the_same_report(built):
    of_build = write_page(built.publish().report).path.read_bytes()
    of_command = write_report(built.store).path.read_bytes()

    assert of_build == of_command


# -- the command


def test_the_command_writes_beside_the_manifest(built):
    from click.testing import CliRunner

    from moshi_assets.cli.main import cli

    built.store.report_path.unlink(missing_ok=True)
    result = CliRunner().invoke(cli, ["report", str(built.store.folder), "--samples", "1"])

    assert result.exit_code == 0, result.output
    assert "10 recordings, 2 to hear" in result.output
    assert built.store.report_path.is_file()


def test_the_command_writes_where_it_is_told(built, tmp_path):
    from click.testing import CliRunner

    from moshi_assets.cli.main import cli

    page = tmp_path / "page.html"
    assert CliRunner().invoke(cli, ["report", str(built.store.folder), "-o", str(page)]).exit_code == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("output", ["nowhere/page.html", None])
def test_what_cannot_be_done_is_an_error_and_leaves_nothing(built, tmp_path, output):
    from click.testing import CliRunner

    from moshi_assets.cli.main import cli

    arguments = [str(built.store.folder), "-o", str(tmp_path / output)] if output else [str(tmp_path)]
    result = CliRunner().invoke(cli, ["report", *arguments])

    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert not list(tmp_path.iterdir())
