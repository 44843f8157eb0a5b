"""The probe on a fixed batch: which pairs and suspects, what it measures, and that it leaves no trace."""

import numpy as np
import polars as pl
import pytest
import torch
from sentence_transformers import SentenceTransformer

from hardneg.data.dataset import Dataset
from hardneg.training.passes.embedding import TwoTowers
from hardneg.training.plan import TrainingData
from hardneg.training.probe import MIN_PAIRS, N_PAIRS, choose_probe, measure_conflict, probe_steps
from hardneg.training.sampling.batches import MinedNegatives, training_pairs
from hardneg.training.symptoms.trend import MIN_STEPS
from tiny_model import build_tiny_model
from toy import toy_dataset, toy_negatives


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    toy = toy_dataset()
    return build_tiny_model(tmp_path_factory.mktemp("start"), [*toy.query_texts, *toy.document_texts])


@pytest.fixture
def towers(start):
    model = SentenceTransformer(str(start), device="cpu").eval()
    return TwoTowers(model, query_prompt=None, document_prompt=None, bf16=False)


def data_of(dataset, negatives):
    query, document = training_pairs(dataset, "train")
    return TrainingData(dataset, query, document, MinedNegatives(negatives, n_queries=dataset.n_queries))


def probe_of(negatives, dataset=None, seed=0):
    dataset = dataset or toy_dataset()
    return choose_probe(data_of(dataset, negatives), negatives, seed=seed)


def test_pairs_are_a_seeded_choice_of_distinct_texts_that_have_negatives():
    probe = probe_of(toy_negatives())
    pairs = set(zip(*toy_dataset().pairs_of("train"), strict=True))
    assert set(zip(probe.query, probe.document, strict=True)) <= pairs
    assert len(set(probe.query)) == len(set(probe.document)) == len(probe.query) == 23
    again, other = probe_of(toy_negatives()), probe_of(toy_negatives(), seed=1)
    assert probe.query.tolist() == again.query.tolist()
    assert probe.suspect.tolist() == again.suspect.tolist()
    assert probe.query.tolist() != other.query.tolist()


def test_no_two_pairs_share_a_text():
    dataset = Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(20)], "text": [f"Query {i % 10}" for i in range(20)]}),
        pl.DataFrame({"id": [f"d{i}" for i in range(30)], "text": [f"document {i}" for i in range(30)]}),
        pl.DataFrame({"query_id": [f"q{i}" for i in range(20)], "doc_id": [f"d{i}" for i in range(20)]}).with_columns(
            relevance=1, split=pl.lit("train")
        ),
    )
    negatives = pl.DataFrame(
        {"query": range(20), "document": [29] * 20}, schema={"query": pl.Int32, "document": pl.Int32}
    )
    probe = probe_of(negatives, dataset)
    assert sorted(query % 10 for query in probe.query) == list(range(10))


@pytest.mark.parametrize(
    "negatives", [None, toy_negatives().clear(), toy_negatives().filter(pl.col("query") < MIN_PAIRS - 1)]
)
def test_too_few_pairs_with_negatives_give_no_probe(negatives):
    assert probe_of(negatives) is None


@pytest.mark.parametrize(
    "columns",
    [("p_positive",), ("teacher_score",), ("score", "positive_score"), ("p_positive", "teacher_score")],
)
def test_the_suspect_of_a_query_is_the_negative_that_most_likely_answers_it(columns):
    negatives = toy_negatives()
    rng = np.random.default_rng(5)
    values = {name: rng.permutation(negatives.height).astype(np.float32) for name in columns}
    negatives = negatives.with_columns(pl.Series(name, value) for name, value in values.items())
    suspicion = values[columns[0]] - values.get("positive_score", np.float32(0))
    probe = probe_of(negatives)
    assert probe.suspect.shape == (23, 1)
    highest = []
    for query, (suspect,) in zip(probe.query, probe.suspect, strict=True):
        own = negatives["query"].to_numpy() == query
        best = np.flatnonzero(own)[np.argmax(suspicion[own])]
        assert suspect == negatives["document"][int(best)]
        highest.append(suspicion[best])
    assert highest == sorted(highest, reverse=True)


def test_of_many_pairs_the_most_suspicious_are_probed():
    n = 100
    dataset = Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(n)], "text": [f"query {i}" for i in range(n)]}),
        pl.DataFrame({"id": [f"d{i}" for i in range(n + 1)], "text": [f"document {i}" for i in range(n + 1)]}),
        pl.DataFrame({"query_id": [f"q{i}" for i in range(n)], "doc_id": [f"d{i}" for i in range(n)]}).with_columns(
            relevance=1, split=pl.lit("train")
        ),
    )
    negatives = pl.DataFrame(
        {"query": range(n), "document": [n] * n, "p_positive": [i / n for i in range(n)]},
        schema={"query": pl.Int32, "document": pl.Int32, "p_positive": pl.Float32},
    )
    assert set(probe_of(negatives, dataset).query) == set(range(n - N_PAIRS, n))


def test_columns_without_a_value_are_passed_over():
    empty = toy_negatives().with_columns(p_positive=pl.lit(None, pl.Float32), teacher_score=pl.lit(None, pl.Float32))
    assert probe_of(empty).suspect.shape == (23, 4)
    told = empty.with_columns(score=pl.lit(1.0), positive_score=pl.lit(2.0))
    assert probe_of(told).suspect.shape == (23, 1)


def test_the_conflict_is_the_cosine_of_gradients_taken_one_backward_pass_at_a_time(towers):
    dataset, probe = toy_dataset(), probe_of(toy_negatives())
    found = measure_conflict(probe, dataset, towers)
    layer = [weight for name, weight in towers.named_parameters() if ".layer.1." in name]
    texts = dataset.document_texts.to_list()

    def one(row, document):
        queries, documents = towers([dataset.query_texts[int(probe.query[row])]], [texts[int(document)]])
        return (queries * documents).sum()

    n = len(probe.query)
    hardest = [
        max((float(one(row, d).detach()), -i, d) for i, d in enumerate(probe.suspect[row]))[2] for row in range(n)
    ]
    gradients = []
    for documents, away in ((probe.document, 1), (hardest, 2)):
        towers.zero_grad()
        for row in range(n):
            ((one(row, documents[row]) - one(row, probe.document[row - away])) / n).backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in layer]).double())
    towers.zero_grad()
    a, b = gradients
    assert found["conflict"] == pytest.approx(float(a @ b / (a.norm() * b.norm())), abs=1e-3)
    above = [float(one(row, hardest[row]).detach()) > float(one(row, probe.document[row]).detach()) for row in range(n)]
    assert found["suspects_above"] == pytest.approx(np.mean(above))


def test_a_probe_leaves_no_gradient_no_random_number_and_no_mode_behind(start):
    model = SentenceTransformer(str(start), device="cpu").train()
    towers = TwoTowers(model, query_prompt=None, document_prompt=None, bf16=False)
    model[1].eval()
    modes, state = [module.training for module in towers.modules()], torch.get_rng_state()
    first = measure_conflict(probe_of(toy_negatives()), toy_dataset(), towers)
    assert all(weight.grad is None for weight in towers.parameters())
    assert [module.training for module in towers.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert measure_conflict(probe_of(toy_negatives()), toy_dataset(), towers) == first


def test_a_model_without_numbered_layers_is_probed_at_its_last_matrix():
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = sorted({word for text in toy_dataset().document_texts for word in text.split()})
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(["[UNK]", *words])}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=16)], device="cpu").eval()
    towers = TwoTowers(model, query_prompt=None, document_prompt=None, bf16=False)
    found = measure_conflict(probe_of(toy_negatives()), toy_dataset(), towers)
    assert -1 <= found["conflict"] <= 1


def test_weights_that_no_score_depends_on_give_no_figure(towers):
    for name, weight in towers.named_parameters():
        weight.requires_grad_("pooler" in name)
    assert measure_conflict(probe_of(toy_negatives()), toy_dataset(), towers) == {}


def test_runs_are_probed_at_start_middle_and_end_and_short_ones_never():
    assert probe_steps(47) == {0, 23, 46}
    assert probe_steps(MIN_STEPS - 1) == frozenset()
