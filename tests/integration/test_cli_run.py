"""`hardneg run`: all stages, taken up again wherever they were stopped."""

import json
import shutil
import sys

import numpy as np
import polars as pl
import pytest

from hardneg.cli import main
from hardneg.data.reading import read_dataset
from hardneg.evaluation.significance import Row, mean_interval
from hardneg.progress import showing
from stopping import StopDuring
from toy import toy_dataset

ROWS = ["bm25", "zero_shot", "in_batch", "mined"]


@pytest.fixture(scope="module")
def whole(bench, tmp_path_factory):
    """The folder of a run that was never stopped; read only."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert main(["run", str(bench / "small.toml"), "-o", str(out), "--json"]) == 0
    return out


def results(folder):
    """Everything in a run folder that must not depend on when it was made."""
    kinds = ("*.parquet", "model.safetensors", "run.trec", "metrics.json", "mining.json", "funnel.json")
    files = sorted(path for kind in kinds for path in folder.rglob(kind))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_run_prints_one_object_with_every_row_and_what_it_cost(bench, tmp_path, hardneg):
    found = hardneg("run", bench / "small.toml", "-o", tmp_path)
    assert list(found["rows"]) == ROWS
    assert list(found["comparisons"]) == [f"{b} - {a}" for i, b in enumerate(ROWS) for a in ROWS[:i]]
    for row, measures in found["rows"].items():
        stem = row if row in ("bm25", "zero_shot") else f"{row}-seed0"
        alone = json.loads((tmp_path / "evaluation" / stem / "metrics.json").read_text())["metrics"]
        for measure, figure in measures.items():
            assert figure["seeds"] == [figure["value"]]
            assert figure["sd"] is None
            assert {key: figure[key] for key in ("value", "low", "high", "n")} == pytest.approx(alone[measure])
    assert found["counts"] == {"queries": 24, "documents": 40, "train_pairs": 24, "test_queries": 6}
    assert found["folder"] == str(tmp_path)


def test_the_same_run_twice_gives_the_same_bytes(bench, whole, tmp_path, hardneg, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "another cache"))
    hardneg("run", bench / "small.toml", "-o", tmp_path / "again")
    assert results(tmp_path / "again") == results(whole)


def test_the_manifest_says_what_ran_with_what_and_for_how_much(whole):
    manifest = json.loads((whole / "manifest.json").read_text())
    assert {"python", "hardneg", "torch", "polars", "sentence-transformers"} <= set(manifest["versions"])
    assert len(manifest["fingerprints"]["dataset"]) == 32
    assert len(manifest["recipe"]) == 32
    assert [text.partition("(")[0] for text in manifest["components"]["sources"]] == ["BM25", "Dense"]
    assert manifest["components"]["filters"][0].startswith("NearDuplicate(threshold=")
    assert manifest["funnel"]["queries"] == 18
    assert manifest["seed"] == 0
    trained = [f"{verb} {row}-seed0" for row in ("in_batch", "mined") for verb in ("train", "evaluate")]
    assert set(manifest["stages"]) == {"dataset", "mine", "evaluate bm25", "evaluate zero_shot", *trained}
    assert manifest["planned"] == list(manifest["stages"])
    assert "stage" not in manifest
    for cost in manifest["stages"].values():
        assert cost["wall_s"] >= 0
        assert 0.01 < cost["peak_gb"] < 100


def test_a_run_ends_with_its_report(whole):
    text = (whole / "report.html").read_text()
    manifest = json.loads((whole / "manifest.json").read_text())
    assert 'id="section-funnel"' in text
    assert 'id="section-queries"' in text
    assert f"Of {manifest['funnel']['candidates']:,} candidates" in text


def test_the_folder_holds_the_recipe_with_every_default_and_the_model(bench, whole, tmp_path):
    text = (whole / "recipe.toml").read_text()
    assert 'precision = "auto"' not in text.partition("[train]")[2].partition("[evaluate]")[0]
    assert "k1 = 1.5" in text
    trained = whole / "training" / "mined-seed0" / "model" / "model.safetensors"
    assert (whole / "model" / "model.safetensors").read_bytes() == trained.read_bytes()
    assert main(["run", str(whole / "recipe.toml"), "-o", str(whole), "--quiet"]) == 0


def test_a_finished_run_is_shown_again_and_not_done_again(bench, whole, capsys, monkeypatch):
    monkeypatch.setattr("hardneg.training.loop._work", lambda *_: pytest.fail("trained again"))
    monkeypatch.setattr("hardneg.pipeline.mining.mine_block", lambda *_: pytest.fail("mined again"))
    monkeypatch.setattr("hardneg.pipeline.measuring.evaluate", lambda *_, **__: pytest.fail("measured again"))
    before = results(whole)
    assert main(["run", str(bench / "small.toml"), "-o", str(whole)]) == 0
    shown = capsys.readouterr().out
    for word in ("zero-shot", "in-batch", "mined against bm25", "Cost of each stage", "18 queries"):
        assert word in shown
    assert results(whole) == before


@pytest.mark.parametrize(
    ("task", "units"),
    [("encoding documents", 1), ("searching with bm25", 1), ("mining", 8), ("training", 20), ("training", 30)],
)
def test_a_run_stopped_by_ctrl_c_exits_with_3_and_the_same_command_ends_as_if_never_stopped(
    bench, whole, tmp_path, monkeypatch, capsys, task, units
):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    command = ["run", str(bench / "small.toml"), "-o", str(tmp_path / "run"), "--quiet"]
    with showing(StopDuring(task, units)):
        assert main(command) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "the same command goes on" in shown.err
    assert not (tmp_path / "run" / "model").exists()
    assert main(command) == 0
    assert results(tmp_path / "run") == results(whole)
    stages = json.loads((tmp_path / "run" / "manifest.json").read_text())["stages"]
    assert set(stages) == set(json.loads((whole / "manifest.json").read_text())["stages"])


def test_another_recipe_in_the_same_folder_is_refused_with_the_way_out(bench, whole, refusal):
    before = results(whole)
    complaint = refusal("run", bench / "small.toml", "-o", whole, "--seed", 7)
    assert f"{whole} holds a run of another recipe" in complaint
    assert "name another folder with -o" in complaint
    assert results(whole) == before


def test_a_dataset_that_has_changed_since_is_refused(bench, whole, split_toy, tmp_path, refusal):
    changed = split_toy.documents.with_columns(text=split_toy.documents["text"] + " more")
    type(split_toy)(split_toy.queries, changed, split_toy.qrels).write(tmp_path / "changed")
    complaint = refusal("run", bench / "small.toml", "-o", whole, "--dataset", tmp_path / "changed")
    assert "begun with another dataset" in complaint


def test_names_typed_on_the_command_line_are_meant_from_the_working_directory(bench, tmp_path, monkeypatch, refusal):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    complaint = refusal("run", bench / "small.toml", "--dataset", "data")
    assert f"{tmp_path / 'data'}: not a dataset" in complaint


def test_the_run_folder_is_named_after_the_recipe_if_none_is_given(bench, tmp_path, monkeypatch, hardneg):
    monkeypatch.chdir(tmp_path)
    recipe = (bench / "small.toml").read_text().replace('"bm25", "zero_shot", "in_batch"', '"bm25"')
    recipe = recipe.replace('"data"', f'"{bench / "data"}"').replace('"tiny"', f'"{bench / "tiny"}"')
    (tmp_path / "mine.toml").write_text(recipe)
    assert hardneg("run", "mine.toml")["folder"] == "runs/mine"
    assert (tmp_path / "runs" / "mine" / "model").is_dir()


def test_a_component_of_ones_own_works_through_a_recipe(bench, tmp_path, monkeypatch, hardneg):
    (tmp_path / "their_parts.py").write_text(
        "from dataclasses import dataclass\n"
        "from typing import ClassVar\n"
        "import numpy as np\n"
        "@dataclass(frozen=True)\n"
        "class TooShort:\n"
        "    least: int = 3\n"
        "    name: ClassVar[str] = 'too_short'\n"
        "    exempts_judged: ClassVar[bool] = False\n"
        "    def keep(self, candidates, dataset):\n"
        "        length = dataset.document_texts.str.len_chars()\n"
        "        return length.gather(candidates['document']).to_numpy() >= self.least\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    own = '[[filters]]\nuse = "their_parts:TooShort"\nleast = 40\n\n[[sources]]\nuse = "pausing_source:Pausing"\n'
    recipe = (bench / "small.toml").read_text().replace('"zero_shot", "in_batch"', "") + own
    shutil.copytree(bench / "data", tmp_path / "data")
    (tmp_path / "own.toml").write_text(recipe.replace('"tiny"', f'"{bench / "tiny"}"'))
    found = hardneg("run", tmp_path / "own.toml", "-o", tmp_path / "run")
    assert found["components"]["filters"][-1:] == ["TooShort(least=40)"]
    assert found["funnel"]["dropped"]["too_short"] > 0
    assert found["funnel"]["sources"]["pausing"]["candidates"] == 198


def test_the_interval_of_several_seeds_is_that_of_the_means_of_queries():
    seeds = [
        pl.DataFrame({"query_id": ["a", "b", "c"], "nDCG@10": values}) for values in ([0.0, 0.5, 1.0], [1.0, 0.5, 0.6])
    ]
    figure = Row("mined", seeds).as_dict()["nDCG@10"]
    assert figure["seeds"] == pytest.approx([0.5, 0.7])
    assert (figure["value"], figure["sd"], figure["n"]) == pytest.approx((0.6, 0.2 / 2**0.5, 3))
    low, high = mean_interval(np.array([0.5, 0.5, 0.8]), seed=0)
    assert (figure["low"], figure["high"]) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("depth = 10\nblock", "dept = 10\nblock", "unknown key 'dept'; did you mean 'depth'"),
        ("[train]", "[training]", "unknown key 'training'; did you mean 'train'"),
        ('use = "dense"', 'use = "denze"', "unknown source 'denze'; did you mean 'dense'"),
        ("epochs = 2", 'epochs = "two"', "train.epochs: should be a valid integer, not 'two'"),
        ('"data"', '"nowhere"', "nowhere: no such file or folder"),
        ('"tiny"', '"./nowhere"', "does not exist"),
        ("[mine]", '[mine]\nsplit = "dev"', "no split 'dev'; it has: train, test"),
        ("[evaluate]", '[evaluate]\nsplit = "dev"', "no split 'dev'; it has: train, test"),
        ("[mine]", '[mine]\nverdicts = "runs/shop"', "mine: verdicts: "),
        ("[mine]", '[mine]\nverdicts = "gone.csv"', "gone.csv: cannot be read"),
        ("[mine]", '[mine]\nverdicts = "bad.csv"', "bad.csv:2: query_id 'q99' is not in data"),
        ("[select]", "[select", "not TOML"),
        ('analyzer = "plain"', 'analyzer = "plane"', "no BM25 analyzer 'plane'; did you mean 'plain'"),
        ('analyzer = "plain"', "k1 = -1", "bm25: k1 is -1"),
        ('use = "dense"', 'use = "dense"\nmodel = "./nowhere"', "does not exist"),
        ('use = "dense"', 'use = "dense"\nmax_tokens = 65', "has positions for 64 tokens; max_tokens is 65"),
        ("[train]", "[train]\nmax_tokens = 65", "has positions for 64 tokens; max_tokens is 65"),
        ("[evaluate]", "[evaluate]\nmax_tokens = 65", "has positions for 64 tokens; max_tokens is 65"),
        ("[evaluate]", "[evaluate]\nmax_tokens = 0", "max_tokens must be at least 4, not 0"),
        ("[[filters]]", '[[sources]]\nuse = "run"\npath = "gone.trec"\n\n[[filters]]', "gone.trec"),
        ("[[filters]]", '[[sources]]\nuse = "run"\npath = "bad.trec"\n\n[[filters]]', "bad.trec:1: query 'q99'"),
        (
            "[[filters]]",
            '[[sources]]\nuse = "vectors"\ndocument_vectors = "few.npy"\nquery_vectors = "few.npy"\n\n[[filters]]',
            "few.npy: 3 vectors, but the dataset has 24 query ids",
        ),
        ('model = "tiny"', 'model = "tiny"\nseeds = [1, 1]', "seeds: [1, 1] names one twice"),
    ],
)
def test_a_wrong_recipe_is_one_line_and_exit_code_2_before_any_work(bench, tmp_path, refusal, old, new, complaint):
    recipe = (bench / "small.toml").read_text()
    recipe = recipe.replace(old, new)
    recipe = recipe.replace('"data"', f'"{bench / "data"}"').replace('"tiny"', f'"{bench / "tiny"}"')
    (tmp_path / "wrong.toml").write_text(recipe)
    (tmp_path / "bad.trec").write_text("q99 Q0 d0 1 1.0 theirs\n")
    (tmp_path / "bad.csv").write_text("query_id,doc_id,answer\nq99,d0,yes\n")
    np.save(tmp_path / "few.npy", np.ones((3, 2), np.float32))
    assert complaint in refusal("run", tmp_path / "wrong.toml", "-o", tmp_path / "run")
    for name in ("candidates", "training", "evaluation"):
        assert not (tmp_path / "run" / name).exists()


def test_a_mended_recipe_may_use_the_folder_of_the_one_that_was_refused(bench, tmp_path, refusal, hardneg):
    recipe = (bench / "small.toml").read_text().replace('"bm25", "zero_shot", "in_batch"', '"bm25"')
    recipe = recipe.replace('dataset = "data"', 'dataset = { python = ["./code"], test_share = 0.5, dev_share = 0 }')
    recipe = recipe.replace('"tiny"', f'"{bench / "tiny"}"')
    (tmp_path / "code").mkdir()
    for number in range(20):
        text = f'def f{number}(x):\n    """Add the number {number} to it."""\n    return x + {number}\n'
        (tmp_path / "code" / f"m{number}.py").write_text(text)
    (tmp_path / "wrong.toml").write_text(recipe.replace("[mine]", '[mine]\nsplit = "tran"'))
    (tmp_path / "right.toml").write_text(recipe.replace("test_share = 0.5", "test_share = 0.4"))
    complaint = refusal("run", tmp_path / "wrong.toml", "-o", tmp_path / "run")
    assert "no split 'tran'; it has: train, test" in complaint
    found = hardneg("run", tmp_path / "right.toml", "-o", tmp_path / "run")
    assert found["counts"]["test_queries"] == 8
    (tmp_path / "other.toml").write_text(recipe.replace("test_share = 0.5", "test_share = 0.3"))
    complaint = refusal("run", tmp_path / "other.toml", "-o", tmp_path / "run")
    assert "begun with another way of building the dataset" in complaint


def test_a_recipe_that_does_not_exist_names_those_that_do(refusal):
    complaint = refusal("run", "quickstrat")
    assert "did you mean 'quickstart'? (known: " in complaint
    assert "nl2bash, nv_retriever, quickstart" in complaint


@pytest.fixture
def quick(bench, tmp_path):
    """Write a recipe that measures nothing but BM25 beside the mined row; returns its path."""

    def write(name="quick.toml", old="", new=""):
        recipe = (bench / "small.toml").read_text().replace('"bm25", "zero_shot", "in_batch"', '"bm25"')
        recipe = recipe.replace('"data"', f'"{bench / "data"}"').replace('"tiny"', f'"{bench / "tiny"}"')
        (tmp_path / name).write_text(recipe.replace(old, new) if old else recipe)
        return tmp_path / name

    return write


def test_a_tracker_that_is_not_installed_is_known_before_any_work(quick, tmp_path, refusal, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    recipe = quick(old="[train]", new='[train]\ntrackers = ["wandb"]')
    assert "pip install 'hardneg[wandb]'" in refusal("run", recipe, "-o", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_recipe_mended_after_a_stage_failed_may_use_its_folder(quick, tmp_path, refusal, hardneg, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "somewhere")

    with monkeypatch.context() as patched:
        patched.setattr("hardneg.pipeline.measuring.evaluate", full)
        assert "No space left" in refusal("run", quick(), "-o", tmp_path / "run")
    stages = json.loads((tmp_path / "run" / "manifest.json").read_text())["stages"]
    assert set(stages) == {"dataset", "evaluate bm25"}
    mended = quick("mended.toml", 'analyzer = "plain"', 'analyzer = "english"')
    assert hardneg("run", mended, "-o", tmp_path / "run")["rows"]["bm25"]["nDCG@10"]["n"] == 6
    assert "another recipe" in refusal("run", quick(), "-o", tmp_path / "run")


def test_a_recipe_with_verdicts_mines_and_trains_with_them_as_labels(
    bench, whole, quick, tmp_path, hardneg, refusal, capsys
):
    first, second = (
        pl.read_parquet(whole / "negatives" / "*.parquet").unique("query_id").sort("query_id").rows(named=True)[:2]
    )
    judged = tmp_path / "judged.csv"
    lines = [f"{first['query_id']},{first['doc_id']},yes", f"{second['query_id']},{second['doc_id']},no"]
    judged.write_text("\n".join(["query_id,doc_id,answer", *lines]) + "\n")
    recipe, out = quick(old="[mine]", new='[mine]\nverdicts = "judged.csv"'), tmp_path / "run"
    recipe.write_text(recipe.read_text().replace('rows = ["bm25"]', 'rows = ["in_batch"]'))
    found = hardneg("run", recipe, "-o", out)
    became = {"answers": 1, "not_answers": 1, "open": 0, "known": 0, "elsewhere": 0}
    assert found["verdicts"] == became
    assert found["counts"]["train_pairs"] == 25
    negatives = pl.read_parquet(out / "negatives" / "*.parquet").rows(named=True)
    chosen = {(row["query_id"], row["doc_id"]) for row in negatives}
    assert (first["query_id"], first["doc_id"]) not in chosen
    assert pl.read_parquet(out / "found_positives.parquet")["doc_id"].to_list() == [first["doc_id"]]
    for row in ("in_batch", "mined"):
        trained = json.loads((out / "training" / f"{row}-seed0" / "training.json").read_text())
        assert trained["result"]["n_pairs"] == 25
    assert "shown by id" not in (out / "report.html").read_text()
    assert main(["run", str(recipe), "-o", str(out)]) == 0
    assert "Verdicts: 1 answers became positives, 1 others judged negatives" in capsys.readouterr().out

    mined = hardneg("mine", bench / "data", "--recipe", recipe, "-o", tmp_path / "mined", "--model", bench / "tiny")
    assert mined["verdicts"] == became
    assert pl.read_parquet(tmp_path / "mined" / "negatives" / "*.parquet").rows(named=True) == negatives

    judged.write_text("query_id,doc_id,answer\n" + lines[0] + "\n")
    assert "was begun with another file of verdicts: it has changed since" in refusal("run", recipe, "-o", out)


def test_a_run_folder_may_have_brackets_in_its_name(quick, tmp_path, hardneg):
    found = hardneg("run", quick(), "-o", tmp_path / "r_[1]")
    assert hardneg("run", quick(), "-o", tmp_path / "r_[1]")["rows"] == found["rows"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_damaged_manifest_is_named_with_the_way_out(quick, tmp_path, refusal, text):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text(text)
    complaint = refusal("run", quick(), "-o", tmp_path / "run")
    assert f"{tmp_path / 'run' / 'manifest.json'} " in complaint
    assert "delete it alone to go on: what stages took is forgotten, and all else is kept" in complaint


def test_a_run_without_a_single_negative_says_so_on_stderr(quick, tmp_path, capsys):
    recipe = quick(
        old='[[filters]]\nuse = "near_duplicate"', new='[[filters]]\nuse = "score_range"\nscore = "dense"\nlow = 9.0'
    )
    assert main(["run", str(recipe), "-o", str(tmp_path / "run"), "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["funnel"]["selected"] == 0
    assert shown.err.startswith("hardneg: warning: no negative was selected: of ")
    assert "score_range" in shown.err


@pytest.fixture(scope="module")
def spreadsheet(bench):
    """Pairs with German names and no split, as somebody exports them."""
    toy = toy_dataset()
    query, document = toy.pairs_of("train")
    rows = [
        f"{toy.query_texts[q]};{toy.document_texts[d]}" for q, d in zip(query.tolist(), document.tolist(), strict=True)
    ]
    path = bench / "faq.csv"
    path.write_text("\n".join(["Frage;Antwort", *rows]) + "\n", encoding="utf-8-sig")
    return path


def test_pairs_without_a_test_split_are_dealt_once_and_go_on_with_the_same_splits(bench, spreadsheet, tmp_path, capsys):
    recipe = tmp_path / "small.toml"
    recipe.write_text((bench / "small.toml").read_text().replace('"bm25", "zero_shot", "in_batch"', '"bm25"'))
    command = ["run", str(recipe), "--dataset", str(spreadsheet), "--model", str(bench / "tiny")]
    command += ["--query", "frage", "--positive", "antwort"]
    assert main([*command, "-o", str(tmp_path / "run")]) == 0
    assert "has no split 'test': its queries were dealt (train 19, test 5) and are kept in" in capsys.readouterr().err
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["counts"]["test_queries"] == 5
    assert manifest["mapping"]["fields"][0] == {"role": "query", "from": "'Frage'"}
    assert sorted(read_dataset(tmp_path / "run" / "dataset").splits) == ["test", "train"]
    before = results(tmp_path / "run")
    assert main([*command, "-o", str(tmp_path / "run")]) == 0
    assert results(tmp_path / "run") == before
    capsys.readouterr()
    assert main(["report", str(tmp_path / "run")]) == 0
    assert "query ← &#39;Frage&#39;" in (tmp_path / "run" / "report.html").read_text()


def test_a_split_of_another_name_is_not_made_up(bench, spreadsheet, tmp_path, capsys):
    recipe = tmp_path / "small.toml"
    recipe.write_text((bench / "small.toml").read_text() + 'split = "holdout"\n')
    command = ["run", str(recipe), "--dataset", str(spreadsheet), "--model", str(bench / "tiny"), "--query", "frage"]
    assert main([*command, "--positive", "antwort", "-o", str(tmp_path / "run")]) == 2
    assert "has no split 'holdout'; it has: train" in capsys.readouterr().err
