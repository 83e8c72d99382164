"""`moshi-assets demo`: the sample dialogues, spoken by the built-in voice."""

from __future__ import annotations

from pathlib import Path

import click

from .build import build
from .options import data_folder
from .verify import verify

EXAMPLES = Path(__file__).parent.parent / "examples"
"""Dialogues, recipes, voices and a run config; in a checkout a link to `examples`."""
SAMPLE = EXAMPLES / "moshi_sample.jsonl"


@click.command()
@data_folder("Folder that holds datasets; the sample is built in OUTPUT/moshi_sample.")
@click.pass_context
def demo(context: click.Context, output: Path) -> None:
    """Build and verify the sample: twelve short dialogues, spoken by the built-in voice in seconds, with no GPU and no
    network.
    """
    context.invoke(
        build,
        inputs=(str(SAMPLE.resolve()),),
        output=output,
        name=SAMPLE.stem,
        engine="builtin",
        worker_count=2,
        samples_per_shard=8,
    )
    dataset = output / SAMPLE.stem
    context.invoke(verify, dataset=dataset)
    where = "" if output == Path("data") else f" --output {output}"
    click.echo(
        f"\nListen:     {dataset}/data_stereo/*.wav (left: assistant, right: user)\n"
        f"Report:     open {dataset}/report.html in a browser\n"
        f"Look at it: moshi-assets ui{where} (in a checkout: make ui), then open http://127.0.0.1:3000\n"
        f"Your own:   moshi-assets build FILE.jsonl{where or ' --output data'}; examples lie in {EXAMPLES.resolve()}"
    )
