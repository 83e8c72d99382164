"""`indextts download`, by the hub's own client against a server on the loopback."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from indextts.checkpoint.check import check_folder
from tests.indextts.support.hub import Hub, serving


@pytest.fixture
def hub(checkpoint_dir: Path) -> Iterator[Hub]:
    with serving(checkpoint_dir) as hub:
        yield hub


def indextts(hub: Hub, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a hub, and a cache of its own."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    return subprocess.run(
        [sys.executable, "-m", "indextts.cli", *arguments],
        cwd=folder,
        env=env | hub.environment | {"HF_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def fetched(hub: Hub, name: str) -> list[str | None]:
    """Ranges that were asked of a file, one for each time."""
    return [r.range for r in hub.requests if r.method == "GET" and r.path.endswith(f"/{name}")]


def test_an_empty_folder_becomes_a_complete_one_and_asks_for_nothing_more(hub, tmp_path):
    done = indextts(hub, tmp_path, "download", "model")

    assert done.returncode == 0, done.stderr
    assert "1 of 13: gpt.pth (" in done.stderr and "from huggingface.co/IndexTeam/IndexTTS-2" in done.stderr
    assert all(finding.good for finding in check_folder(tmp_path / "model"))
    assert (tmp_path / "model" / hub.emotions).exists()
    asked = len(hub.requests)
    assert indextts(hub, tmp_path, "download", "model").returncode == 0
    assert len(hub.requests) == asked


def test_a_connection_that_breaks_off_is_taken_up_where_it_was(hub, tmp_path):
    large = hub.files["IndexTeam/IndexTTS-2/s2mel.pth"] = tmp_path / "large"
    large.write_bytes(os.urandom(1 << 20) * 25)  # the client writes in steps of 10 MiB
    hub.broken, hub.heals = "s2mel.pth", True

    done = indextts(hub, tmp_path, "download", "model")

    assert done.returncode == 0, done.stderr
    assert fetched(hub, "s2mel.pth") == [None, f"bytes={10 << 20}-"]
    assert (tmp_path / "model" / "s2mel.pth").read_bytes() == large.read_bytes()


def test_a_download_that_breaks_leaves_no_half_file_and_the_next_goes_on(hub, tmp_path):
    hub.broken = "s2mel.pth"

    failed = indextts(hub, tmp_path, "download", "model")

    assert failed.returncode == 1 and "Traceback" not in failed.stderr
    assert "s2mel.pth of huggingface.co/IndexTeam/IndexTTS-2 cannot be fetched" in failed.stderr
    assert "Files that have arrived are kept: ask again to go on" in failed.stderr
    assert sorted(p.name for p in (tmp_path / "model").rglob("*") if p.suffix in (".pth", ".incomplete")) == ["gpt.pth"]
    hub.broken = None
    hub.requests.clear()
    killed = tmp_path / "model" / ".cache" / "huggingface" / "download" / "s2mel.4711.incomplete"
    killed.touch()  # the client leaves such a file where it is killed, and takes another name the next time

    done = indextts(hub, tmp_path, "download", "model")

    assert done.returncode == 0, done.stderr
    assert not killed.exists()
    assert (fetched(hub, "gpt.pth"), fetched(hub, "s2mel.pth")) == ([], [None])
    assert all(finding.good for finding in check_folder(tmp_path / "model"))


def test_nothing_is_fetched_unasked(hub, tmp_path):
    done = indextts(hub, tmp_path, "Good morning.", "--voice", "voice.wav", "--model-dir", "model")

    assert done.returncode == 1 and "indextts download model" in done.stderr
    assert hub.requests == []


def test_a_hub_that_cannot_be_reached_is_told_in_a_sentence(hub, tmp_path):
    hub.files.clear()

    done = indextts(hub, tmp_path, "download", "model")

    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert (
        "config.yaml of huggingface.co/IndexTeam/IndexTTS-2 cannot be fetched: Client error '404 Not Found'"
        in done.stderr
    )
