"""A manifest of what is finished, while the rest is being made."""

from pathlib import Path

from moshi_assets.publish.so_far import publish_so_far
from moshi_assets.resume.finished import manifest_is_current
from tests.moshi_assets.support.pipeline import Pipeline, dialogue, manifest_rows, write_dialogues
from tests.moshi_assets.support.plain_dataset import PlainDataset, records


def half_made(folder: Path) -> PlainDataset:
    """Twelve dialogues in three shards; the second one is not finished."""
    dataset = PlainDataset(folder, records(12), keep_mono=False, transcripts=True)
    dataset.plan()
    dataset.make()
    dataset.store.done_path("talks.000001").unlink()
    return dataset


def test_it_lists_the_finished_shards_in_input_order(tmp_path: Path):
    dataset = half_made(tmp_path)
    assert publish_so_far(dataset.store, dataset.recipe) == 8
    assert [row["path"] for row in dataset.rows()] == [
        f"data_stereo/talk_{number:03d}.wav" for number in (0, 1, 2, 3, 8, 9, 10, 11)
    ]


def test_it_is_not_taken_for_the_whole_dataset_s(tmp_path: Path):
    dataset = half_made(tmp_path)
    publish_so_far(dataset.store, dataset.recipe)
    assert not manifest_is_current(dataset.store, dataset.recipe)
    dataset.make()
    dataset.publish()
    assert manifest_is_current(dataset.store, dataset.recipe) and len(dataset.rows()) == 12


def test_without_anything_to_train_on_the_earlier_manifest_stays(tmp_path: Path):
    dataset = half_made(tmp_path)
    dataset.store.manifest_path.write_text("earlier\n")
    for shard in dataset.store.shards():
        dataset.store.done_path(shard).unlink(missing_ok=True)
    assert publish_so_far(dataset.store, dataset.recipe) == 0
    assert dataset.store.manifest_path.read_text() == "earlier\n"


def test_a_run_renews_the_manifest_as_the_recipe_says(tmp_path: Path):
    source = write_dialogues(tmp_path / "talks.jsonl", [dialogue(number) for number in range(6)])
    pipeline = Pipeline(tmp_path / "data")
    pipeline.parse(source, samples_per_shard=2, publish_every=2)
    run = pipeline.make("talks.000000", "talks.000002")
    assert run.success
    assert len(manifest_rows(pipeline.store().folder)) == 4  # after the second of three shards
