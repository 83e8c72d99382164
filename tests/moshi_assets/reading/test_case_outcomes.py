"""The files of users' reports: what becomes of each dialogue in a dataset (cases.yaml)."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from moshi_assets.audit.dataset import dataset_faults
from moshi_assets.planning.task_table import dialogue_texts
from moshi_assets.reading import words_of
from tests.moshi_assets.support.plain_dataset import PlainDataset, record

HERE = Path(__file__).parent
CASES = HERE / "cases"
AS_WRITTEN = "as it is written"
SAMPLE = "21.chatterbot_corpus_171.jsonl"


@cache
def outcomes() -> dict[str, dict[str, list[str | dict[str, Any]] | str]]:
    return yaml.safe_load((HERE / "cases.yaml").read_text(encoding="utf-8"))


def lines_of(file: str) -> list[str]:
    return (CASES / file).read_text(encoding="utf-8").splitlines()


def planned(folder: Path, file: str) -> PlainDataset:
    """A case file, planned for the built-in voice."""
    dataset = PlainDataset(folder, [], engine="builtin")
    dataset.source = folder / file
    lines = lines_of(file)
    if file.startswith("08"):  # a file of which nothing can be used is refused whole
        lines.append(json.dumps(record(0)))
    dataset.source.write_text("\n".join(lines), encoding="utf-8")
    dataset.plan()
    return dataset


def rejects_of(dataset: PlainDataset) -> dict[str, str]:
    """Reasons by dialogue id."""
    rejects = map(json.loads, dataset.store.rejects_path.read_text(encoding="utf-8").splitlines())
    return {reject["id"]: reject["reason"] for reject in rejects}


def turns_of(dataset: PlainDataset) -> dict[str, list[dict[str, Any]]]:
    """Task rows by dialogue id, `said` in each what the voice is given."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in dataset.tasks():
        found.setdefault(row["dialogue_id"], []).append(row | {"said": row["spoken"] or row["text"]})
    return found


def alignments(dataset: PlainDataset, name: str) -> list:
    """Words of a dialogue's transcript, each with its times and its speaker."""
    (path,) = dataset.store.stereo_folder.rglob(f"{name}.json")
    return json.loads(path.read_text(encoding="utf-8"))["alignments"]


def test_every_case_file_has_an_outcome():
    assert {path.name for path in CASES.iterdir()} - {SAMPLE} == set(outcomes())


@pytest.mark.parametrize("file", outcomes())
def test_each_dialogue_of_a_report_becomes_what_its_reporter_wanted(tmp_path: Path, file):
    dataset = planned(tmp_path, file)
    turns, rejects = turns_of(dataset), rejects_of(dataset)

    for name, expected in outcomes()[file].items():
        if isinstance(expected, list):
            wanted = [{"said": turn} if isinstance(turn, str) else turn for turn in expected]
            came = [{field: turn[field] for field in want} for turn, want in zip(turns[name], wanted, strict=True)]
            assert (name, came) == (name, wanted)
        elif expected == AS_WRITTEN:
            assert all(turn["spoken"] is None for turn in turns[name])
        else:
            assert rejects.pop(name).startswith(expected)
    assert rejects == {}
    assert set(turns) - {"talk_000"} <= set(outcomes()[file])


def test_a_wrong_outcome_would_be_seen(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(outcomes()["01.no_answers.jsonl"], "no1", ["Is the shop open on Mondays?", "number"])

    with pytest.raises(AssertionError):
        test_each_dialogue_of_a_report_becomes_what_its_reporter_wanted(tmp_path, "01.no_answers.jsonl")


def test_of_the_reported_corpus_code_is_rejected_by_kind_and_nothing_is_suspicious(tmp_path: Path):
    dataset = planned(tmp_path, SAMPLE)
    rejects = rejects_of(dataset)

    assert len(turns_of(dataset)) == 158
    assert len(rejects) == 13
    assert all(name.startswith("coding_") and "holds code" in reason for name, reason in rejects.items())
    assert not [kind for kind in dataset.store.summary().reading if kind.outcome == "suspicious"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Fish &amp; chips, it&#39;s &quot;fresh&quot;.", 'Fish and chips, it\'s "fresh".'),
        ("Assistant: Yes, until nine.", "Yes, until nine."),
        ("It was in 1963.", "It was in nineteen sixty three."),
        ("9:00-17:00", "nine o'clock to seventeen hundred"),
        ("+1 (555) 123-4567", "plus one, five five five, one two three, four five six seven"),
        ("10-15%", "ten to fifteen percent"),
        ("11/28/2026", "November twenty eighth twenty twenty six"),
        ("1 gal", "one gallon"),
        ('<break time="500ms"/> Yes.', "Yes."),
        ("[pause:500ms] Yes.", "Yes."),
    ],
)
def test_what_reports_quote_but_no_case_file_holds_is_said_as_wanted(tmp_path: Path, written, said):
    dataset = PlainDataset(tmp_path, [record(0, user_text="Is that so?", assistant_text=written)], engine="builtin")
    dataset.plan()
    (shard,) = dataset.store.shards()

    assert dialogue_texts(dataset.store.tasks(shard))["talk_000"][1].spoken == said


# -- the demo


def test_the_dialogues_of_the_examples_are_spoken_as_they_are_written(tmp_path: Path):
    for path in sorted((HERE.parents[2] / "examples").glob("*.jsonl")):
        dataset = PlainDataset(tmp_path, [], engine="builtin", name=path.stem)
        dataset.source = path
        dataset.plan()
        assert [row["text"] for row in dataset.tasks() if row["spoken"] is not None] == []
        assert dataset.store.summary().reading == []


# -- spoken, with sound

BUILT = {
    "price": "02.numeric_turns.jsonl",
    "call": "03.ranges_units.jsonl",
    "list": "04.markdown.jsonl",
    "angle": "06.stage_directions.jsonl",
    "caps": "16.contractions.jsonl",
}
ADDRESS = {
    "id": "url",
    "user_text": "Where is it?",
    "assistant_text": "See https://example.org/tea or (sighs) walk 5 km.",
}


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> PlainDataset:
    """A dialogue each of numbers, phone numbers, markup, pauses, capitals and addresses, in the built-in voice."""
    reported = [json.loads(line) for name, file in BUILT.items() for line in lines_of(file) if f'"{name}"' in line]
    dataset = PlainDataset(tmp_path_factory.mktemp("spoken"), [*reported, ADDRESS], engine="builtin", transcripts=True)
    dataset.build()
    return dataset


@pytest.mark.slow
def test_transcripts_of_reported_dialogues_hold_their_written_words_in_order(spoken: PlainDataset):
    written = turns_of(spoken)
    assert set(written) == {*BUILT, "url"}
    for name, rows in written.items():
        for speaker, role in (("SPEAKER_MAIN", "assistant"), ("SPEAKER_USER", "user")):
            said = [word for row in rows if row["role"] == role for word in words_of(row["text"])]
            assert [word for word, _, who in alignments(spoken, name) if who == speaker] == said


@pytest.mark.slow
def test_a_pause_that_a_writer_asked_for_is_heard(spoken: PlainDataset):
    times = {word: span for word, span, _ in alignments(spoken, "angle")}
    assert 0.5 <= times["for"][0] - times["more"][1] < 1.5


@pytest.mark.slow
def test_a_dataset_of_reported_dialogues_has_no_faults(spoken: PlainDataset):
    assert list(dataset_faults(spoken.store.folder)) == []
