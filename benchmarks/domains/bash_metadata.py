"""What a shell command is made of, as the metadata that the preset `code` reads of functions.

The utility that a command begins with is to it what the file is to a function, all its utilities are what it calls, and
the command without its arguments is the shape of its signature.
"""

import re

import polars as pl

_TOKEN = re.compile(r"""\$\(|`|\|\|?|&&|;|\\;|[()]|(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'|;&()`])+""")
_ENDS = {"|", "||", "&&", ";", "(", ")", "$(", "`", "do", "then", "else"}
_BEFORE = {"sudo", "time", "nohup", "command", "builtin", "exec", "env", "nice", "while", "if", "until", "!", "{"}
_RUNS = {"xargs", "-exec", "-execdir", "-ok", "-okdir"}  # what follows is a command again
_ASSIGNMENT = re.compile(r"\w+=.*", re.DOTALL)
_UTILITY = re.compile(r"[A-Za-z_][\w.+-]*")


def parts(command: str) -> list[tuple[str, str]]:
    """Cut a command into (role, token): "utility", "flag", "argument" or "mark"."""
    found: list[tuple[str, str]] = []
    awaits = True
    for token in _TOKEN.findall(command):
        bare = token.replace("'", "").replace('"', "")
        if token in _ENDS:
            found.append(("mark", token))
            awaits = True
        elif awaits and (token in _BEFORE or _ASSIGNMENT.fullmatch(token) or token.startswith("-")):
            found.append(("flag" if token.startswith("-") else "mark", bare))
        elif awaits and _UTILITY.fullmatch(bare.rpartition("/")[2]):
            found.append(("utility", bare.rpartition("/")[2]))
            awaits = bare == "xargs"
        else:
            found.append(("flag" if token.startswith("-") else "argument", bare))
            awaits = token in _RUNS
    return found


def metadata(commands: pl.Series) -> pl.DataFrame:
    """Give the columns that the preset needs, for each command."""
    rows = []
    for command in commands:
        cut = parts(command)
        utilities = [token for role, token in cut if role == "utility"]
        first = utilities[0] if utilities else None
        shape = " ".join("_" if role == "argument" else token for role, token in cut)
        rows.append(
            {
                "path": first or "sh",
                "owner": None,
                "symbol": first,
                "shape": shape,
                "calls": sorted(set(utilities)),
                "ast_hash": " ".join(token for _, token in cut),
                "trivial": False,
            }
        )
    return pl.DataFrame(rows, schema_overrides={"owner": pl.String})
