"""Bits that change by themselves, as on a disk that forgets, and what a folder holds."""

import os


def flip(path, bit):
    """Change one bit of a file; its time changes too, so that a process that has read it already looks again."""
    content = bytearray(path.read_bytes())
    content[bit // 8 % len(content)] ^= 1 << bit % 8
    path.write_bytes(content)
    os.utime(path, ns=(0, bit))


def files_of(folder):
    """Every file of a folder but hidden ones, and its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }
