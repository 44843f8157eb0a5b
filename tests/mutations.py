"""Files that were damaged, or made to do harm: bytes of a sound file, changed by a seed."""

import random
from collections.abc import Mapping

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
            changed[name] = mutated(changed.get(name, b"x"), rng, others=others)
    return changed
