"""What was done to the texts of a dataset: told by its card, its report and the end of its build."""

from __future__ import annotations

from pathlib import Path

import pytest

from moshi_assets.cli.summary import _texts
from moshi_assets.publish.report.write import write_report
from moshi_assets.storage.parse_summary import KindCount
from tests.moshi_assets.support.plain_dataset import PlainDataset, record

ODD = [
    record(0, user_text="It is **5 km**, <img src=x>", assistant_text="Press ^ now."),
    record(1, user_text="*nods*", assistant_text="Well."),
    record(2, user_text="Is it?", assistant_text="It is."),
]


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> PlainDataset:
    dataset = PlainDataset(tmp_path_factory.mktemp("odd"), ODD, transcripts=True, aligner="proportional")
    dataset.build()
    return dataset


def test_the_summary_holds_each_kind_with_an_example(odd: PlainDataset):
    summary = odd.store.summary()

    assert summary.changed_turns == 3
    assert KindCount("verbalised", "unit", 1, "5 km", "five kilometers") in summary.reading
    assert KindCount("rejected", "nothing to say", 1, "*nods*", "") in summary.reading
    assert [(kind.kind, kind.written) for kind in summary.suspicious] == [("symbol", "^")]


def test_the_card_lists_the_kinds_and_no_example_marks_anything_up(odd: PlainDataset):
    section = odd.store.card_path.read_text(encoding="utf-8").partition("## Texts")[2].partition("## ")[0]

    assert "3 turns of the input were changed" in section
    assert "| verbalised | unit | 5 km | five kilometers | 1 |" in section
    assert "<img" not in section and "**" not in section


def test_the_report_lists_the_kinds(odd: PlainDataset):
    page = write_report(odd.store).path.read_text(encoding="utf-8")

    assert "What was done to the texts" in page
    assert "<td>verbalised</td><td>unit</td><td>1</td><td>5 km</td><td>five kilometers</td>" in page


def test_where_nothing_was_changed_card_report_and_build_say_little(tmp_path: Path):
    dataset = PlainDataset(tmp_path, [record(0, user_text="Is it?", assistant_text="It is.")])
    dataset.build()

    assert "Every turn is spoken as it was written." in dataset.store.card_path.read_text(encoding="utf-8")
    assert "What was done to the texts" not in write_report(dataset.store).path.read_text(encoding="utf-8")
    assert list(_texts(dataset.store.summary())) == []


def test_the_end_of_a_build_names_what_is_suspicious(odd: PlainDataset):
    (line,) = _texts(odd.store.summary())

    assert line.startswith("texts       3 turns") and "1 x symbol '^'" in line
