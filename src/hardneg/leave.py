"""Leave to run code that a file names: a component `module:Class`, or what a model brings with it.

What the user's own recipe, command or program names is theirs. What a file in a run folder names may be a stranger's:
of that nothing is imported that this process has not loaded already, unless the user says so.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_OWN = "hardneg."


@dataclass
class _Leave:
    """What this process may run beside its own code."""

    code: bool = False  # whatever any file names
    models: bool = False  # whatever any model brings
    model: set[str] = field(default_factory=set)  # models whose code the user said to run
    files: set[str] = field(default_factory=set)  # that the user named, and libraries read that trust what they read
    servers: set[str] = field(default_factory=set)  # that the user named, and that are sent queries and a key


_LEAVE = _Leave()


@contextmanager
def allowing(*, code: bool = False, models: bool = False) -> Iterator[None]:
    """Let files name code of other modules inside the block, or models of theirs run what they bring."""
    before = (_LEAVE.code, _LEAVE.models)
    _LEAVE.code, _LEAVE.models = code or _LEAVE.code, code or models or _LEAVE.models
    try:
        yield
    finally:
        _LEAVE.code, _LEAVE.models = before


def note_model(model: object) -> None:
    """Keep in mind that the user said to run the code of a model."""
    _LEAVE.model.add(str(model))


def note_file(path: object) -> None:
    """Keep in mind that the user named a file which a library reads that trusts what it reads."""
    _LEAVE.files.add(str(path))


def refused_file(path: object) -> str | None:
    """Say why a file may not be read that a file of a run names, by a library that trusts it; None if it may."""
    if _LEAVE.code or str(path) in _LEAVE.files:
        return None
    return (
        f"names {str(path)!r}, which a library would read that trusts its files, but lies in a folder that a run wrote "
        "or that was downloaded, perhaps by somebody else; if you trust that file, say --allow-code (allow_code=True)"
    )


def note_server(url: object) -> None:
    """Keep in mind that the user named a server."""
    _LEAVE.servers.add(str(url))


def refused_server(url: object) -> str | None:
    """Say why a server may not be asked that a file of a run names; None if it may."""
    if _LEAVE.code or str(url) in _LEAVE.servers:
        return None
    return (
        f"names the server {str(url)!r}, to which queries and a key of yours would be sent, but lies in a folder "
        "that a run wrote or that was downloaded, perhaps by somebody else; if you trust that server, say --allow-code "
        "(allow_code=True)"
    )


def refused_module(name: str) -> str | None:
    """Say why a module may not be imported that a file of a run names; None if it may."""
    if _LEAVE.code or name == "hardneg" or name.startswith(_OWN) or name in sys.modules:
        return None
    return (
        f"names code, of the module {name!r}, but lies in a folder that a run wrote or that was downloaded, perhaps by "
        "somebody else; name your own recipe with it, or read that code and say --allow-code (allow_code=True)"
    )


def refused_model(model: object) -> str | None:
    """Say why a model may not run code of its own that a file of a run asks for; None if it may."""
    if _LEAVE.code or _LEAVE.models or str(model) in _LEAVE.model:
        return None
    named = "a model" if model is None else f"model {str(model)!r}"
    return (
        f"would run the code that {named} brings, but lies in a folder that a run wrote or that was downloaded, "
        "perhaps by somebody else; read that code and say --trust-remote-code (allow_code=True)"
    )
