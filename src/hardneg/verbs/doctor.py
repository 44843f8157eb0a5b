"""What this machine and this installation can do, and what is in the way."""

import os
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path

from hardneg.costs.machine import free_gb, identity
from hardneg.files import cache_folder
from hardneg.verbs.caches import list_cache

_FLAGS = {"bf16": "avx512_bf16", "AMX": "amx_tile", "VNNI": "avx512_vnni"}
_MODULES = {
    "train": ("torch", "sentence_transformers", "accelerate", "safetensors", "jinja2"),
    "hub": ("datasets", "huggingface_hub"),
    "llm": ("anyio", "httpx2"),
    "onnx": ("onnx", "onnxruntime"),
    "openvino": ("openvino",),
    "peft": ("peft",),
    "code": ("tree_sitter",),
    "review": ("starlette", "uvicorn"),
    "report": ("jinja2",),
    "ray": ("ray",),
    "qdrant": ("qdrant_client",),
    "lancedb": ("lancedb",),
    "pgvector": ("psycopg",),
}
_LEAST_GB = 5.0


@dataclass(frozen=True)
class Condition:
    """One thing that was looked at."""

    name: str
    value: str
    advice: str = ""  # what to do, where something is in the way


def look_around() -> list[Condition]:
    """Look at versions, devices, threads, disk, cache, hub and extras."""
    machine = identity()
    versions = (
        f"{name} {machine[name] or 'not installed'}"
        for name in ("hardneg", "python", "numpy", "polars", "torch", "sentence-transformers")
    )
    return [
        Condition("versions", ", ".join(versions)),
        Condition("processor", f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB memory"),
        Condition("arithmetic", _arithmetic()),
        _devices(),
        _threads(machine["cores"]),
        _disk(),
        _cache(),
        _hub(),
        *_extras(),
    ]


def _arithmetic() -> str:
    path = Path("/proc/cpuinfo")
    flags = set(path.read_text(encoding="utf-8").split()) if path.exists() else set()
    return ", ".join(f"{name} {'yes' if flag in flags else 'no'}" for name, flag in _FLAGS.items())


def _devices() -> Condition:
    if find_spec("torch") is None:
        return Condition("devices", "torch is not installed", "pip install 'hardneg[train]' to encode and train")
    import torch

    names = [torch.cuda.get_device_name(at) for at in range(torch.cuda.device_count())]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return Condition("devices", ", ".join([*names, *mps]) or "cpu alone")


def _threads(cores: int) -> Condition:
    given = os.environ.get("OMP_NUM_THREADS")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    value = f"OMP_NUM_THREADS {given or 'not set'}, load {load:.1f} on {cores} cores"
    if load > 1.5 * cores:
        return Condition(
            "threads", value, "other processes use the cores: times will be longer than `hardneg estimate` says"
        )
    if given is not None and given.isdigit() and int(given) > cores:
        return Condition("threads", value, f"more threads than cores wait for each other: set OMP_NUM_THREADS={cores}")
    return Condition("threads", value)


def _disk() -> Condition:
    free = free_gb(cache_folder())
    advice = (
        "vectors may not fit: set HARDNEG_CACHE to a larger disk, or `hardneg cache prune`" if free < _LEAST_GB else ""
    )
    return Condition("disk", f"{free:.1f} GB free for {cache_folder()}", advice)


def _cache() -> Condition:
    entries = list_cache()
    return Condition("cache", f"{len(entries):,} entries, {sum(each.n_bytes for each in entries) / 1e9:.2f} GB")


def _hub() -> Condition:
    offline = [
        name for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if os.environ.get(name, "0") not in ("0", "")
    ]
    if offline:
        return Condition(
            "hub", f"offline, by {', '.join(offline)}", "models must lie in a folder, a package or the hub's cache"
        )
    return Condition("hub", f"asked as needed, at {os.environ.get('HF_ENDPOINT', 'https://huggingface.co')}")


def _extras() -> list[Condition]:
    try:
        named = {each.split("extra ==")[1].strip(" \"'") for each in requires("hardneg") or () if "extra ==" in each}
    except PackageNotFoundError:
        named = set(_MODULES)
    looks = []
    for extra, modules in _MODULES.items():
        lacking = [module for module in modules if find_spec(module) is None]
        if extra in named and lacking:
            looks.append(Condition(f"extra {extra}", f"lacks {', '.join(lacking)}", f"pip install 'hardneg[{extra}]'"))
    return looks or [Condition("extras", "all are installed")]
