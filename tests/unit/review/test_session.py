import pytest

from hardneg.audits.sampled import read_sample
from hardneg.audits.verdict_store import database_of
from hardneg.audits.verdicts import export_verdicts, read_judged
from hardneg.errors import RecipeError, RunError
from hardneg.pipeline.judged_labels import labelled_for
from hardneg.recipe import MineSettings
from hardneg.review.session import opened_review


def _judge_all(session, reviewer, answers=lambda pair: "not_answer"):
    judged = []
    while (pair := session.next_pair(reviewer)) is not None:
        session.judge(pair, reviewer, answers(pair))
        judged.append(pair)
    return judged


def test_a_review_goes_on_where_it_stopped(session, mined, toy):
    for _ in range(3):
        session.judge(session.next_pair("anna"), "anna", "answer")
    with opened_review(mined, toy, session.store.path, wanted={}) as again:
        assert again.begun == session.begun
        assert again.figures().judged == 3
        assert _judge_all(again, "anna")[0] == 3
        assert again.figures().judged == again.figures().pairs


def test_reviewers_share_the_work_and_do_not_get_the_same_pair_at_once(mined, toy, tmp_path):
    with opened_review(
        mined, toy, tmp_path / "v.sqlite", wanted={"suspects": 12, "sample": 0, "overlap": 0.0}
    ) as session:
        first, second = session.next_pair("anna"), session.next_pair("ben")
        assert first != second
        assert session.next_pair("anna") == first
        session.judge(first, "anna", "answer")
        assert len(_judge_all(session, "ben")) == 11
        assert session.next_pair("anna") is None


def test_undo_gives_the_pair_back_to_its_reviewer(session):
    pair = session.next_pair("anna")
    session.judge(pair, "anna", "answer")
    assert session.undo("anna") == pair
    assert session.next_pair("anna") == pair
    assert session.figures().judged == 0
    assert session.undo("anna") is None


def test_a_page_shows_all_that_is_needed_to_judge(session, toy):
    shown = session.shown(0)
    query = toy.queries["id"].to_list().index(shown["query_id"])
    assert shown["query"] == toy.query_texts[query]
    assert shown["n_positives"] == len(toy.positives.of(query)) == len(shown["positives"])
    document = "".join(piece["text"] for piece in shown["document"])
    assert document == toy.document_texts[toy.documents["id"].to_list().index(shown["doc_id"])]
    words = {piece["text"] for piece in shown["document"] if piece["marked"]}
    assert words == set(shown["query"].split()) & set(document.split())
    assert shown["known"]["source"] in ("bm25", "random")
    assert None not in shown["known"].values()


def test_a_pair_that_does_not_exist_is_refused(session):
    with pytest.raises(RunError, match="there is no pair 99 in this review"):
        session.judge(99, "anna", "answer")


def test_what_a_review_exports_is_read_as_a_sample_and_as_verdicts(session, toy, tmp_path):
    verdicts = {0: "answer", 1: "answer"}
    _judge_all(session, "anna", lambda pair: verdicts.get(pair, "unsure" if pair == 2 else "not_answer"))
    path = tmp_path / "verdicts.csv"
    assert export_verdicts(session.store, toy, path) == session.figures().pairs
    sample = read_sample(path, toy)
    assert sample.contamination == session.figures().contamination
    assert sample.unjudged == session.figures().sample_open
    of_file, of_database = read_judged(path, toy), read_judged(session.store.path, toy)
    assert of_file.equals(of_database)
    assert of_file["answer"].sum() == 2


def test_a_run_that_nobody_reviewed_has_no_verdicts(mined, toy):
    with pytest.raises(RunError, match="judge some with `hardneg review` first"):
        read_judged(mined, toy)


def test_a_review_of_negatives_that_were_mined_anew_is_refused(session, toy, tmp_path):
    from hardneg.pipeline.mining import mine
    from hardneg.sources import BM25

    mine(toy, sources=[BM25(analyzer="plain")], filters=[], depth=10, out=tmp_path / "other")
    with (
        pytest.raises(RunError, match="begun with other negatives"),
        opened_review(tmp_path / "other", toy, session.store.path, wanted={}),
    ):
        pass


def test_a_recipe_takes_verdicts_from_wherever_the_command_does(mined, toy, tmp_path):
    run, exported = tmp_path / "run.1", tmp_path / "exported.csv"
    with opened_review(mined, toy, database_of(run), wanted={}) as session:
        _judge_all(session, "anna", lambda pair: "answer" if pair % 2 else "not_answer")
        export_verdicts(session.store, toy, exported)
    labelled = [labelled_for(MineSettings(verdicts=place), toy) for place in (exported, database_of(run), run)]
    assert labelled[0].qrels.height > toy.qrels.height
    assert {each.labels_fingerprint for each in labelled} == {labelled[0].labels_fingerprint}
    tables = [read_judged(place, toy).sort("query", "document") for place in (exported, database_of(run), run)]
    assert tables[0].equals(tables[1])
    assert tables[1].equals(tables[2])
    with pytest.raises(RecipeError, match=r"is no \.csv or \.jsonl file"):
        MineSettings(verdicts=tmp_path / "verdicts.txt")
