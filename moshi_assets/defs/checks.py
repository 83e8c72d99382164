"""Asset checks: what would mislead a trainer, found by reading the files back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from ..faults import Fault

_STEREO = {
    "format": "Every recording can be read: two channels, PCM_16, the declared rate and duration.",
    "channels": "The two channels differ.",
    "roles": "Each turn lies bit for bit on its role's channel: assistant left, user right.",
    "padding": "Outside its turns a channel is exact zero.",
    "silence": "No channel with speech is silent.",
    "clipping": "No channel is clipped.",
    "gates": "Every turn in a recording has passed the recipe's gates.",
}
_TRANSCRIPTS = {
    "transcripts": "Every recording has its transcript, with the words of its texts.",
    "order": "Words are sorted by start over both speakers.",
    "bounds": "Every word has a length and lies inside the audio.",
    "assistant_words": "Every transcript holds words of the assistant, on which Moshi is trained.",
    "early_words": "No word begins where nothing is heard of its speaker for the next 0.2 s.",
    "late_words": "The first word of a turn begins in the 80 ms in which its speech does, or in one of the two after "
    "it.",
    "word_level": "Within its words a turn is ten times as loud (in power) as beside them.",
}
_MANIFEST = {
    "manifest": "Every recording is once in the manifest of its split, in input order, with its duration.",
    "counts": "Every line of the input is in a manifest or among the rejects, exactly once.",
}
_MAX_ROWS = 50

STEREO_CHECKS = [
    dg.AssetCheckSpec(name, asset="stereo_pairs", description=text, blocking=True) for name, text in _STEREO.items()
]
TRANSCRIPT_CHECKS = [
    dg.AssetCheckSpec(name, asset="transcripts", description=text, blocking=True) for name, text in _TRANSCRIPTS.items()
]
MANIFEST_CHECKS = [
    dg.AssetCheckSpec(name, asset="manifest", description=text, blocking=True) for name, text in _MANIFEST.items()
]


def check_results(
    specs: Sequence[dg.AssetCheckSpec],
    faults: Sequence[Fault],
    checked: int,
    numbers: Mapping[str, Mapping[str, Any]] | None = None,
    warnings: Sequence[Fault] = (),
    nothing: str = "there is nothing to look at",
) -> Iterator[dg.AssetCheckResult]:
    """One result per check; failed ones list the first faults.

    A fault is an error: nothing may be built on it. Where nothing was looked at, or with a warning, the check does not
    pass either, but lets the dataset be built: a shard may rightly be empty (no transcripts wanted, every dialogue of
    it rejected), and one such shard must not keep the others back. A manifest without any recording is an error
    elsewhere.

    Args:
        specs: the checks.
        faults: what was found, of any check.
        checked: how many things were looked at.
        numbers: further metadata by check.
        warnings: what was found, of any check, that is no reason to stop.
        nothing: why nothing was looked at, in case.
    """
    for spec in specs:
        errors = [fault for fault in faults if fault.check == spec.name]
        found = errors + [fault for fault in warnings if fault.check == spec.name]
        metadata: dict = {"checked": checked, "faults": len(found), **(numbers or {}).get(spec.name, {})}
        if found:
            records = [dg.TableRecord({"where": f.where, "fault": f.message}) for f in found[:_MAX_ROWS]]
            metadata["first_faults"] = dg.MetadataValue.table(records)
        yield dg.AssetCheckResult(
            check_name=spec.name,
            asset_key=spec.asset_key,
            passed=not found and checked > 0,
            severity=dg.AssetCheckSeverity.ERROR if errors else dg.AssetCheckSeverity.WARN,
            metadata=metadata,
            description=str(found[0]) if found else f"checked 0: {nothing}" if not checked else None,
        )
