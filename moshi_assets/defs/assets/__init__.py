"""The software-defined assets: thin declarations over the plain modules."""

from .manifest import manifest
from .shards import shard_assets
from .synthesis_tasks import synthesis_tasks

ASSETS = [synthesis_tasks, shard_assets, manifest]

__all__ = ["ASSETS", "manifest", "shard_assets", "synthesis_tasks"]
