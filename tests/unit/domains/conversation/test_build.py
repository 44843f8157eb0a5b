import json

import polars as pl
import pytest

from hardneg.data.reading import read_dataset
from hardneg.data.rejections import Rejections
from hardneg.domains.conversation.build import read_conversations
from hardneg.errors import DatasetError

CHAT = {
    "id": "c1",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": "How do I reset my password?",
            "positives": ["Passwords are reset under Settings."],
        },
        {"role": "assistant", "content": "Under Settings."},
        {"role": "user", "content": [{"type": "text", "text": "And on a phone?"}], "rewrite": "Reset it on a phone?"},
    ],
    "positives": "On a phone, open Profile.",
    "negatives": ["Phones are sold here."],
}
MT_RAG = [
    {
        "author": "a",
        "messages": [
            {"speaker": "user", "text": "Where do they play?"},
            {
                "speaker": "agent",
                "text": "In Glendale.",
                "contexts": [
                    {
                        "document_id": "d1",
                        "text": "They play in Glendale.",
                        "title": "Cardinals",
                        "feedback": {"relevant": {"a": {"value": "yes"}}},
                    },
                    {"document_id": "d2", "text": "A bird.", "feedback": {"relevant": {"a": {"value": "no"}}}},
                    {"document_id": "d3", "text": "Nobody looked."},
                ],
            },
        ],
    }
]
KNOWLEDGE = {
    "hotel": {
        "3": {
            "name": "ALLENBELL",
            "reviews": {"4": {"sentences": {"0": "The Internet was fast."}}},
            "faqs": {"6": {"question": "Do you have WiFi?", "answer": "WiFi is free."}},
        }
    },
    "taxi": {"*": {"docs": {"0": {"title": "Pay by card?", "body": "Yes."}}}},
}
LOGS = [
    [
        {"speaker": "U", "text": "A guesthouse?"},
        {"speaker": "S", "text": "The Allenbell."},
        {"speaker": "U", "text": "WiFi?"},
    ],
    [{"speaker": "U", "text": "Thanks."}],
    [{"speaker": "U", "text": "Can I pay the taxi by card?"}],
]
LABELS = [
    {
        "target": True,
        "knowledge": [
            {"domain": "hotel", "entity_id": 3, "doc_type": "faq", "doc_id": 6},
            {"domain": "hotel", "entity_id": 3, "doc_type": "review", "doc_id": 4, "sent_id": 0},
        ],
    },
    {"target": False},
    {"target": True, "knowledge": [{"domain": "taxi", "entity_id": "*", "doc_id": 0}]},
]


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value) + "\n")
    return path


def read(*files, skip=False, **options):
    return read_conversations(files, **{"form": "last", "rejections": Rejections(skip=skip), **options})


def labels(dataset):
    query, document = dataset.queries["id"], dataset.documents["id"]
    return {(query[q], document[d]): relevance for q, d, relevance, _ in dataset.qrels.iter_rows()}


def answers(dataset):
    texts = dataset.documents["text"]
    return [(dataset.query_texts[q], texts[d], r) for q, d, r, _ in dataset.qrels.iter_rows()]


def test_a_chat_has_labels_at_its_messages_and_for_its_last_one(tmp_path):
    found = read(write(tmp_path / "chat.jsonl", CHAT))
    assert answers(found) == [
        ("How do I reset my password?", "Passwords are reset under Settings.", 1),
        ("And on a phone?", "On a phone, open Profile.", 1),
        ("And on a phone?", "Phones are sold here.", 0),
    ]
    assert found.queries["history"].to_list() == [
        [],
        ["user: How do I reset my password?", "assistant: Under Settings."],
    ]
    assert found.queries["conversation_id"].to_list() == ["c1", "c1"]
    assert found.queries["turn"].to_list() == [1, 3]
    assert found.queries["rewrite"].to_list() == [None, "Reset it on a phone?"]


def test_labels_may_name_documents_of_another_file(tmp_path):
    documents = tmp_path / "corpus.jsonl"
    documents.write_text('{"_id": "a", "text": "one", "title": "Page"}\n{"_id": "b", "text": "two"}\n')
    chat = {"messages": [{"role": "user", "content": "Which?"}], "doc_ids": ["b"]}
    found = read(write(tmp_path / "chat.jsonl", chat), documents=documents)
    assert answers(found) == [("Which?", "two", 1)]
    assert found.documents["title"].to_list() == ["Page", None]


def test_mt_rag_contexts_are_labelled_by_those_who_judged_them(tmp_path):
    found = read(write(tmp_path / "conversations.json", MT_RAG))
    [query] = found.queries["id"]
    assert labels(found) == {(query, "d1"): 1, (query, "d2"): 0}
    assert found.documents["id"].to_list() == ["d1", "d2", "d3"]
    assert found.documents["title"].to_list() == ["Cardinals", None, None]


def test_the_editor_of_mt_rag_overrules_the_author(tmp_path):
    context = {"document_id": "d", "text": "t", "feedback": {"relevant": {"a": {"value": "yes"}, "e": {"value": "no"}}}}
    messages = [{"speaker": "user", "text": "q"}, {"speaker": "agent", "text": "a", "contexts": [context]}]
    found = read(write(tmp_path / "c.json", [{"author": "a", "editor": "e", "messages": messages}]))
    assert list(labels(found).values()) == [0]


def test_dstc_files_are_told_apart_by_what_they_hold(tmp_path):
    files = {"labels": LABELS, "knowledge": KNOWLEDGE, "logs": LOGS}
    found = read(*[write(tmp_path / f"{name}.json", value) for name, value in files.items()])
    assert found.queries["text"].to_list() == ["WiFi?", "Can I pay the taxi by card?"]
    assert found.queries["history"][0].to_list() == ["user: A guesthouse?", "assistant: The Allenbell."]
    assert found.queries["entity"].to_list() == ["ALLENBELL", "taxi"]
    first, second = found.queries["id"]
    expected = {(first, "hotel-3-faq-6"), (first, "hotel-3-review-4-0"), (second, "taxi-*-doc-0")}
    assert set(labels(found)) == expected
    assert found.document_texts.to_list()[0] == "ALLENBELL The Internet was fast."
    assert found.documents["kind"].to_list() == ["review", "faq", "doc"]


def test_several_pairs_of_dstc_logs_are_splits_named_like_their_folders(tmp_path):
    files = [write(tmp_path / "knowledge.json", KNOWLEDGE)]
    for split in ("train", "val"):
        files += [write(tmp_path / split / "logs.json", LOGS), write(tmp_path / split / "labels.json", LABELS)]
    found = read(*files)
    assert found.splits == ["train", "val"]
    assert found.n_queries == 4


def test_no_conversation_is_divided_between_splits_and_shares_are_kept(tmp_path):
    chats = tmp_path / "chats.jsonl"
    ask = {"role": "user", "content": "?", "positives": "yes"}
    chats.write_text(
        "".join(
            json.dumps({"id": n, "messages": [ask | {"content": f"{n} {m}?"} for m in range(1 + n % 3)]}) + "\n"
            for n in range(200)
        )
    )
    found = read(chats, test_share=0.3, dev_share=0.2)
    split = pl.Series([found.splits[n] for n in found.query_split])
    table = found.queries.select("conversation_id", split=split)
    assert table.group_by("conversation_id").agg(pl.col("split").n_unique())["split"].max() == 1
    assert table["split"].value_counts().sort("split")["count"].to_list() == pytest.approx([80, 120, 200], abs=3)
    again = read(chats, test_share=0.3, dev_share=0.2)
    assert again.fingerprint == found.fingerprint
    assert read(chats, test_share=0.3, dev_share=0.2, seed=1).fingerprint != found.fingerprint


def test_a_given_split_is_kept(tmp_path):
    chats = tmp_path / "chats.jsonl"
    chats.write_text("".join(json.dumps({**CHAT, "id": name, "split": name}) + "\n" for name in ("dev", "test")))
    assert read(chats).splits == ["dev", "test"]


def test_what_is_written_is_read_back_with_its_form(tmp_path):
    found = read(write(tmp_path / "chat.jsonl", CHAT), form="history")
    again = read_dataset(found.write(tmp_path / "out"))
    assert (
        again.query_texts.to_list()[1]
        == "And on a phone? | assistant: Under Settings. | user: How do I reset my password?"
    )
    assert again.queries["query_form"].unique().to_list() == ["history"]
    assert again.fingerprint == found.fingerprint


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"turns": []}, r"chat\.jsonl:1: no 'messages'"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "no turn of a user is labelled"),
        ({"messages": [{"content": "hi"}]}, r":1: message 1: a message must be an object with the text 'role'"),
        ({"messages": [{"role": "user", "content": 3}]}, r":1: message 1: 'content' must be a text, not 3"),
        ({"messages": [{"role": "user", "content": "q"}], "positives": [{"a": 1}]}, r"message 1: 'positives' must be"),
        ({"messages": [{"role": "user", "content": "q"}], "doc_id": "x"}, r"'doc_id' names 'x', which is not in"),
        ({"messages": [{"role": "user", "content": " "}], "positives": "a"}, "it is labelled and has no text"),
    ],
)
def test_a_bad_chat_is_refused_with_its_line_and_key(tmp_path, value, message):
    with pytest.raises(DatasetError, match=message):
        read(write(tmp_path / "chat.jsonl", value))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"logs": LOGS, "labels": LABELS},
            "DSTC needs logs, as many labels and the knowledge; found logs: .*logs.json",
        ),
        (
            {"logs": LOGS, "labels": LABELS[:1], "knowledge": KNOWLEDGE},
            r"labels.json: 1 labels for the 3 conversations",
        ),
        (
            {"logs": [[{"speaker": "U"}]], "labels": LABELS[:1], "knowledge": KNOWLEDGE},
            "conversation 1, turn 1: a turn",
        ),
        ({"logs": LOGS[:1], "labels": LABELS[:1], "knowledge": {"taxi": {}}}, "label 1: the knowledge has no snippet"),
        (
            {"knowledge": {"hotel": {"1": {"faqs": {"0": {"question": "?"}}}}}, "logs": LOGS, "labels": LABELS},
            "hotel 1: a review",
        ),
        ({"knowledge": 3}, "neither a list of conversations nor"),
    ],
)
def test_bad_dstc_files_are_refused_with_the_place(tmp_path, files, message):
    with pytest.raises(DatasetError, match=message):
        read(*[write(tmp_path / f"{name}.json", value) for name, value in files.items()])


def test_broken_json_and_unknown_files_are_refused_with_the_place(tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text('[{"a":\n 1,}]')
    with pytest.raises(DatasetError, match=r"broken\.json:2: broken JSON"):
        read(broken)
    with pytest.raises(DatasetError, match="no such file of conversations"):
        read(tmp_path / "nothing.json")


def test_bad_lines_can_be_left_out_and_are_counted(tmp_path):
    path = write(tmp_path / "chat.jsonl", CHAT)
    path.write_text(
        path.read_text() + "{broken\n" + json.dumps({**CHAT, "id": "c2", "positives": [], "doc_ids": ["x"]}) + "\n"
    )
    found = read(path, skip=True)
    assert dict(found.skipped) == {"broken line": 1, "unknown id": 1}
    assert found.n_queries == 4


def test_one_id_with_two_texts_is_refused(tmp_path):
    value = json.loads(json.dumps(MT_RAG))
    value[0]["messages"][1]["contexts"][1]["document_id"] = "d1"
    with pytest.raises(DatasetError, match="context 2: document 'd1' has another text"):
        read(write(tmp_path / "c.json", value))


@pytest.mark.parametrize("shares", [{"test_share": 0.9, "dev_share": 0.2}, {"test_share": -0.1}])
def test_shares_out_of_range_are_refused(tmp_path, shares):
    with pytest.raises(DatasetError, match="must lie in"):
        read(write(tmp_path / "chat.jsonl", CHAT), **shares)
