"""`manifest`: the files that moshi-finetune reads, over all shards of a dataset."""

import time
from contextlib import suppress
from typing import Any

import dagster as dg

from ...audit.line_counts import count_dataset
from ...faults import Fault
from ...publish.manifest import manifest_faults
from ...publish.report.material import ReportMaterial
from ...publish.stage import publish_manifest
from ...stereo.training_window import window_advice, window_fill
from ..asset_metadata import OWNERS, link, place, rejects_table
from ..checks import MANIFEST_CHECKS, check_results
from ..dataset_at_work import dataset_at_work
from ..partitions import OF_DATASET, SINGLE_RUN, datasets
from ..plain_failure import tells_plainly
from ..resources import DataRoot


@dg.asset(
    partitions_def=datasets,
    deps=[dg.AssetDep("transcripts", partition_mapping=OF_DATASET)],
    backfill_policy=SINGLE_RUN,
    code_version="1",  # raise it when the same recordings give other manifests or another card
    owners=OWNERS,
    metadata={
        "dagster/column_schema": dg.TableSchema(
            [
                dg.TableColumn("path", "string", description="Of the recording, relative to the manifest."),
                dg.TableColumn("duration", "float", description="Seconds."),
            ]
        )
    },
    check_specs=MANIFEST_CHECKS,
    kinds={"python", "json"},
    group_name="moshi",
)
@tells_plainly
def manifest(context: dg.AssetExecutionContext, data: DataRoot) -> dg.MaterializeResult:
    """`<dataset>.jsonl`: path and duration of every recording to train on, in input order, published whole.

    What is kept for evaluation is listed in `<dataset>.eval.ndjson`.
    """
    faults: list[Fault] = []
    rows = 0
    numbers: dict[str, Any] = {}
    for key in context.partition_keys:
        begin = time.monotonic()
        with dataset_at_work(context, data, key) as (store, recipe):
            figures = publish_manifest(store, recipe)
            counts = count_dataset(store, recipe)
            faults += [*manifest_faults(store), *counts.faults]
            numbers = counts.summary()
            wall = time.monotonic() - begin
            report = _report(context, figures.report)
        rows += figures.rows
        packed = recipe.pack_seconds is not None
        advice = window_advice(figures.rows, figures.dataset.seconds, figures.dataset.windows, packed)
        if advice:
            context.log.warning(advice)
        context.add_asset_metadata(
            {
                "recordings": figures.rows,
                "dialogues": figures.dataset.dialogues,
                "for_evaluation": figures.eval_rows,
                "rejected": figures.rejected,
                "removed_files": figures.removed_files,
                "audio_seconds": round(figures.dataset.seconds, 3),
                "audio_hours": round(figures.dataset.seconds / 3600, 4),
                "window_fill": round(window_fill(figures.dataset.seconds, figures.dataset.windows), 4),
                **({"window_advice": advice} if advice else {}),
                "wall_seconds": round(wall, 3),
                "manifest": dg.MetadataValue.path(str(store.manifest_path)),
                **(
                    {"eval_manifest": dg.MetadataValue.path(str(store.eval_manifest_path))} if figures.eval_rows else {}
                ),
                "card": dg.MetadataValue.path(str(store.card_path)),
                "rejects": dg.MetadataValue.path(str(store.rejects_path)),
                **rejects_table(store),
                **place(store.manifest_path, figures.rows),
                **report,
            },
            partition_key=key,
        )
    return dg.MaterializeResult(check_results=list(check_results(MANIFEST_CHECKS, faults, rows, {"counts": numbers})))


def _report(context: dg.AssetExecutionContext, material: ReportMaterial) -> dict[str, dg.MetadataValue]:
    """Write the report; metadata that lead to it. One that cannot be made costs the dataset nothing, but it is told."""
    from ...publish.report.write import write_page  # with its templates: no other step needs them

    store, begin = material.store, time.monotonic()
    try:
        outcome = write_page(material)
    except Exception as error:
        with suppress(OSError):
            store.report_path.unlink(missing_ok=True)  # an earlier one would pass for this dataset's
        context.log.warning(
            f"{store.name}: its report could not be written ({type(error).__name__}: {error}); to try again: "
            f"moshi-assets report {store.folder}"
        )
        return {"report_problem": dg.MetadataValue.text(f"not written, {type(error).__name__}: {error}")}
    for problem in outcome.problems:
        context.log.warning(f"report: {problem}")
    return {
        "report": link(store, outcome.path),
        "report_seconds": dg.MetadataValue.float(round(time.monotonic() - begin, 3)),
    }
