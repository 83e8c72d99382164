"""The software-defined assets: thin declarations over the plain modules."""

from .manifest import manifest
from .mono_syntheses import mono_syntheses
from .stereo_pairs import stereo_pairs
from .synthesis_tasks import synthesis_tasks
from .transcripts import transcripts

ASSETS = [synthesis_tasks, mono_syntheses, stereo_pairs, transcripts, manifest]

__all__ = ["ASSETS", "manifest", "mono_syntheses", "stereo_pairs", "synthesis_tasks", "transcripts"]
