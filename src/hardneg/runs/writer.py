"""Who writes in a folder, so that others can be told, and whether that process still lives."""

import os
import shlex
import socket
import sys
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from hardneg.hiding import hide


@dataclass(frozen=True)
class Writer:
    """Who writes in a folder."""

    token: str
    pid: int
    born: str  # when the process began, as the system counts: another process may have its number by now
    host: str
    boot: str  # of the machine; empty where it does not tell
    since: float  # seconds since 1970
    command: str
    space: str = ""  # of process numbers: containers count their own

    @classmethod
    def this(cls) -> "Writer":
        """Describe this process."""
        command = hide(shlex.join([Path(sys.argv[0] or "python").name, *sys.argv[1:]]))
        pid = os.getpid()
        host = socket.gethostname()
        return cls(uuid.uuid4().hex, pid, _born(pid), host, _boot(), time.time(), command, _space())

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, on this machine, so that its lock is one of this machine too."""
        return self.host == socket.gethostname() or bool(self.boot and self.boot == _boot())

    @property
    def lives(self) -> bool:
        """Whether a process of this machine is still there; taken for granted of one in another container."""
        if self.space and self.space != _space():
            return self.boot == _boot()
        return self.boot == _boot() and bool(self.born) and self.born == _born(self.pid)

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"`{self.command}` (process {self.pid} on {self.host}, since {since})"


def _born(pid: int) -> str:
    """Say when a process began; empty if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return _there(pid)
    return "" if fields[0] in ("Z", "X") else fields[19]


def _there(pid: int) -> str:
    """Say on systems without /proc only that there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "there"
    return "there"


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


@cache
def _space() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
