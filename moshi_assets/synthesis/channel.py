"""Bounded queues between the threads of a lane, which all end when one of them does."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class LaneStopped(Exception):
    """Raised in the threads of a lane that ends early."""


class LaneState:
    """Whether a lane goes on. Everything that its threads wait for changes under one condition.

    The thread that makes it is the lane's own, which raises what has ended the lane; helpers only end.
    """

    def __init__(self) -> None:
        self._owner = threading.get_ident()
        self._changed = threading.Condition()
        self._stopped = False
        self._error: BaseException | None = None

    def stop(self, error: BaseException | None = None) -> None:
        """End the lane, for the first error that is given: who waits, or will wait, raises."""
        with self._changed:
            self._stopped = True
            self._error = self._error or error
            self._changed.notify_all()

    def change(self, change: Callable[[], object]) -> None:
        """Change what others may wait for."""
        with self._changed:
            change()
            self._changed.notify_all()

    def when(self, ready: Callable[[], bool], then: Callable[[], T]) -> T:
        """Wait until something is so, change something, and return what that returns.

        Raises:
            LaneStopped: the lane ends early; in its own thread the error that ended it.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or ready())
            if self._stopped:
                raise (self._error if threading.get_ident() == self._owner else None) or LaneStopped
            result = then()
            self._changed.notify_all()
            return result

    def check(self) -> None:
        """Raise what has ended the lane, if anything has."""
        self.when(lambda: True, lambda: None)


class Channel(Generic[T]):
    """A bounded queue between two threads of a lane."""

    def __init__(self, state: LaneState, size: int) -> None:
        self._state, self._size = state, size
        self._items: deque[T] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add an item when there is room."""
        self._state.when(lambda: len(self._items) < self._size, lambda: self._items.append(item))

    def get(self) -> T:
        """Take the first item when there is one."""
        return self._state.when(lambda: bool(self._items), self._items.popleft)

    def poll(self) -> T | None:
        """Take the first item if there is one."""
        return self._state.when(lambda: True, lambda: self._items.popleft() if self._items else None)
