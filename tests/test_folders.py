"""Each folder imports only from those before it: the tables in the packages' docstrings against the imports."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from types import ModuleType

import pytest

import indextts
import moshi_assets

PACKAGE = Path(moshi_assets.__file__).parent
ARCHITECTURE = PACKAGE.parent / "docs" / "architecture.md"
both_packages = pytest.mark.parametrize("package", [indextts, moshi_assets], ids=lambda package: package.__name__)


def table(package: ModuleType) -> list[str]:
    """Rows of the table in a package's docstring, without their indentation."""
    return re.findall(r"^    ([\w/]+(?:, \w+)*  +\S.*)$", package.__doc__ or "", re.MULTILINE)


def folder(package: ModuleType) -> Path:
    return Path(package.__file__ or "").parent


def order(rows: list[str]) -> dict[str, int]:
    """Row number of each folder and module; those of one row stand side by side."""
    named = (row.partition("  ")[0].split(", ") for row in rows)
    return {name.strip("/"): number for number, names in enumerate(named) for name in names}


def modules(package: Path) -> dict[str, Path]:
    """Every module below a package, by its name inside of it; `__init__` goes without saying."""
    paths = {path.relative_to(package).with_suffix("").parts: path for path in package.rglob("*.py")}
    return {".".join(parts[:-1] if parts[-1] == "__init__" else parts): path for parts, path in paths.items()}


def imported(name: str, path: Path, known: dict[str, Path], package: str) -> Iterator[str]:
    """Modules that a module imports, wherever in it: in functions and for type checkers too."""
    inside = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = (
                [package, *filter(None, inside)][: len(list(filter(None, inside))) + 2 - node.level]
                if node.level
                else []
            )
            base += node.module.split(".") if node.module else []
            found = [[*base, alias.name] for alias in node.names]
        else:
            continue
        for parts in found:
            if parts[0] == package:
                candidates = (".".join(parts[1:end]) for end in (len(parts), len(parts) - 1))
                yield from [each for each in candidates if each in known][:1]


def against_the_order(package: Path, rows: list[str]) -> list[str]:
    """Imports of a folder from a later one, as `importer -> imported`."""
    known, places = modules(package), order(rows)

    def place(module: str) -> int:
        return places[module.split(".")[0]]

    return [
        f"{name} -> {other}"
        for name, path in sorted(known.items())
        for other in imported(name, path, known, package.name)
        if name not in ("", "__main__") and other and place(other) > place(name)
    ]


@both_packages
def test_every_folder_and_module_has_its_row(package: ModuleType):
    names = {name.split(".")[0] for name in modules(folder(package))} - {"", "__main__"}
    assert names == set(order(table(package))), "add a row to the package's docstring, below what it imports"


@both_packages
def test_each_folder_imports_only_from_those_above_it(package: ModuleType):
    assert against_the_order(folder(package), table(package)) == []


@both_packages
def test_no_modules_import_each_other(package: ModuleType):
    known = modules(folder(package))
    graph = {name: set(imported(name, path, known, package.__name__)) - {""} for name, path in known.items()}
    graph.get("checkpoint.files", set()).discard("checkpoint.download")  # `locate` fetches what is missing if asked to
    assert len(list(TopologicalSorter(graph).static_order())) == len(known)


@both_packages
def test_the_page_on_the_architecture_shows_the_same_table(package: ModuleType):
    assert "\n".join(table(package)) in ARCHITECTURE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "late",
    [
        "from ..synthesis.lane import speak",
        "from ..synthesis import lane",
        "from .. import synthesis",
        "import house.synthesis.lane",
        "from house.synthesis.lane import speak",
        "def later():\n    from ..synthesis.lane import speak",
        "if TYPE_CHECKING:\n    from ..synthesis.lane import speak",
    ],
)
def test_an_import_from_a_later_folder_is_found(tmp_path: Path, late: str):
    house = tmp_path / "house"
    for folder in ("recipe", "synthesis"):
        (house / folder).mkdir(parents=True)
        (house / folder / "__init__.py").touch()
    (house / "__init__.py").touch()
    (house / "synthesis" / "lane.py").write_text("from ..recipe import settings\n")
    (house / "recipe" / "settings.py").write_text(late)

    (found,) = against_the_order(house, ["recipe/   settings", "synthesis/   speaking"])

    assert found.startswith("recipe.settings -> synthesis")


def test_only_what_dagster_loads_and_the_commands_import_dagster():
    users = {
        name.split(".")[0]
        for name, path in modules(PACKAGE).items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for each in (node.names if isinstance(node, ast.Import) else [])
        if each.name == "dagster"
    }
    assert users == {"defs", "definitions", "partition_mapping", "cli"}
