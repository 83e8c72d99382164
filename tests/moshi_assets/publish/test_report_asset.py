"""The report as the pipeline writes it: beside the manifest, linked from the asset, and never in the dataset's way."""

import pytest

from moshi_assets.synthesis.speed_log import read_speed
from tests.moshi_assets.support.pipeline import Pipeline, dialogue, failure, metadata, write_dialogues
from tests.moshi_assets.support.plain_dataset import full_disk


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Dataset `talks`, built: four dialogues in two shards."""
    folder = tmp_path_factory.mktemp("assets")
    pipeline = Pipeline(folder / "data")
    source = write_dialogues(folder / "talks.jsonl", [dialogue(number) for number in range(4)])
    pipeline.build(source, samples_per_shard=2)
    return pipeline


def publish(pipeline: Pipeline) -> dict:
    """Metadata of the manifest, materialized again."""
    run = pipeline.materialize("manifest", "talks")
    assert run.success, failure(run)
    return metadata(run, "manifest")["talks"]


def test_the_manifest_s_metadata_lead_to_the_report(pipeline):
    held = publish(pipeline)

    assert held["report"] == str(pipeline.store().report_path)
    assert "talks · dataset report" in pipeline.store().report_path.read_text(encoding="utf-8")


def test_how_fast_the_shards_were_spoken_is_in_the_report(pipeline):
    publish(pipeline)

    speeds = [read_speed(pipeline.store(), shard) for shard in pipeline.store().shards()]
    assert [speed.spoken for speed in speeds] == [4, 4]
    assert all(speed.x_realtime > 0 for speed in speeds)
    assert ">Throughput " in pipeline.store().report_path.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_fails_no_dataset_and_leaves_no_outdated_page(pipeline):
    publish(pipeline)
    with full_disk(30_000):  # room for a manifest, not for the page
        held = publish(pipeline)

    assert "report" not in held
    assert "DiskFull: no room to write in" in held["report_problem"]
    assert not pipeline.store().report_path.exists()
    assert len(pipeline.store().manifest_path.read_text().splitlines()) == 4
    assert not list(pipeline.store().folder.glob(".*.partial"))
