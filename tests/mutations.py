"""Files that were damaged, or made to do harm: bytes of a sound file, changed by a seed."""

import json
import random
import re
from collections.abc import Mapping
from typing import Any

_TOKENS = [
    *(b'"', b"'", b"\\", b",", b";", b"\t", b"\n", b"\r\n", b"\x00", b"[", b"]", b"{", b"}", b":", b"=", b"#", b"%"),
    *(
        b"NaN",
        b"Infinity",
        b"-1",
        b"0",
        b"1e999",
        b"9" * 400,
        b"-0.0",
        b"null",
        b"true",
        b"1.5",
        b"18446744073709551616",
    ),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\xe2\x80\xa8", b"\xf0\x9f\x92\xa9" * 3),
    *(b"[" * 3_000, b'{"a":' * 3_000, b"(" * 300, b"../" * 8, b"/etc/passwd", b"PK\x03\x04", b"\x1f\x8b\x08", b"PAR1"),
    *(b"<script>", b"${x}", b"{0}", b"%s", b"__class__", b"a" * 5_000, b" " * 2_000, b'"""', b"train", b"relevance"),
]


def mutated(content: bytes, rng: random.Random, *, others: tuple[bytes, ...] = ()) -> bytes:
    """Change a file in one to four places: bits, bytes, stretches cut, doubled, moved, and what readers trip over."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        at = rng.randrange(len(changed) + 1)
        end = min(len(changed), at + rng.choice((1, 2, 4, 8, 64, 512)))
        kind = rng.randrange(9)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(changed):
            changed[at] = rng.randrange(256)
        elif kind == 2:
            del changed[at:end]
        elif kind == 3:
            changed[at:at] = changed[at:end]
        elif kind == 4:
            changed[at:end] = rng.choice(_TOKENS)
        elif kind == 5:
            changed[at:at] = rng.choice(_TOKENS)
        elif kind == 6:
            del changed[at:]
        elif kind == 7:
            changed[at:end] = rng.randbytes(end - at)
        else:
            other = rng.choice((content, *others)) or b"x"
            start = rng.randrange(len(other))
            changed[at:end] = other[start : start + rng.choice((4, 32, 256))]
    return bytes(changed)


_ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 3, 10**9, 2**63, -(2**70), 0.5, float("nan"), float("inf"), 1e308),
    *("", "x", "a/b", "../../x", "\x00", "\ud800", "é" * 300, [], [[]], {}, {"": {}}, [None], [1, "x"], {"use": "x"}),
)
_LITERALS = (
    "1",
    "-1",
    "0",
    "1e400",
    "nan",
    "true",
    '""',
    '"x"',
    "[]",
    "[[]]",
    "{}",
    "[1, 'a']",
    "1979-05-27",
    "''",
    "{a = 1}",
)


def restructured(content: bytes, rng: random.Random, *, name: str) -> bytes | None:
    """Keep a file's grammar and change what stands in it: another value, a key that goes, comes, or has another name.

    None for a file of another kind than JSON, JSON Lines and TOML.
    """
    if name.endswith(".toml"):
        return _other_line(content, rng)
    lines = content.splitlines() if ".jsonl" in name else [content]
    at = rng.randrange(max(1, len(lines)))
    try:
        value = json.loads(lines[at])
    except (ValueError, IndexError, RecursionError):
        return None
    lines[at] = json.dumps(_changed(value, rng)).encode()
    return b"\n".join(lines) + b"\n" * (".jsonl" in name)


def _changed(value: Any, rng: random.Random) -> Any:
    inner = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not inner or rng.randrange(5) == 0:
        return rng.choice(_ODD)
    at, copied = rng.choice(inner), dict(value) if isinstance(value, dict) else list(value)
    kind = rng.randrange(8)
    if kind == 0:
        del copied[at]
    elif kind == 1 and isinstance(copied, dict):
        copied[rng.choice(("", "x", str(at).upper(), f"{at}s"))] = copied.pop(at)
    elif kind == 2 and isinstance(copied, list):
        copied += copied[at : at + 1] * rng.choice((1, 1, 50))
    else:
        copied[at] = _changed(copied[at], rng)
    return copied


def _other_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.decode("utf-8", "replace").split("\n")
    settings = [at for at, line in enumerate(lines) if "=" in line] or [0]
    at, other = rng.choice(settings), lines[rng.choice(settings)]
    key, _, value = lines[at].partition("=")
    kind = rng.randrange(5)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(rng.randrange(len(lines) + 1), other)
    elif kind == 2:
        lines[at] = f"{other.partition('=')[0]}={value}"
    elif kind == 3:  # a literal within the value
        parts = re.split(r"(\"[^\"]*\"|[\w.-]+)", value)
        parts[rng.randrange(len(parts))] = rng.choice(_LITERALS)
        lines[at] = f"{key}={''.join(parts)}"
    else:
        lines[at] = f"{key}= {rng.choice(_LITERALS)}"
    return "\n".join(lines).encode()


def damaged(files: Mapping[str, bytes], rng: random.Random) -> dict[str, bytes]:
    """Change one file of a folder, and sometimes two; now and then one is empty, or there under another's name."""
    names, changed = sorted(files), dict(files)
    others = tuple(files.values())
    for _ in range(rng.choice((1, 1, 1, 2))):
        name = rng.choice(names)
        kind = rng.randrange(40)
        if kind == 0:
            changed[name] = b""
        elif kind == 1:
            changed[name] = files[rng.choice(names)]
        elif kind == 2 and len(names) > 1:
            changed.pop(name, None)
        else:
            content = changed.get(name, b"x")
            sensible = restructured(content, rng, name=name) if rng.randrange(2) else None
            changed[name] = mutated(content, rng, others=others) if sensible is None else sensible
    return changed
