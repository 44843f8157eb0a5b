"""Conversations as lists of messages: OpenAI's chat format, and MT-RAG's.

One object has `messages`, in order. A message has `role` and `content` (chat) or `speaker` and `text` (MT-RAG). What
answers a user's message stands at that message, or at the whole object for its last one:

    positives, negatives   texts, or lists of texts
    doc_ids                ids of documents that answer, from the file of documents
    rewrite                the question, made to stand by itself

or, in MT-RAG, at the agent's reply: its `contexts`, each with `document_id`, `text`, perhaps `title`, and `feedback` by
people who were asked whether it is relevant. Contexts that nobody was asked about are documents without a label.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hardneg.data.rejections import Rejections
from hardneg.domains.conversation.turns import At, Documents, Question, conversation_of, spoken, texts_of

_USER = {"user", "human", "u"}
_UNSPOKEN = {"system", "developer", "tool", "function"}  # roles of a chat that say nothing to the user


@dataclass(frozen=True)
class _Message:
    """One turn."""

    content: Mapping[str, Any]
    is_user: bool
    text: str
    at: At

    @property
    def spoken(self) -> str:
        return spoken("user" if self.is_user else "assistant", self.text)


def read_messages(
    record: Mapping[str, Any], at: At, documents: Documents, rejections: Rejections
) -> Iterator[Question]:
    """Read the labelled questions of one conversation."""
    turns = _turns(record, at)
    history = [turn.spoken for turn in turns]
    conversation_id = record.get("conversation_id", record.get("id"))
    last = max((n for n, turn in enumerate(turns) if turn.is_user), default=None)
    for n, turn in enumerate(turns):
        if not turn.is_user:
            continue
        given = {**(record if n == last else {}), **turn.content}
        labels = _given(given, turn.at, documents, rejections)
        if n + 1 < len(turns) and not turns[n + 1].is_user:
            labels |= _judged(turns[n + 1], record, documents)
        if labels and not turn.text.strip():
            turn.at.reject(rejections, "empty question", "it is labelled and has no text")
        elif labels:
            yield Question(
                conversation_of(history) if conversation_id is None else str(conversation_id),
                turn.text.strip(),
                tuple(history[:n]),
                tuple(labels.items()),
                turn.at,
                split=str(record.get("split") or ""),
                rewrite=next(iter(texts_of(given.get("rewrite"), turn.at, key="rewrite")), None),
            )


def _turns(record: Mapping[str, Any], at: At) -> list[_Message]:
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages:
        raise at.error("no 'messages'; a conversation is an object with a list of messages under that key")
    turns = []
    for number, message in enumerate(messages, start=1):
        here = at.inner(f"message {number}")
        speaker = message.get("role", message.get("speaker")) if isinstance(message, dict) else None
        if not isinstance(speaker, str):
            raise here.error("a message must be an object with the text 'role' (or 'speaker')")
        if "role" not in message or speaker not in _UNSPOKEN:
            turns.append(_Message(message, speaker.lower() in _USER, _text(message, here), here))
    return turns


def _text(message: Mapping[str, Any], at: At) -> str:
    """Give what a message says; parts that are no text, such as images, and a call of a tool say nothing."""
    key = "content" if "role" in message else "text"
    content = message.get(key)
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        content = " ".join(text for text in texts if isinstance(text, str))
    if content is None and "tool_calls" in message:
        content = ""
    if not isinstance(content, str):
        raise at.error(f"{key!r} must be a text, not {content!r}")
    return content


def _given(given: Mapping[str, Any], at: At, documents: Documents, rejections: Rejections) -> dict[str, int]:
    labels: dict[str, int] = {}
    for keys, relevance in ((("positives", "positive"), 1), (("negatives", "negative"), 0)):
        for key in keys:
            for text in texts_of(given.get(key), at, key=key):
                labels.setdefault(documents.add_text(text, at), relevance)
    for key in ("doc_ids", "doc_id"):
        for doc_id in texts_of(given.get(key), at, key=key):
            if doc_id in documents.rows:
                labels[doc_id] = 1
            else:
                at.reject(
                    rejections, "unknown id", f"{key!r} names {doc_id!r}, which is not in the file of --documents"
                )
    return labels


def _judged(reply: _Message, record: Mapping[str, Any], documents: Documents) -> dict[str, int]:
    labels = {}
    for number, context in enumerate(reply.content.get("contexts") or [], start=1):
        here = reply.at.inner(f"context {number}")
        if not isinstance(context, dict) or not isinstance(context.get("text"), str) or "document_id" not in context:
            raise here.error("a context must be an object with 'document_id' and the text 'text'")
        title = {"title": str(context["title"])} if context.get("title") else {}
        doc_id = documents.add(str(context["document_id"]), context["text"], here, metadata=title)
        verdict = _verdict((context.get("feedback") or {}).get("relevant") or {}, record)
        if verdict is not None:
            labels[doc_id] = verdict
    return labels


def _verdict(feedback: Mapping[str, Any], record: Mapping[str, Any]) -> int | None:
    """Settle what people said of a context: the editor has the last word, then the author, then anybody's yes."""
    for judge in ("editor", "author"):
        if record.get(judge) in feedback:
            return int(feedback[record[judge]].get("value") == "yes")
    return int(any(each.get("value") == "yes" for each in feedback.values())) if feedback else None
