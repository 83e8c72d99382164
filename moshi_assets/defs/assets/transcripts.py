"""`transcripts`: the words of each recording of a shard with their times, as JSON beside the WAV."""

import dagster as dg

from ...alignment.word_times import APPROXIMATE, WordTimes
from ...faults import Fault
from ...processes.memory import peak_rss
from ...processes.pools import file_threads
from ...processes.worker import prepare_worker
from ...storage.lock import dataset_lock
from ...transcripts.stage import TranscriptFigures, build_transcripts
from ..asset_metadata import OWNERS, place
from ..checks import TRANSCRIPT_CHECKS, check_results
from ..early_record import record_shard
from ..partitions import SINGLE_RUN, by_dataset, shards
from ..plain_failure import tells_plainly
from ..resources import DataRoot
from ..run_tags import lock_owner
from .stereo_pairs import stereo_pairs


@dg.asset(
    partitions_def=shards,
    deps=[stereo_pairs],
    backfill_policy=SINGLE_RUN,
    code_version="1",  # raise it when the same recordings get other words or times (an aligner: VERSION in moshi_assets/transcripts/stage.py)  # noqa: E501
    owners=OWNERS,
    check_specs=TRANSCRIPT_CHECKS,
    kinds={"python", "json"},
    group_name="moshi",
)
@tells_plainly
def transcripts(context: dg.AssetExecutionContext, data: DataRoot) -> dg.MaterializeResult:
    """Both speakers' words and when they are heard; only what is missing or changed is aligned."""
    prepare_worker()
    faults: list[Fault] = []
    checked = 0
    nothing = "every dialogue of these shards is rejected"
    for dataset, keys in by_dataset(context.partition_keys).items():
        store = data.store(dataset)
        recipe = store.recipe()
        if not recipe.transcripts:
            nothing = "the recipe wants no transcripts"
        word_times = WordTimes(recipe.aligner, recipe.ctc_model, recipe.device)
        lock = dataset_lock(store.folder, lock_owner(context.run.tags, context.run.run_id))
        with lock, file_threads() as pool:
            for key in keys:
                figures = build_transcripts(store, recipe, key, word_times, pool)
                faults += figures.faults
                checked += figures.recordings
                _warn(context, key, figures)
                metadata = _metadata(figures) | place(store.stereo_folder, figures.recordings)
                context.add_asset_metadata(metadata, partition_key=key)
                if not figures.faults:
                    record_shard(context, "transcripts", key, metadata)
    return dg.MaterializeResult(check_results=list(check_results(TRANSCRIPT_CHECKS, faults, checked, nothing=nothing)))


def _warn(context: dg.AssetExecutionContext, shard: str, figures: TranscriptFigures) -> None:
    for reason in figures.reasons:
        context.log.warning(reason)
    if figures.methods[APPROXIMATE]:
        context.log.warning(
            f"{shard}: the word times of {figures.methods[APPROXIMATE]} of {figures.methods.total()} turns are "
            f"approximate "
            f"(by characters); with a CTC model of their language (ctc_model) they would be heard"
        )


def _metadata(figures: TranscriptFigures) -> dict:
    return {
        "recordings": figures.recordings,
        "written": figures.written,
        "reused": figures.reused,
        "words": figures.words,
        "assistant_words": figures.assistant_words,
        "words_sharing_a_slot": figures.shared_slots,
        **{f"turns_{method}": count for method, count in sorted(figures.methods.items())},
        "turns_approximate": figures.methods[APPROXIMATE],
        "aligned_seconds": round(figures.aligned_seconds, 3),
        **figures.speed,
        "peak_rss_mb": round(peak_rss(), 1),
    }
