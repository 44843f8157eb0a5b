import pytest

from hardneg.audits.sampled import read_sample
from hardneg.errors import RunError
from hardneg.review.session import opened_desk
from hardneg.review.verdicts import export_verdicts, read_judged


def _judge_all(desk, reviewer, answers=lambda pair: "not_answer"):
    judged = []
    while (pair := desk.next_pair(reviewer)) is not None:
        desk.judge(pair, reviewer, answers(pair))
        judged.append(pair)
    return judged


def test_a_review_goes_on_where_it_stopped(desk, mined, toy):
    for _ in range(3):
        desk.judge(desk.next_pair("anna"), "anna", "answer")
    with opened_desk(mined, toy, desk.store.path, wanted={}) as again:
        assert again.begun == desk.begun
        assert again.figures().judged == 3
        assert _judge_all(again, "anna")[0] == 3
        assert again.figures().judged == again.figures().pairs


def test_reviewers_share_the_work_and_do_not_get_the_same_pair_at_once(mined, toy, tmp_path):
    with opened_desk(mined, toy, tmp_path / "v.sqlite", wanted={"suspects": 12, "sample": 0, "overlap": 0.0}) as desk:
        first, second = desk.next_pair("anna"), desk.next_pair("ben")
        assert first != second
        assert desk.next_pair("anna") == first
        desk.judge(first, "anna", "answer")
        assert len(_judge_all(desk, "ben")) == 11
        assert desk.next_pair("anna") is None


def test_undo_gives_the_pair_back_to_its_reviewer(desk):
    pair = desk.next_pair("anna")
    desk.judge(pair, "anna", "answer")
    assert desk.undo("anna") == pair
    assert desk.next_pair("anna") == pair
    assert desk.figures().judged == 0
    assert desk.undo("anna") is None


def test_a_page_shows_all_that_is_needed_to_judge(desk, toy):
    shown = desk.shown(0)
    query = toy.queries["id"].to_list().index(shown["query_id"])
    assert shown["query"] == toy.query_texts[query]
    assert shown["n_positives"] == len(toy.positives.of(query)) == len(shown["positives"])
    document = "".join(piece["text"] for piece in shown["document"])
    assert document == toy.document_texts[toy.documents["id"].to_list().index(shown["doc_id"])]
    words = {piece["text"] for piece in shown["document"] if piece["marked"]}
    assert words == set(shown["query"].split()) & set(document.split())
    assert shown["known"]["source"] in ("bm25", "random")
    assert None not in shown["known"].values()


def test_a_pair_that_does_not_exist_is_refused(desk):
    with pytest.raises(RunError, match="there is no pair 99 in this review"):
        desk.judge(99, "anna", "answer")


def test_what_a_review_exports_is_read_as_a_sample_and_as_verdicts(desk, toy, tmp_path):
    verdicts = {0: "answer", 1: "answer"}
    _judge_all(desk, "anna", lambda pair: verdicts.get(pair, "unsure" if pair == 2 else "not_answer"))
    path = tmp_path / "verdicts.csv"
    assert export_verdicts(desk.store, toy, path) == desk.figures().pairs
    sample = read_sample(path, toy)
    assert sample.contamination == desk.figures().contamination
    assert sample.unjudged == desk.figures().sample_open
    of_file, of_database = read_judged(path, toy), read_judged(desk.store.path, toy)
    assert of_file.equals(of_database)
    assert of_file["answer"].sum() == 2


def test_a_run_that_nobody_reviewed_has_no_verdicts(mined, toy):
    with pytest.raises(RunError, match="judge some with `hardneg review` first"):
        read_judged(mined, toy)


def test_a_review_of_negatives_that_were_mined_anew_is_refused(desk, toy, tmp_path):
    from hardneg.pipeline.mining import mine
    from hardneg.sources import BM25

    mine(toy, sources=[BM25(analyzer="plain")], filters=[], depth=10, out=tmp_path / "other")
    with (
        pytest.raises(RunError, match="begun with other negatives"),
        opened_desk(tmp_path / "other", toy, desk.store.path, wanted={}),
    ):
        pass
