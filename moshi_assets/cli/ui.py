"""`moshi-assets ui`: Dagster's webserver and daemon for the datasets in a folder and their history."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

import click

from indextts.interrupts import ending_at_once

from .options import data_folder

_PR_SET_PDEATHSIG = 1  # sys/prctl.h
WORKSPACE = Path(__file__).parent.parent / "workspace.yaml"
"""Workspace file of Dagster: loads this package as the code location `moshi_assets`."""


@click.command()
@data_folder("Folder that holds the datasets, as for build; their history is in OUTPUT/.dagster.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others may then see it.")
@click.option("--port", "-p", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port to listen on.")
def ui(output: Path, host: str, port: int) -> None:
    """Show the datasets in OUTPUT in a browser, and carry on what is begun there.

    Starts Dagster's webserver, and its daemon: dialogue files dropped into OUTPUT/inbox become datasets. Ctrl-C ends
    all. An instance of your own is used where DAGSTER_HOME names one.
    """
    _check_installed()
    output = output.expanduser().resolve()
    url = f"http://{host}:{port}"
    with ending_at_once():  # what it leaves half-made is completed at the next start
        from ..defs.instance_home import instance_home
        from ..defs.instance_storage import prepare_storage

        try:
            _make_inbox(output)
            home = instance_home(output)
            claim = _claim(home, url)
            _check_free(host, port)
            prepare_storage(home)
        except OSError as error:
            raise click.ClickException(str(error)) from None
        os.environ["MOSHI_ASSETS_DATA"] = str(output)
        _take_stock(output)
    click.echo(f"open {url} in some ten seconds: it shows {output}. Ctrl-C ends it", err=True)
    command = [sys.executable, "-W", "ignore", "-m", "dagster", "dev", "-w", str(WORKSPACE)]
    command += ["--host", host, "--port", str(port)]
    command += ["--log-level", "warning"]  # else every tick of every sensor is a line
    if code := _serve(command, claim):
        raise click.ClickException(f"Dagster ended with exit code {code}; what it says stands above")


def _check_installed() -> None:
    """
    Raises:
        click.ClickException: the extra that brings the webserver is not installed.
    """
    if find_spec("dagster_webserver") is None:
        raise click.ClickException("the UI needs Dagster's webserver: pip install 'moshi-assets[ui]'")


def _make_inbox(output: Path) -> None:
    """
    Raises:
        click.ClickException: there can be no such folder.
    """
    try:
        (output / "inbox").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"--output {output} cannot be a folder: {error.strerror}") from None


def _serve(command: list[str], claim: int) -> int:
    """Run Dagster's own command, which ends its webserver, daemon and code server with itself.

    It has a session of its own and is ended by SIGTERM alone: Ctrl-C reaching each of its processes would be a
    traceback each.

    Args:
        command: to run.
        claim: descriptor that the command holds as well, so that the history stays claimed as long as it lives.

    Returns:
        Its exit code; 0 where a signal to this process ended it.
    """
    children: list[subprocess.Popen] = []
    ended = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal ended
        ended = True
        for child in children:
            child.terminate()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    begin = partial(_prctl(), _PR_SET_PDEATHSIG, signal.SIGTERM)  # its end comes with ours, whatever kills this process
    children.append(subprocess.Popen(command, pass_fds=[claim], start_new_session=True, preexec_fn=begin))  # noqa: PLW1509 (one call)
    if ended:  # while it was started
        children[0].terminate()
    code = children[0].wait()
    return 0 if ended else code


def _prctl() -> Callable[[int, int], int]:
    """The C library's `prctl`; on systems other than Linux a function that does nothing."""
    return getattr(ctypes.CDLL(None), "prctl", lambda option, value: 0)


def _claim(home: Path, url: str) -> int:
    """Mark the history as shown at `url` for as long as the returned descriptor is open.

    Raises:
        click.ClickException: another process shows it. Two daemons would start everything twice.
    """
    handle = os.open(home / ".ui", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        other = os.pread(handle, 200, 0).decode("utf-8", "replace")
        raise click.ClickException(f"the history in {home} is shown at {other} already") from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, url.encode(), 0)
    return handle


def _check_free(host: str, port: int) -> None:
    """
    Raises:
        click.ClickException: the port is taken, or there is no such address here.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what ended just now is no obstacle
            probe.bind(address)
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port or --host"
        ) from None


def _take_stock(root: Path) -> None:
    """Register the datasets in `root`, wherever they were built, and close runs that were killed."""
    import dagster as dg

    from ..defs.dead_runs import close_dead_runs
    from ..defs.partitions import register_dataset
    from ..storage.dataset import DatasetError, datasets_in

    with dg.DagsterInstance.get() as instance:
        close_dead_runs(instance, root)
        for store in datasets_in(root):
            try:
                register_dataset(instance, store)
            except DatasetError as error:
                click.echo(f"warning: {store.name} is not shown: {error}", err=True)
