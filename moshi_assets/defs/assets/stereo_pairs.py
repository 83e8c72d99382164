"""`stereo_pairs`: each dialogue of a shard as one stereo WAV, assistant left, user right."""

from functools import partial

import dagster as dg
import pyarrow as pa

from ...audit.gate_check import gate_faults
from ...faults import Fault
from ...processes.pools import workers
from ...processes.worker import prepare_worker
from ...stereo.stage import build_shard
from ...storage.lock import dataset_lock
from ...synthesis.quality_table import quality_figures, read_quality
from ..asset_metadata import OWNERS, link, place
from ..checks import STEREO_CHECKS, check_results
from ..early_record import record_shard
from ..partitions import SINGLE_RUN, by_dataset, shards
from ..plain_failure import tells_plainly
from ..resources import DataRoot
from ..run_tags import lock_owner
from .mono_syntheses import mono_syntheses


@dg.asset(
    partitions_def=shards,
    deps=[mono_syntheses],
    backfill_policy=SINGLE_RUN,
    code_version="1",  # raise it when the same sounds are assembled otherwise
    owners=OWNERS,
    check_specs=STEREO_CHECKS,
    kinds={"python", "wav"},
    group_name="moshi",
)
@tells_plainly
def stereo_pairs(context: dg.AssetExecutionContext, data: DataRoot) -> dg.MaterializeResult:
    """Stereo recordings of a shard, written once, read back and checked."""
    prepare_worker()
    faults: list[Fault] = []
    warnings: list[Fault] = []
    tables: list[pa.Table] = []
    checked = 0
    for dataset, keys in by_dataset(context.partition_keys).items():
        store = data.store(dataset)
        recipe = store.recipe()
        lock = dataset_lock(store.folder, lock_owner(context.run.tags, context.run.run_id))
        with lock, workers(len(keys), len(keys) * recipe.samples_per_shard) as crew:
            built = crew.map(partial(build_shard, store, recipe, crew.threads), keys)
            for key, (figures, wall, peak) in zip(keys, built, strict=True):
                found = figures.faults + gate_faults(store, recipe, key)
                faults += found
                tables.append(read_quality(store, key))
                if figures.rejected == figures.dialogues:
                    warnings.append(_all_rejected(key, tables[-1]))
                checked += figures.written + figures.reused
                metadata = {
                    "dialogues": figures.dialogues,
                    "written": figures.written,
                    "reused": figures.reused,
                    "rejected": figures.rejected,
                    **figures.turn_taking.summary(),
                    **figures.levels.summary(),
                    "audio_seconds": round(figures.audio_seconds, 3),
                    "wall_seconds": round(wall, 3),
                    "x_realtime": round(figures.audio_seconds / max(wall, 1e-9), 1),
                    "peak_rss_mb": round(peak, 1),
                    "folder": dg.MetadataValue.path(str(store.stereo_folder)),
                    **({"sample": link(store, store.folder / figures.sample)} if figures.sample else {}),
                    **place(store.stereo_folder, figures.recordings),
                }
                context.add_asset_metadata(metadata, partition_key=key)
                if not found:
                    record_shard(context, "stereo_pairs", key, metadata)
    nothing = "every dialogue of these shards is rejected"
    numbers = {"gates": quality_figures(pa.concat_tables(tables))}
    results = list(check_results(STEREO_CHECKS, faults, checked, numbers, warnings, nothing))
    return dg.MaterializeResult(check_results=results)


def _all_rejected(shard: str, quality: pa.Table) -> Fault:
    faulty = len(quality) - quality.column("fault").null_count
    return Fault("gates", shard, f"{faulty} of {len(quality)} utterances are rejected, and with them every dialogue")
