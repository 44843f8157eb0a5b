"""Which machine this is: a calibration holds for one only."""

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("hardneg", "numpy", "numba", "polars", "torch", "sentence-transformers")
_ACCELERATORS = Path("/proc/driver/nvidia/gpus")


def identity() -> dict[str, Any]:
    """Describe what decides how fast things go here."""
    return {
        "cpu": _cpu(),
        "cores": _cores(),
        "memory_gb": round(memory_gb()),
        "accelerators": sorted(path.name for path in _ACCELERATORS.glob("*")),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


def memory_gb() -> float:
    """Memory of this machine in GB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def free_gb(folder: Path) -> float:
    """Free disk in GB where a folder is or will be."""
    place = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return shutil.disk_usage(place).free / 1e9


def _cpu() -> str:
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        for line in cpus.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
