"""The dataset card: what the Hub and a trainer read from it, whatever the input is named."""

import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from huggingface_hub import DatasetCard
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from moshi_assets.dialogues.reject_kinds import reject_kind
from moshi_assets.publish.card.front_matter import front_matter, size_category
from moshi_assets.publish.card.markdown import code, fenced, prose, table, visible
from moshi_assets.publish.card.measures import measures
from moshi_assets.publish.card.sections import training
from moshi_assets.publish.card.training import fitting_window, window_of
from moshi_assets.publish.card.write import MARK, dataset_card
from moshi_assets.publish.dataset_figures import DatasetFigures, SplitFigures
from moshi_assets.publish.measured import Measured, comparable
from moshi_assets.publish.public_paths import public_path
from moshi_assets.quality.measures import Measures
from moshi_assets.recipe import Recipe, RecipeError, make_recipe
from moshi_assets.storage.checked_table import write_table
from moshi_assets.storage.dataset import DatasetError
from moshi_assets.synthesis.quality_table import QUALITY_SCHEMA
from tests.moshi_assets.support.plain_dataset import PlainDataset, record, records

EVALUATION = ("talk_001", "talk_004")
LINES = [*records(6), "broken", record(3), record(7, user_text="")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> PlainDataset:
    """Six dialogues, two of them for evaluation, three rejects; tests only look at it."""
    dataset = PlainDataset(tmp_path_factory.mktemp("finished"), LINES, transcripts=True)
    dataset.build(evaluation=EVALUATION)
    return dataset


@pytest.fixture
def copy(finished: PlainDataset, tmp_path: Path) -> PlainDataset:
    """One that a test may change."""
    shutil.copytree(finished.store.folder, tmp_path / "data" / "talks")
    return PlainDataset(tmp_path, LINES, transcripts=True)


def text_of(dataset: PlainDataset) -> str:
    return dataset.store.card_path.read_text(encoding="utf-8")


def section(card: str, heading: str) -> str:
    return card.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def block(text: str) -> Any:
    """The YAML in the first code block of a section."""
    return yaml.safe_load(text.partition("```yaml\n")[2].partition("\n```")[0])


def numbers(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


# -- what machines read


def test_the_hub_reads_the_front_matter(finished: PlainDataset):
    data = DatasetCard(text_of(finished)).data
    assert (data.pretty_name, data.license, data.size_categories) == ("talks", "other", ["n<1K"])
    assert {"moshi", "synthetic"} <= set(data.tags) and data.task_categories


def test_train_and_evaluation_are_told_apart(finished: PlainDataset):
    (config,) = DatasetCard(text_of(finished)).data.configs
    files = {each["split"]: each["path"] for each in config["data_files"]}
    assert files == {"train": "talks.jsonl", "eval": "talks.eval.ndjson"}
    assert all((finished.store.folder / path).is_file() for path in files.values())


def test_without_evaluation_only_train_is_named(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(2))
    dataset.build()
    card = text_of(dataset)
    (config,) = DatasetCard(card).data.configs
    assert config["data_files"] == [{"split": "train", "path": "talks.jsonl"}]
    assert block(section(card, "Training"))["data"]["eval_data"] == "" and "ndjson" not in section(card, "Training")


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ({"license": "cc-by-4.0"}, {"license": "cc-by-4.0"}),
        ({"license_name": "Our Terms"}, {"license": "other", "license_name": "our-terms"}),
        ({"title": "Talks: a set", "languages": ["de"]}, {"pretty_name": "Talks: a set", "language": ["de"]}),
    ],
)
def test_the_recipe_says_licence_title_and_language(copy: PlainDataset, card: dict[str, Any], expected: dict[str, Any]):
    copy.settings["card"] = card
    copy.publish()
    data = DatasetCard(text_of(copy)).data.to_dict()
    assert expected.items() <= data.items()


@pytest.mark.parametrize("card", [{"license": "Apache 2"}, {"languages": ["english!"]}, {"licence": "mit"}])
def test_a_card_setting_that_the_hub_would_refuse_is_an_error(card: dict[str, Any]):
    with pytest.raises(RecipeError, match="card"):
        make_recipe({"name": "talks", "source": "/a.jsonl", "card": card})


@pytest.mark.parametrize(("rows", "size"), [(999, "n<1K"), (1000, "1K<n<10K"), (10**6, "1M<n<10M")])
def test_sizes_have_the_hubs_names(rows: int, size: str):
    assert size_category(rows) == size


# -- figures


def test_counts_and_hours_by_split(finished: PlainDataset):
    rows = section(text_of(finished), "Contents").splitlines()
    train, held = next(r for r in rows if r.startswith("| train")), next(r for r in rows if r.startswith("| eval"))
    seconds = [sum(row["duration"] for row in finished.rows(evaluation)) for evaluation in (False, True)]
    assert numbers(train)[:4] == ["4", "4", "8", f"{seconds[0] / 3600:.4f}"]
    assert numbers(held)[:4] == ["2", "2", "4", f"{seconds[1] / 3600:.4f}"]


def test_speakers_time_is_that_of_their_turns(finished: PlainDataset):
    row = next(r for r in section(text_of(finished), "Contents").splitlines() if r.startswith("| train"))
    assert numbers(row)[4:] == [f"{4 * 0.2 / 3600:.4f}"] * 2  # the noise of these texts lasts 0.2 s


def test_voices_with_their_use_by_split(copy: PlainDataset):
    copy.settings["card"] = {"voice_notes": {"low": "recorded | with <b>consent</b>"}}
    copy.publish()
    voices = section(text_of(copy), "Voices")
    assert "| assistant | `high` | `high` |  | 4 | 2 |" in voices
    assert "| user | `low` | `low` | recorded &#124; with &#60;b&#62;consent&#60;/b&#62; | 4 | 2 |" in voices
    assert "2 of 2 voices are heard in both splits" in voices


def test_who_speaks_is_told_as_far_as_it_is_known(copy: PlainDataset):
    assert "gender" not in section(text_of(copy), "Voices")
    (copy.store.tasks_folder / "voice_traits.json").write_text('{"high": {"gender": "a | <b>", "age": "30s"}}')
    copy.publish()
    voices = section(text_of(copy), "Voices")
    assert "| role | gender | voices | dialogues (train) | dialogues (eval) |" in voices
    assert "| assistant | a &#124; &#60;b&#62; | 1 | 4 | 2 |\n| user | not stated | 1 | 4 | 2 |" in voices
    assert "| assistant | 30s | 1 | 4 | 2 |" in voices and "accent" not in voices


def test_engine_and_revision_are_those_of_the_parse(finished: PlainDataset):
    assert "Revision: `noise-1/200.0`" in section(text_of(finished), "Engine")


def test_without_the_identity_of_the_voices_there_is_no_card_but_an_error_with_the_remedy(copy: PlainDataset):
    (copy.store.tasks_folder / "voices.json").unlink()
    with pytest.raises(DatasetError, match=r"voices\.json cannot be read .* materialize synthesis_tasks"):
        copy.publish()


def test_words_and_rejects_are_counted(finished: PlainDataset):
    quality = section(text_of(finished), "Quality")
    said = sum(len(row["text"].split()) for row in finished.tasks())
    assert f"| words | {said} |" in quality
    assert (
        "3 input records are not in the dataset" in quality
        and "| parse | duplicate id …&#58; the first one is kept | 1 |" in quality
    )


def test_guessed_word_times_are_told(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(2), transcripts=True, aligner="proportional")
    dataset.build()
    assert "| turns whose word times are approximate | 4 (100.00 %) |" in section(text_of(dataset), "Quality")


def test_a_dataset_without_transcripts_says_what_to_do(tmp_path: Path):
    dataset = PlainDataset(tmp_path, records(2))
    dataset.build()
    assert "annotate.py" in section(text_of(dataset), "Contents")


@pytest.mark.parametrize(
    "reason",
    [
        "voice recording /home/ann/private/a.wav lasts 0.5 s",
        "there is no voice '/home/ann/b.wav'",
        "~/ann/x.wav is bad",
    ],
)
def test_a_reason_shows_no_path(reason: str):
    assert "ann" not in reject_kind(reason)


# -- nothing of the machine that made it


def test_the_same_dataset_gives_the_same_bytes(copy: PlainDataset, finished: PlainDataset):
    before = text_of(copy)
    copy.publish()
    assert text_of(copy).replace(str(copy.source), "") == before == text_of(finished)


def test_no_absolute_path_is_told(copy: PlainDataset):
    copy.settings |= {"engine": "noise", "ctc_model": "/home/annika/models/wav2vec2", "aligner": "auto"}
    copy.plan()
    copy.keep_for_evaluation(*EVALUATION)
    copy.pair()
    copy.transcribe()
    copy.publish()
    card = text_of(copy)
    assert str(copy.source.parent) not in card and "/home" not in card and "annika" not in card
    assert block(section(card, "Recipe"))["ctc_model"] == "wav2vec2"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/data/in/voices/a.wav", "voices/a.wav"),
        ("/data/other/a.wav", "a.wav"),
        ("/data/in", "in"),
        ("voices/a.wav", "voices/a.wav"),
        ("~/voices/a.wav", "a.wav"),
        ("C:\\Users\\Ann\\a.wav", "a.wav"),
        ("/home/ann/pool/*.wav", "*.wav"),
        ("heart", "heart"),
    ],
)
def test_paths_are_relative_to_the_dialogue_file_or_names(path: str, shown: str):
    assert public_path(path, Path("/data/in")) == shown


def test_a_readme_of_somebodys_own_is_kept(copy: PlainDataset):
    copy.store.card_path.write_text("# Mine\n")
    copy.publish()
    assert text_of(copy) == "# Mine\n"
    copy.store.card_path.write_text(f"{MARK}\n")
    copy.publish()
    assert "## Contents" in text_of(copy)


def test_a_link_is_not_written_through(copy: PlainDataset, tmp_path: Path):
    target = tmp_path / "elsewhere.md"
    target.write_text(MARK)
    copy.store.card_path.unlink()
    copy.store.card_path.symlink_to(target)
    copy.publish()
    assert target.read_text() == MARK


# -- the licence


def indextts2(**card: Any) -> Recipe:
    return make_recipe({"name": "t", "source": "/a.jsonl", "engine": "indextts2", "card": card})


def card_of(recipe: Recipe, store: Any) -> str:
    figures = DatasetFigures(training_lengths=Counter({5.0: 3}), sample_rates={24000})
    figures.splits["train"] = SplitFigures(3, 3, Counter(user=3, assistant=3), 15.0, {"assistant": 6.0, "user": 7.0})
    return dataset_card(store, recipe, figures)


def test_what_indextts2_spoke_carries_its_notice(finished: PlainDataset):
    for recipe in (indextts2(), indextts2(license="cc-by-4.0")):
        licence = section(card_of(recipe, finished.store), "Licence")
        assert "bilibili's model licence" in licence and "comes with the checkpoints" in licence
    assert "bilibili" not in text_of(finished)


def test_speech_is_called_synthetic(finished: PlainDataset):
    assert "All speech in it is synthetic" in card_of(indextts2(), finished.store)
    assert "noise, not speech" in text_of(finished)


# -- how to train


def test_the_training_file_has_the_trainers_fields(finished: PlainDataset):
    config = block(section(text_of(finished), "Training"))
    assert config["data"] == {
        "train_data": "talks/talks.jsonl",
        "eval_data": "talks/talks.eval.ndjson",
        "shuffle": True,
    }
    assert config["do_eval"] is True and isinstance(config["optim"]["lr"], float)
    assert config["duration_sec"] == 0.8  # recordings last 0.7 s


@pytest.mark.parametrize(
    ("lengths", "window"),
    [
        ({6.0: 10}, 6.0),
        ({5.1: 10}, 5.2),
        ({4.0: 10, 8.0: 10}, 4.0),
        ({98.7: 5, 100.0: 95}, 100.0),
        ({250.0: 4}, 100.0),
        ({0.01: 1}, 0.4),
    ],
)
def test_a_window_fits_the_recordings(lengths: dict[float, int], window: float):
    assert fitting_window(Counter(lengths)).seconds == window


@given(st.dictionaries(st.floats(0.05, 300).map(lambda x: round(x, 2)), st.integers(1, 50), min_size=1, max_size=20))
def test_a_fitting_window_pads_no_more_than_the_longest(lengths: dict[float, int]):
    window = fitting_window(Counter(lengths))
    assert 0 < window.seconds <= 100 and 0 <= window.padded < 1
    assert window.padded <= window_of(100.0, Counter(lengths)).padded + 1e-4
    assert abs(window.seconds / 0.08 - round(window.seconds / 0.08)) < 1e-6  # whole slots


def test_much_padding_comes_with_a_remedy():
    figures = DatasetFigures(training_lengths=Counter({5.0: 5, 8.0: 5, 11.0: 5}))
    assert "pack_seconds: 100" in training(figures, "t", None)
    assert "pack_seconds" not in training(figures, "t", 100.0)
    assert "pack_seconds" not in training(DatasetFigures(training_lengths=Counter({100.0: 5})), "t", None)


@pytest.mark.parametrize(("pack_seconds", "window"), [(100.0, 100.0), (60.0, 60.0), (300.0, 100.0)])
def test_what_was_packed_is_trained_in_the_window_it_fills(pack_seconds: float, window: float):
    figures = DatasetFigures(training_lengths=Counter({15.7: 1, 55.0: 2}))
    assert block(training(figures, "t", pack_seconds))["duration_sec"] == window


def test_the_card_says_what_measures_are_of():
    normalised = "Measured as spoken: in the recordings each speaker is normalised towards -23 LUFS"
    assert normalised in measures(Measured(3), target_lufs=-23.0)
    assert "3 utterances were measured, not gated." in measures(Measured(3), gated=False)


def test_padding_is_what_the_trainer_makes_of_it():
    """The contract's example: a recording of 10 s in a window of 100 s is nine tenths silence."""
    assert window_of(100.0, Counter({10.0: 7})) == pytest.approx((100.0, 7, 0.9))
    assert window_of(4.0, Counter({10.0: 1})) == pytest.approx((4.0, 3, 1 / 6))


# -- names from the input

HOSTILE = [
    "a|b",
    "`x`",
    "``` \n```",
    "<script>alert(1)</script>",
    "[a](http://x)",
    "![i](x)",
    "*b*_c_~~d~~",
    "&amp;&lt;",
]
HOSTILE += [
    "---",
    "# h",
    "a\\|b",
    "\\",
    "a\u202eb",
    "\x00\x1b[31m",
    "www.example.com",
    "http://e.com",
    "a\n\n| c |",
    "@ann",
]
NAMES = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=60), st.text("|`<>[]()*_~\\#&!@:.-\n x", max_size=30))


class Cells(HTMLParser):
    """Tags and the text of each table cell."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def rendered(markdown: str) -> Cells:
    cells = Cells()
    cells.feed(MarkdownIt("gfm-like", {"linkify": False}).render(markdown))
    return cells


@given(name=NAMES, note=NAMES)
def test_a_name_stays_in_its_cell_and_marks_nothing_up(name: str, note: str):
    found = rendered(table(["voice", "note", "count"], [[code(name), prose(note), 7]], figures=1))
    # HTML tags in the source are handed on: the only one of ours is <code>.
    assert set(found.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert [" ".join(cell.split()) for cell in found.cells if cell.strip() != ""][-1] == "7"
    assert len(found.cells) == 6 and found.cells[3].strip() == visible(name) and found.cells[4].strip() == visible(note)


@given(title=NAMES)
def test_a_title_stays_one_heading(title: str):
    html = MarkdownIt("gfm-like", {"linkify": False}).render(f"# {prose(title)}\n\ntext\n")
    assert html.startswith("<h1>") and html.count("<h1>") == 1 and html.endswith("<p>text</p>\n") and "<a" not in html


@given(text=st.text("`~ab\n ", max_size=40))
def test_no_text_ends_its_code_block(text: str):
    tokens = MarkdownIt().parse(fenced(text, "yaml"))
    assert [token.type for token in tokens] == ["fence"]


@given(title=NAMES.filter(lambda text: len(text) <= 200), name=NAMES, link=NAMES)
def test_front_matter_is_yaml_whatever_the_names(title: str, name: str, link: str):
    recipe = make_recipe(
        {"name": "t", "source": "/a", "card": {"title": title, "license_name": name, "license_link": link}}
    )
    card = DatasetCard(front_matter(recipe, DatasetFigures(), {"train": "t.jsonl"}) + "# x\n")
    assert card.data.pretty_name == (visible(title) if title else "t") and card.data.license == "other"
    assert card.text.strip() == "# x"


# -- what the gates measured


def measured_turn(**values: float) -> dict[str, Any]:
    return dict.fromkeys((*Measures._fields, "attempt"), 0.0) | {"chars_per_second": None, "wer": None} | values


def test_measures_are_summed_up_by_speaker():
    measured = Measured(rejected=1)
    measured.add("user", measured_turn(loudness_lufs=-30.0))
    measured.add("user", measured_turn(loudness_lufs=-20.0, wer=0.25, attempt=2))
    measured.add("assistant", measured_turn(loudness_lufs=-21.0))
    text = measures(measured)
    assert text.startswith(
        "3 utterances passed the quality gates; 1 of them were good only at a further attempt, 1 more"
    )
    assert "| loudness (LUFS) | -21.0 (-21.0 to -21.0) | -25.0 (-30.0 to -20.0) |" in text
    assert "| word error rate of a recogniser (%) |  | 25.0 (25.0 to 25.0) |" in text


def test_a_speaking_rate_counts_where_the_text_has_one():
    turn = measured_turn(chars_per_second=14.0)
    assert comparable(turn, "When does the museum open on Sundays?")["chars_per_second"] == 14.0
    assert [comparable(turn, text)["chars_per_second"] for text in ("No.", "", None)] == [None] * 3


def test_the_card_tells_what_was_measured_in_every_shard(copy: PlainDataset):
    for shard in copy.store.shards():
        rows = [measured_turn(loudness_lufs=-23.0) | task for task in copy.store.tasks(shard).to_pylist()]
        write_table(copy.store.quality_path(shard), pa.Table.from_pylist(rows, schema=QUALITY_SCHEMA))
    copy.publish()
    quality = section(text_of(copy), "Quality")
    assert "12 utterances passed the quality gates" in quality
    assert "| loudness (LUFS) | -23.0 (-23.0 to -23.0) | -23.0 (-23.0 to -23.0) |" in quality


def test_a_dataset_that_was_not_measured_says_nothing_of_it():
    assert measures(Measured()) == ""
