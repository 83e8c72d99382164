"""What README and docs tell a reader to type works, their examples are read, and their links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from moshi_assets.recipe import RecipeError, make_recipe

REPOSITORY = Path(__file__).resolve().parents[2]
README = REPOSITORY / "README.md"
PAGES = [README, REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
MAX_README_LINES = 150


def blocks(page: Path, language: str) -> list[str]:
    """The contents of a page's fenced blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[list[str]]:
    """The command lines of a block, continued lines joined and comments left out."""
    lines = block.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def anchors(page: Path) -> set[str]:
    """The fragments by which GitHub lets a page's headings be linked."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """Relative links of a page that lead to no file, or to no heading of it."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, fragment = target.partition("#")
        linked = (page.parent / name) if name else page
        if not linked.exists() or (fragment and linked.suffix == ".md" and fragment not in anchors(linked)):
            broken.append(target)
    return broken


@pytest.fixture
def new_user(tmp_path):
    """An empty folder with what a clone has after `make demo`, and the README's dialogues."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    (dialogues,) = blocks(README, "json")
    (tmp_path / "dialogues.jsonl").write_text(dialogues, encoding="utf-8")
    return tmp_path


def run(words: list[str], folder: Path) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER", "MOSHI_ASSETS"))}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_readmes_commands_build_its_three_dialogues_with_either_engine(new_user):
    typed = [words for block in blocks(README, "bash")[1:] for words in commands(block)]
    assert [Path(words[0]).name for words in typed] == ["moshi-assets", "moshi-assets", "indextts", "moshi-assets"]

    # What a reader downloads is several GB. A tiny checkpoint takes its place, whose random weights never end an
    # utterance.
    (new_user / "tiny.yaml").write_text("gates: {enabled: false}\nindextts2: {generation: {max_mel_tokens: 20}}\n")
    for words in typed:
        if words[1] == "download":
            words = [sys.executable, "-m", "indextts.tiny", words[2]]
        elif "indextts2" in words:
            words = [*words, "--recipe", "tiny.yaml"]
        run(words, new_user)

    for name in ("dialogues", "dialogues_indextts2"):
        rows = (new_user / "data" / name / f"{name}.jsonl").read_text().splitlines()
        assert len(rows) == 3
        assert "no faults" in run([".venv/bin/moshi-assets", "verify", f"data/{name}"], new_user)


def test_the_python_examples_run_one_after_another(new_user):
    (new_user / "example.py").write_text(
        "\n".join(blocks(REPOSITORY / "docs" / "python.md", "python")), encoding="utf-8"
    )

    said = run([sys.executable, "example.py"], new_user).splitlines()

    assert said[0].startswith("3 recordings in ")
    assert sum(line.startswith(("museum_hours.wav", "table.wav", "clock.wav")) for line in said) == 3
    assert any(line.split()[2:] == ["user", "three,"] for line in said)


def test_the_readme_fits_on_a_few_screens():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page):
    assert broken_links(page) == []


def test_a_link_to_nowhere_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# One heading\n[a](page.md#one-heading) [b](page.md#another) [c](gone.md) [d](https://example.org)\n"
    )

    assert broken_links(page) == ["page.md#another", "gone.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_recipes_shown_in_the_docs_are_recipes(page):
    for block in blocks(page, "yaml"):
        settings = yaml.safe_load(block)
        settings = settings.get("ops", {}).get("synthesis_tasks", {}).get("config", {}).get("recipe", settings)
        make_recipe({"name": "shown", "source": "/shown.jsonl"} | settings)


def test_a_recipe_with_a_wrong_key_would_be_noticed():
    with pytest.raises(RecipeError, match="gapp"):
        make_recipe({"name": "shown", "source": "/shown.jsonl", "gapp": 1})


def test_the_page_of_settings_says_what_the_recipe_says():
    renewed = subprocess.run(
        [sys.executable, REPOSITORY / "tests/docs/settings_page.py"], capture_output=True, text=True, check=False
    )

    assert (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8") == renewed.stdout, (
        "renew it: python tests/docs/settings_page.py > docs/settings.md"
    )
