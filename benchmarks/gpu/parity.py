"""The tests marked `gpu`, run on the card: the goldens' float32 chain on CUDA within the tolerances of the CPU."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

PROJECT = Path(__file__).resolve().parents[2]
TESTS = PROJECT / "tests" / "indextts"


def run_marked_tests(seconds: float) -> dict[str, Any]:
    """Run `pytest -m gpu` in a process of its own, for at most so many seconds.

    Returns:
        Counts, and the names of what failed and was skipped with the first lines of the reasons.

    Raises:
        RuntimeError: pytest did not come to its end.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ["-m", "gpu", "-p", "no:cacheprovider", "-p", "no:xdist", f"--junitxml={report}"]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *options, str(TESTS)],
                cwd=PROJECT,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"the tests did not end within {seconds:.0f} s") from None
        if not report.is_file():
            raise RuntimeError(f"pytest ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
        return _counts(ElementTree.parse(report).getroot())


def _counts(root: ElementTree.Element) -> dict[str, Any]:
    outcomes: dict[str, dict[str, str]] = {"failed": {}, "skipped": {}}
    cases = list(root.iter("testcase"))
    for case in cases:
        for tag, outcome in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
            if (found := case.find(tag)) is not None:
                outcomes[outcome][case.get("name", "?")] = (found.get("message") or "")[:400]
    failed, skipped = outcomes["failed"], outcomes["skipped"]
    return {
        "tests": len(cases),
        "passed": len(cases) - len(failed) - len(skipped),
        "failed": failed,
        "skipped": skipped,
    }
