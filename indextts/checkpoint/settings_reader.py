"""Settings of a foreign file become the sizes of modules: entries are found by the names of a dataclass's fields.

Done by the dataclasses themselves rather than by pydantic: `indextts` then runs on a bare GPU machine, which has torch
and transformers but no pydantic (`python -m benchmarks.gpu`; a rehearsal of it in the tests blocks the import).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_args, get_type_hints

from ..foreign_files import shown

_MOST_PROBLEMS = 30
_KINDS: dict[Any, str] = {
    int: "a whole number",
    str: "a name",
    tuple[int, ...]: "a list of whole numbers",
    tuple[tuple[int, ...], ...]: "a list of lists of whole numbers",
}
T = TypeVar("T")


class SettingsReader:
    """Looks up settings by dotted path and collects all that is wrong with them."""

    content: Mapping[str, Any]
    """The file as it was read."""
    problems: list[str]
    """One phrase for each setting that is missing, ill-typed or not supported, with its path and value."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self.problems = []

    def find(self, path: str) -> Any:
        """The value at a path such as `gpt.model_dim`; None if it is not there."""
        node: Any = self.content
        for name in path.split("."):
            if not isinstance(node, Mapping) or name not in node:
                return None
            node = node[name]
        return node

    def entry(self, path: str, kind: Any, default: Any = None) -> Any:
        """The value at a path; the default if it is missing, None if something is wrong with it.

        It must be of a kind: int, str, `tuple[int, ...]` or a tuple of such tuples.
        """
        value = self.find(path)
        if value is None:
            if default is None:
                self.problems.append(f"{path} is missing")
            return default
        if _is(value, kind):
            return _frozen(value)
        self.problems.append(f"{path} must be {_KINDS[kind]}, not {shown(value)}")
        return None

    def section(
        self,
        kind: Callable[..., T],
        path: str = "",
        optional: Collection[str] = (),
        fixed: Collection[str] = (),
        **given: Any,
    ) -> T:
        """Make a dataclass of a section of the file, whose entries have the names of its fields.

        Args:
            kind: the dataclass.
            path: of the section; "" for the whole file.
            optional: fields whose entry may be missing; they keep their default then.
            fixed: fields that have no entry and always keep their default.
            **given: fields whose values come from elsewhere.

        Returns:
            The dataclass with these values, or with its defaults once anything is wrong, so that reading goes on.
        """
        hints = get_type_hints(kind)
        for field in fields(kind):  # type: ignore[arg-type]
            if field.name not in given and field.name not in fixed:
                default = field.default if field.name in optional else None
                given[field.name] = self.entry(f"{path}.{field.name}".lstrip("."), hints[field.name], default)
        return self.build(kind, **given)

    def build(self, kind: Callable[..., T], **values: Any) -> T:
        """Make an object of these values, or of its defaults once anything is wrong.

        A `ValueError` that it raises is noted as a problem.
        """
        if not self.problems:
            try:
                return kind(**values)
            except ValueError as error:
                self.problems.append(str(error))
        return kind()

    def expect(self, supported: Mapping[str, Any]) -> None:
        """Note settings that have another value than the supported one; they may be missing."""
        for path, only in supported.items():
            value = self.find(path)
            if value is not None and value != only:
                self.problems.append(f"{path} is {shown(value)}; supported: {only!r}")

    def listed(self) -> str:
        """The problems in one line; beyond thirty only their number."""
        more = len(self.problems) - _MOST_PROBLEMS
        return "; ".join(self.problems[:_MOST_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")


def _is(value: Any, kind: Any) -> bool:
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is str:
        return isinstance(value, str) and value != ""
    return isinstance(value, list) and all(_is(item, get_args(kind)[0]) for item in value)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
