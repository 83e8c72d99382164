"""Worker processes: what they do with freed memory. (That they end with their parent: test_faults.)"""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from moshi_assets.worker_process import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if sys.argv[1] == "keep":
    keep_freed_memory()
np.ones(8_000_000, np.int8), np.ones(40_000_000, np.int8)
before = faults()
for _ in range(50):
    np.ones(8_000_000, np.int8), np.ones(30_000_000, np.int8)
print(faults() - before)
"""


def page_faults(setting: str) -> int:
    out = subprocess.run([sys.executable, "-c", FAULTS, setting], check=True, capture_output=True, text=True)
    return int(out.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_freed_memory_serves_the_next_array():
    assert page_faults("keep") < page_faults("default") / 10
