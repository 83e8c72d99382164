"""Worker processes: what they do with freed memory. (That they end with their parent: test_faults.)"""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.moshi_assets.support.plain_dataset import PlainDataset, record

PAGE_FAULTS = """
import resource, sys
from pathlib import Path
from moshi_assets.processes.pools import file_threads
from moshi_assets.stereo.stage import build_pairs
from moshi_assets.storage.dataset import DatasetStore
from moshi_assets.processes.worker import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[2] == "keep":
    keep_freed_memory()
folder = Path(sys.argv[1])
store = DatasetStore(folder.parent, folder.name)
recipe = store.recipe()
with file_threads() as pool:
    for shard in store.shards():
        before = faults()
        build_pairs(store, recipe, shard, pool)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_the_stereo_stage_takes_its_memory_once(tmp_path: Path):
    """The page faults of its second shard: memory that was freed is not handed back, to be taken and zeroed again."""
    long_turn = " ".join(["dialogue"] * 20)
    faults = {}
    for setting in ("keep", "default"):
        lines = [record(n, user_text=long_turn) for n in range(32)]
        dataset = PlainDataset(tmp_path, lines, name=setting, samples_per_shard=16, noise={}, gates={"enabled": False})
        dataset.plan()
        dataset.speak()
        command = [sys.executable, "-c", PAGE_FAULTS, str(dataset.store.folder), setting]
        faults[setting] = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert faults["keep"] < faults["default"] / 4, faults
