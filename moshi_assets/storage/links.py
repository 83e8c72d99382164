"""Links in a dataset folder that lead out of it: nothing is written through them, and their targets are not part of the
dataset. The folder itself may be a link, and links to other places inside it are allowed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


class OutsideLink(OSError):
    """A link in a dataset folder leads out of it; the message names it and says what to do."""

    def __init__(self, link: Path) -> None:
        super().__init__(
            f"{link} is a link that leads out of the dataset folder, or nowhere: nothing is read or written through "
            f"it. Remove it, or put "
            f"what it leads to in its place (to keep a dataset on another disk, link its whole folder)"
        )


def outside_links(folder: Path) -> Iterator[Path]:
    """Yield every link below a dataset folder that leads out of it, or nowhere."""
    home = os.path.realpath(folder)
    left = [str(folder)]
    while left:
        try:
            entries = os.scandir(left.pop())
        except (FileNotFoundError, NotADirectoryError):
            continue
        with entries:
            for entry in entries:
                if entry.is_symlink():
                    target = os.path.realpath(entry.path)
                    if os.path.commonpath([home, target]) != home or not os.path.exists(target):
                        yield Path(entry.path)
                elif entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)


def refuse_links(folder: Path) -> None:
    """Make sure that no link leads out of a dataset folder.

    Raises:
        OutsideLink: one does.
    """
    for link in outside_links(folder):
        raise OutsideLink(link)
