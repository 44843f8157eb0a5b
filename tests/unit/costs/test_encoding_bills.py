"""Bills of embedding APIs: what is counted beforehand is what is sent afterwards, wherever a model is named."""

import pytest

from answer_toy import answer_toy
from hardneg.costs.encoding_bills import all_bills, bills_of_mining, encoding_bills, recipe_encoding_bills
from hardneg.costs.speeds import measure
from hardneg.errors import RecipeError
from hardneg.models.store import document_vectors, query_vectors
from hardneg.recipe import Recipe, plan_of
from hardneg.sources import BM25, Dense, Fused
from local_llm_server import embeddings, serving


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def api():
    with serving(lambda asked: embeddings(asked, lambda text: [1.0, 1.0 + len(text)])) as server:
        yield server


@pytest.fixture
def model(api):
    return f"{api.base_url}?api_key_env=&price=100#m"


@pytest.fixture(scope="module")
def dataset():
    return answer_toy(n_queries=20)


def n_sent(api):
    return sum(len(each.body["input"]) for each in api.asked)


def test_a_source_inside_another_one_is_found_and_what_is_sent_is_what_was_counted(dataset, model, api):
    dense = Dense(model=model)
    source = Fused(BM25(analyzer="plain"), dense)
    (bill,) = encoding_bills(dataset, (source, Dense(model=model, name="again")), split="train")
    assert api.asked == []
    dense.vectors_of_documents(dataset)
    dense.vectors_of_queries(dataset, dataset.queries_of("train"))
    assert n_sent(api) == bill.n_asked > dataset.n_documents
    assert encoding_bills(dataset, source, split="train")[0].n_asked == 0
    document_vectors.cache_clear()


def test_nothing_is_counted_where_nothing_is_behind_an_endpoint(dataset):
    assert encoding_bills(dataset, BM25(), Dense(model="org/name")) == []


def recipe(model, judge=None):
    scorer = {"use": "llm_judge", "base_url": "http://127.0.0.1:9/v1", "model": "j"}
    filters = [{"use": "teacher_threshold", "above": 0.5, "scorer": scorer}] if judge else []
    sources = [{"use": "dense", "model": model}]
    return Recipe.from_table({"dataset": "d", "model": "org/name", "sources": sources, "filters": filters})


def test_a_judge_behind_vectors_that_are_not_there_is_not_counted_without_them(dataset, model, api):
    with_judge = recipe(model, judge=True)
    assert [each.n_asked > 0 for each in all_bills(dataset, recipe(model))] == [True]
    with pytest.raises(RecipeError, match=r"What the judge will be asked is known only once these are encoded: run"):
        all_bills(dataset, with_judge)
    stages = bills_of_mining(dataset, plan_of(with_judge.stages[0], seed=0))
    assert [each.n_asked > 0 for each in next(stages)] == [True]
    assert api.asked == []
    source = with_judge.stages[0].sources[0]
    document_vectors(source.encoder(), dataset)
    query_vectors(source.encoder(), dataset, dataset.queries_of("train"))
    assert [each.n_asked for each in recipe_encoding_bills(dataset, with_judge)] == [0]
    n_before = n_sent(api)
    assert len(next(stages)) == 1
    assert len(all_bills(dataset, with_judge)) == 2
    assert n_sent(api) == n_before


def test_a_trial_of_a_recipe_sends_nothing(dataset, model, api, tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr("hardneg.costs.speeds._encoder", lambda source, *_, **__: tried.append(source.model) or {})
    measure({"r": recipe(model)}, dataset, split="train", folder=tmp_path, untrained=("r",), seconds=0.1)
    assert tried == ["org/name"]
    assert api.asked == []
