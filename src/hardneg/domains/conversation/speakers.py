"""Who said what in a history, where the file does not say it in hardneg's way."""

import re
from typing import Any

import polars as pl

from hardneg.domains.conversation.turns import spoken
from hardneg.errors import DatasetError

_NAMED = re.compile(r"[^\s:][^:\n]{0,19}: ?\S")
_USUAL = re.compile(r"(user|human|assistant|agent|bot|system|u|s|a): ?(?=\S)", re.IGNORECASE)
_ROLES, _CONTENTS = ("role", "speaker", "from"), ("content", "text", "value", "utterance")


def with_speakers(history: pl.Series, turns: pl.Series) -> tuple[pl.Series, str]:
    """Write each turn of each history with its speaker.

    Turns without one are the user's and the assistant's by turns, the user's first. But where the last turn of most
    histories is a query of the dataset itself, histories hold what the user said and nothing else.

    >>> histories = pl.Series([["Who built the bridge?", "An engineer."]])
    >>> written, rule = with_speakers(histories, pl.Series(["How long is it?"]))
    >>> written.to_list()
    [['user: Who built the bridge?', 'assistant: An engineer.']]
    """
    if not isinstance(history.dtype, pl.List):
        raise DatasetError(f"the column 'history' holds {history.dtype}, not lists of texts, the oldest turn first")
    lists: list[list[Any]] = [each or [] for each in history.to_list()]
    if isinstance(history.dtype.inner, pl.List):
        lists = [[text for pair in each for text in pair or (None,)] for each in lists]
    if isinstance(history.dtype.inner, pl.Struct):
        return _series([[_message(message) for message in each] for each in lists]), "named at each message"
    texts = [[None if text is None or not str(text).strip() else str(text) for text in each] for each in lists]
    turn_texts = [text for each in texts for text in each if text is not None]
    if not turn_texts or all(_NAMED.match(text) for text in turn_texts):
        return _series(texts), "named at each turn"
    if _are_users_only(texts, turns):
        return _series([[_with(text, "user") for text in each] for each in texts]), "the user alone"
    return (
        _series([[_with(text, ("user", "assistant")[at % 2]) for at, text in enumerate(each)] for each in texts]),
        "user and assistant by turns, the user first",
    )


def bare(turn: str) -> str:
    """Leave out the speaker, if it is one of the usual ones.

    >>> bare("User: How long is it?"), bare("Note: it is long.")
    ('How long is it?', 'Note: it is long.')
    """
    named = _USUAL.match(turn)
    return turn if named is None else turn[named.end() :]


def _series(texts: list[list[str | None]]) -> pl.Series:
    return pl.Series("history", texts, dtype=pl.List(pl.String))


def _with(text: str | None, speaker: str) -> str | None:
    if text is None:
        return None
    named = _USUAL.match(text)
    return spoken(named[1], text[named.end() :]) if named else spoken(speaker, text)


def _are_users_only(texts: list[list[str | None]], turns: pl.Series) -> bool:
    asked = {turn.strip() for turn in turns.drop_nulls()}
    last = [each[-1] for each in texts if each]
    return sum(text is not None and text.strip() in asked for text in last) * 2 > len(last)


def _message(message: Any) -> str | None:  # noqa: ANN401 - any JSON value
    if message is None:
        return None
    role = next((message[key] for key in _ROLES if message.get(key)), None)
    text = next((message[key] for key in _CONTENTS if message.get(key)), None)
    if not isinstance(role, str):
        raise DatasetError(
            f"a message of the column 'history' has no speaker ({', '.join(_ROLES)}): {message!r}; name who says it"
        )
    return spoken(role, text) if isinstance(text, str) and text.strip() else None
