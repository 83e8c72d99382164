"""The wheel: what `pip install moshi-assets` gives somebody who has no checkout."""

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.moshi_assets.support.deployment import deployed
from tests.moshi_assets.support.pipeline import REPOSITORY, environment

SOURCES = (
    *("pyproject.toml", "README.md", "LICENSE", "workspace.yaml", "dagster_home/dagster.yaml"),
    *("examples", "indextts", "moshi_assets"),
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources, without a network."""
    pytest.importorskip("setuptools", minversion="77", reason="the dependency group dev brings it")
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source = REPOSITORY / name
        (folder / name).parent.mkdir(exist_ok=True)
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name, **({"symlinks": True} if source.is_dir() else {}))
    _python(
        sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "dist", ".", cwd=folder
    )
    (built,) = (folder / "dist").glob("*.whl")
    return built


def _python(*command: str | Path, cwd: Path) -> str:
    """Standard output of a command, which must succeed."""
    env = {k: v for k, v in environment().items() if k != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_holds_settings_workspace_and_examples_and_no_tests(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())

    assert {
        f"moshi_assets/{name}" for name in ("dagster.yaml", "workspace.yaml", "publish/report/page/page.html")
    } <= names
    examples = {
        path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "examples").rglob("*") if path.is_file()
    }
    assert {f"moshi_assets/{name}" for name in examples} <= names
    assert {name.split("/")[0] for name in names} - {"moshi_assets", "indextts"} == {
        "-".join(wheel.name.split("-")[:2]) + ".dist-info"
    }


def test_installed_alone_it_builds_the_demo_and_shows_it_in_an_empty_folder(wheel, tmp_path):
    """Its dependencies are those of this environment."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    packages = Path(
        _python(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip()
    )
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    _python(
        sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel, cwd=tmp_path
    )
    here = _python(python, "-c", "import moshi_assets, indextts; print(moshi_assets.__file__)", cwd=tmp_path)
    assert here.startswith(str(tmp_path))
    (tmp_path / "empty").mkdir()

    told = _python(tmp_path / "venv" / "bin" / "moshi-assets", "demo", cwd=tmp_path / "empty")

    assert "12 read, 12 recorded" in told and "data/moshi_sample: no faults" in told
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["data"]
    with deployed(tmp_path / "empty", tmp_path / "venv" / "bin" / "moshi-assets") as deployment:
        assert deployment.state("manifest", "moshi_sample") == "FRESH"
