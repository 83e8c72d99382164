"""Moshi Assets: written dialogues in, a two-channel speech dataset for moshi-finetune out.

The modules and folders in the order of the data flow. Each imports only from those above it; a test asserts that.

    names, faults       names that reach the disk; what a check finds
    processes/          worker processes: pools, how they start and end, their memory
    audio/              samples: 16-bit conversion, resampling, loudness, silence
    dialogues/          files of any kind -> records -> Dialogue or Reject
    recipe/             every setting of a dataset, and nothing but settings
    storage/            where a dataset's files lie: whole or absent, locked, checksummed
    reading/            a turn's text as written -> the words as they are spoken
    prompts/            a recording as a voice: its measures, whether it can serve, what a file beside it says
    engines/            what speaks: the protocol, the registry and three engines
    alignment/          word times: the protocol and four aligners
    quality/            measures of an utterance, the rules it must pass, and models that listen to it
    planning/           Dialogue -> SynthesisTask                   asset synthesis_tasks
    synthesis/          SynthesisTask -> sound                      asset mono_syntheses
    stereo/             sound -> recordings and their index         asset stereo_pairs
    transcripts/        recordings -> words with their times        asset transcripts
    resume/             what is left to do: missing tasks, finished shards, dialogues that have moved
    making/             shards in one pass: spoken, assembled and transcribed beside the engine
    publish/            manifest, dataset card and report           asset manifest
    audit/              a dataset judged from its files alone: progress, counts, every fault
    export/             a finished dataset as WebDataset or Parquet
    partition_mapping   which shards belong to which dataset; dagster.yaml names it
    defs/               what Dagster loads: assets, checks, jobs, partitions, sensors; how its runs are executed
    definitions         the code location: all of defs/ together
    cli/                the command moshi-assets, a file for each of its commands
    api                 what `import moshi_assets` offers to Python

`docs/architecture.md` shows how the data flows and how to add to it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import BuildError, Dataset, DatasetError, Recording, Word, build_dataset

__version__ = "0.1.0"
__all__ = ["BuildError", "Dataset", "DatasetError", "Recording", "Word", "__version__", "build_dataset"]


def __getattr__(name: str) -> Any:
    """Import the interface at first use, so that commands that do not need it do not wait for it."""
    if name in __all__:
        return getattr(import_module(".api", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
