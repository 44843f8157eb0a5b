"""Secrets: keys, tokens and passwords, taken out of everything that is shown or written."""

import os
import re
import sys
from functools import lru_cache
from html.entities import codepoint2name
from types import TracebackType

HIDDEN = "[key]"
_MESSAGE = 8_000  # characters of a message
_SHORTEST = 8  # "none", "EMPTY" and the like are no secrets, and are words of ordinary texts
_NAME = re.compile(r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|PAT)$", re.IGNORECASE)
# Where a token lies that no variable holds: what names the place, where it is otherwise, and its name there.
_STORED = (
    ("HF_HOME", "~/.cache/huggingface", "token"),
    ("HF_TOKEN_PATH", "", ""),
    ("RAY_AUTH_TOKEN_PATH", "~/.ray/auth_token", ""),
)
_NETRC = re.compile(r"\bpassword\s+(\S+)")  # where wandb keeps its key
# A user and password in an address, and what its query names as a secret.
_USER = re.compile(r"(:/{1,2})[^\s/@'\"]+@")  # a path has one slash where an address has two
_QUERY = re.compile(
    r"(?i)(?<=[?&])((?:[a-z0-9_.-]*(?:token|secret|password|signature|credential|api[_-]?key)|key|sig|auth)=)[^&#\s'\"]+"
)
_SHAPED = re.compile(r"\b(?:hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,})\b")

_noted: set[str] = set()  # keys that were read from variables of other names


def note_secret(value: str) -> None:
    """Keep a secret in mind, whatever the variable is called that it was read from."""
    if len(value) >= _SHORTEST:
        _noted.add(value)


def hide(text: str) -> str:
    """Take out of a text all secrets that this process can know, plain or escaped for JSON, pages and addresses.

    Those are values of environment variables that are called a key, token, secret or password; keys that were read;
    the tokens that `hf auth login`, `wandb login` and `ray get-auth-token` store; users and passwords in addresses; and
    what looks like one.
    """
    text = hide_value(text, *sorted(_secrets(), key=len, reverse=True))
    text = _USER.sub(rf"\1{HIDDEN}@", text)
    return _SHAPED.sub(HIDDEN, _QUERY.sub(rf"\1{HIDDEN}", text))


def hide_in_message(text: str) -> str:
    """Take out all secrets, and of what is longer than anybody reads its middle: a file may have names of megabytes."""
    if len(text) <= _MESSAGE:
        return hide(text)
    # A secret may be cut in two where the text is: what stands there is not shown.
    shown, looked_at = _MESSAGE // 2, 6 * _MESSAGE
    head, tail = hide(text[:looked_at])[:-shown], hide(text[-looked_at:])[shown:]
    return f"{head[:shown]} […] {tail[-shown // 2 :]}"


def hide_value(text: str, *secrets: str) -> str:
    """Take secrets out of a text, as they are and in any form that texts are escaped in.

    JSON may put a backslash before a slash and write any character by its number, once or several times over;
    pages use entities, and addresses percent signs.
    """
    for secret in secrets:
        if len(secret) >= _SHORTEST and (rest := secret.lstrip("\\")):  # any number of backslashes may stand before it
            text = _pattern(rest).sub(HIDDEN, text)
    return text


def hide_in_tracebacks() -> None:
    """Let an error that nobody expected show no secret either."""
    sys.excepthook = _show


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    import traceback

    sys.stderr.write(hide("".join(traceback.format_exception(kind, error, trace))))


def _secrets() -> set[str]:
    named = {value for name, value in os.environ.items() if _NAME.search(name) and not os.path.exists(value)}
    stored = {
        _read(os.path.join(os.environ.get(place, base), name).rstrip("/")).strip() for place, base, name in _STORED
    }
    passwords = set(_NETRC.findall(_read(os.environ.get("NETRC", "~/.netrc"))))
    return {each for each in _noted | named | stored | passwords if len(each) >= _SHORTEST}


def _read(path: str) -> str:
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            return file.read(100_000)
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=64)
def _pattern(secret: str) -> re.Pattern[str]:
    # A run of backslashes is taken as a whole: tried from each of them, a long one would take forever.
    first, rest = _any_form(secret[0], behind=True), map(_any_form, secret[1:])
    return re.compile(rf"(?<!\\)\\*+{first}{''.join(rest)}")


def _any_form(character: str, *, behind: bool = False) -> str:
    """Write a pattern that matches a character plain and escaped, perhaps behind backslashes that were matched."""
    number = ord(character)
    backslashes = "" if character.isalnum() or behind else r"\\*"
    names = [codepoint2name[number]] if number in codepoint2name else []
    entities = "|".join([f"#0*{number}", f"#[xX]0*(?i:{number:x})", *names])
    slashes = r"(?<=\\)" if behind else r"\\+"
    numbered = rf"{slashes}(?:u(?i:{number:04x})|x(?i:{number:02x}))"
    return f"(?:{backslashes}{re.escape(character)}|{numbered}|%(?:25)*(?i:{number:02x})|&(?:amp;)*(?:{entities});?)"
