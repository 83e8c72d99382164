"""`stereo_pairs`: each dialogue of a shard as one stereo WAV, assistant left, user right."""

import time

import dagster as dg
import pyarrow as pa

from ..checks import STEREO_CHECKS, check_results
from ..faults import Fault
from ..files import file_threads
from ..lock import dataset_lock
from ..metrics import peak_rss
from ..pairs import build_pairs
from ..partitions import SINGLE_RUN, by_dataset, shards
from ..quality.shard import gate_faults, quality_figures
from ..resources import DataRoot
from ..run_tags import lock_owner
from ..worker_process import prepare_worker
from .mono_syntheses import mono_syntheses


@dg.asset(
    partitions_def=shards,
    deps=[mono_syntheses],
    backfill_policy=SINGLE_RUN,
    check_specs=STEREO_CHECKS,
    kinds={"python", "wav"},
    group_name="moshi",
)
def stereo_pairs(context: dg.AssetExecutionContext, data: DataRoot) -> dg.MaterializeResult:
    """Stereo recordings of a shard, written once, read back and checked."""
    prepare_worker()
    faults: list[Fault] = []
    tables: list[pa.Table] = []
    checked = 0
    with file_threads() as pool:
        for dataset, keys in by_dataset(context.partition_keys).items():
            store = data.store(dataset)
            recipe = store.recipe()
            with dataset_lock(store.folder, lock_owner(context.run.tags, context.run.run_id)):
                for key in keys:
                    begin = time.monotonic()
                    figures = build_pairs(store, recipe, key, pool)
                    wall = time.monotonic() - begin
                    faults += figures.faults + gate_faults(store, recipe, key)
                    tables.append(store.quality(key))
                    checked += figures.written + figures.reused
                    context.add_asset_metadata(
                        {
                            "dialogues": figures.dialogues,
                            "written": figures.written,
                            "reused": figures.reused,
                            "rejected": figures.rejected,
                            **figures.turn_taking.summary(),
                            **figures.levels.summary(),
                            "audio_seconds": round(figures.audio_seconds, 3),
                            "wall_seconds": round(wall, 3),
                            "x_realtime": round(figures.audio_seconds / max(wall, 1e-9), 1),
                            "peak_rss_mb": round(peak_rss(), 1),
                            "folder": dg.MetadataValue.path(str(store.stereo_folder)),
                        },
                        partition_key=key,
                    )
    numbers = {"gates": quality_figures(pa.concat_tables(tables))}
    return dg.MaterializeResult(check_results=list(check_results(STEREO_CHECKS, faults, checked, numbers)))
