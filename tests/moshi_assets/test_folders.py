"""Each folder imports only from those before it: the table in `moshi_assets/__init__.py` against the imports
themselves.
"""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import moshi_assets

PACKAGE = Path(moshi_assets.__file__).parent
ARCHITECTURE = PACKAGE.parent / "docs" / "architecture.md"


def table() -> list[str]:
    """Rows of the table, without their indentation."""
    return [line.strip() for line in (moshi_assets.__doc__ or "").splitlines() if line.startswith("    ")]


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


def test_every_folder_and_module_has_its_row():
    names = {name.split(".")[0] for name in modules(PACKAGE)} - {"", "__main__"}
    assert names - set(order(table())) == set(), (
        "add a row to the table in moshi_assets/__init__.py, below what it imports"
    )


def test_each_folder_imports_only_from_those_above_it():
    assert against_the_order(PACKAGE, table()) == []


def test_no_modules_import_each_other():
    known = modules(PACKAGE)
    graph = {name: set(imported(name, path, known, PACKAGE.name)) - {""} for name, path in known.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(known)


def test_the_page_on_the_architecture_shows_the_same_table():
    assert "\n".join(table()) in ARCHITECTURE.read_text(encoding="utf-8")


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
