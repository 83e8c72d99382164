"""What the card is, and its own limits: bf16 and float32 matrix products, copies of its memory."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from ..tts_roofline import best_seconds

PACKAGES = ("torch", "torchaudio", "triton", "transformers", "numpy", "WeTextProcessing", "wetext", "dagster")


def facts(device: torch.device) -> dict[str, Any]:
    """Card, driver, memory and versions; what cannot be found out is None."""
    told: dict[str, Any] = {
        "card": "none: measured on the CPU",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        told |= {
            "card": properties.name,
            "multiprocessors": properties.multi_processor_count,
            "memory_gib": round(properties.total_memory / 2**30, 1),
            "capability": f"{properties.major}.{properties.minor}",
            "driver": _driver(),
            "cuda": torch.version.cuda,
        }
    return told


def rates(device: torch.device, size: int) -> dict[str, float]:
    """Measured limits: matrix products of ``size`` x ``size`` (TFLOP/s), and a copy of 1 GiB, read and written (GB/s).

    Operands are random: on zeros a card draws less power and runs faster than on data.
    """
    measured = {}
    for name, dtype in (("float32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)):
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        rate = 2 * size**3 / best_seconds(lambda a=a, b=b: a @ b, 8) / 1e12
        measured[f"matmul_{name}_tflops"] = float(f"{rate:.4g}")  # not decimals: a CPU without bf16 has a thousandth
    source = torch.randn((1 << 28) if device.type == "cuda" else (1 << 22), device=device)
    target = torch.empty_like(source)
    measured["copy_gb_per_second"] = round(2 * source.nbytes / best_seconds(lambda: target.copy_(source), 8) / 1e9, 1)
    return measured


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _driver() -> str | None:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return None
