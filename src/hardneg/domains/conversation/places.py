"""Which conversation a query belongs to, where a dataset has histories and no ids of conversations."""

import re
from collections import Counter
from collections.abc import Sequence

import polars as pl

from hardneg.data.field_mapping import FieldMapping
from hardneg.data.headers import plain_name
from hardneg.domains.conversation.columns import CONVERSATION, TURN
from hardneg.domains.conversation.speakers import bare
from hardneg.domains.conversation.turns import conversation_of

_CONVERSATIONS = ("conversationid", "conversationno", "convid", "dialogueid", "dialogid", "chatid", "sessionid")
_TURNS = ("turn", "turnid", "turnno", "turnnumber")
_NUMBERED = re.compile(r"(.+)(?:<::>|[_\-:.#/])(?:turn|t|q)?_?(\d+)", re.IGNORECASE)
_SPOKEN = re.compile(r"([^\s:][^:\n]{0,19}): ?")
_USER = "user"

State = tuple[str, ...]


def placed(queries: pl.DataFrame) -> tuple[pl.DataFrame, FieldMapping]:
    """Say for each query which conversation it belongs to and which turn it is.

    What the user said up to a turn is the beginning of what the user said up to a later one. So the conversation of a
    query is named after the first of its turns that is a query too. Ids such as `31_2` (CAsT), `1_2` (QReCC) or
    `abc<::>2` (MT-RAG) tell conversations apart that begin alike, if all ids are of this kind, count as the histories
    grow, and keep together what the histories connect.
    """
    columns = {CONVERSATION: _column(queries, CONVERSATION, _CONVERSATIONS), TURN: _column(queries, TURN, _TURNS)}
    sources, notes = dict(columns), []
    if columns[TURN] is not None and not queries.schema[str(columns[TURN])].is_numeric() and columns[TURN] != TURN:
        columns[TURN] = sources[TURN] = None
    values = {role: queries[column] for role, column in columns.items() if column is not None}
    if TURN not in values:
        values[TURN] = queries["history"].list.len().fill_null(0).cast(pl.Int32) + 1
        sources[TURN] = "number of turns in the history"
    if CONVERSATION not in values:
        states = _states(queries)
        ids = queries["id"].to_list()
        by_id = _by_id(ids, states, queries["history"].list.len().fill_null(0).to_list())
        sources[CONVERSATION] = "what the histories share" if by_id is None else f"id ({_example(ids)})"
        values[CONVERSATION] = pl.Series(by_id or _by_history(states))
        if by_id is None and (unclear := _unclear(states)):
            notes.append(
                f"{unclear:,} queries have the history and the text of another; conversations that begin with them "
                "count as one (a column conversation_id tells them apart)"
            )
    placed = queries.with_columns(values[name].alias(name) for name in (CONVERSATION, TURN))
    fields = ((CONVERSATION, str(sources[CONVERSATION])), (TURN, str(sources[TURN])))
    return placed, FieldMapping("queries with a history", fields, (), tuple(notes))


def _column(queries: pl.DataFrame, usual_name: str, names: Sequence[str]) -> str | None:
    """Find a column, by its own name first."""
    if usual_name in queries.columns:
        return usual_name
    return next((column for name in names for column in queries.columns if plain_name(column) == name), None)


def _example(ids: Sequence[str]) -> str:
    parts = _NUMBERED.fullmatch(ids[0])
    return f"{ids[0]} is of conversation {parts[1]}" if parts else ids[0]


def _states(queries: pl.DataFrame) -> list[State]:
    """Give what the user said up to and with each query; all that was said, where nobody is called the user."""
    turns = queries["turn_text" if "turn_text" in queries.columns else "text"].fill_null("").to_list()
    histories = queries["history"].fill_null([]).to_list()
    statements = [[_parts(each) for each in history if each] for history in histories]
    has_user = any(speaker == _USER for history in statements for speaker, _ in history)
    return [
        (
            *(_compared(text) for speaker, text in history if not has_user or speaker == _USER),
            _compared(bare(turn)),
        )
        for history, turn in zip(statements, turns, strict=True)
    ]


def _parts(turn: str) -> tuple[str, str]:
    """Part a turn into speaker and text; a speaker that is none of the usual ones stays in the text."""
    spoken = _SPOKEN.match(turn)
    if spoken is None:
        return "", turn
    return spoken[1].lower(), turn[spoken.end() :]


def _compared(text: str) -> str:
    return " ".join(text.split()).casefold()


def _by_history(states: Sequence[State]) -> list[str]:
    query_states = set(states)
    roots = [next(state[:n] for n in range(1, len(state) + 1) if state[:n] in query_states) for state in states]
    return [conversation_of(["\n".join(root)]) for root in roots]


def _unclear(states: Sequence[State]) -> int:
    return sum(count for count in Counter(states).values() if count > 1)


def _by_id(ids: Sequence[str], states: Sequence[State], lengths: Sequence[int]) -> list[str] | None:
    """Read the conversation off each id; None if ids do not name conversations, or the histories contradict them."""
    parts = [_NUMBERED.fullmatch(each) for each in ids]
    named = [each[1] for each in parts if each]
    if len(named) < len(ids) or len(set(named)) == len(named):
        return None
    numbers = [int(each[2]) for each in parts if each]
    grown: dict[str, int] = {}
    for at in sorted(range(len(ids)), key=lambda at: numbers[at]):
        if lengths[at] <= grown.get(named[at], -1):
            return None
        grown[named[at]] = lengths[at]
    anywhere, within = set(states), set(zip(named, states, strict=True))
    for name, state in zip(named, states, strict=True):
        earlier = next((state[:n] for n in range(len(state) - 1, 0, -1) if state[:n] in anywhere), None)
        if earlier is not None and (name, earlier) not in within:
            return None
    return named
