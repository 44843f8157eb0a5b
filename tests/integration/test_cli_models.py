"""What a model is to `evaluate`, `mine` and `train`: its prompts, its limit, its numbers, its own code."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from sentence_transformers import SentenceTransformer

import hardneg
import hardneg.sources
from hardneg.cli import main
from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.errors import InputError

SETTINGS = ["--set", "batch_size=8", "--set", "precision=fp32", "--set", "max_steps=2"]


@pytest.fixture(scope="module")
def long_data(tmp_path_factory, split_toy):
    """The toy dataset, its answers after more words than the tiny model reads; every other document is short."""
    filler = "a sentence about nothing in particular " * 20
    texts = pl.Series([filler + text if at % 2 else text for at, text in enumerate(split_toy.document_texts)])
    documents = split_toy.documents.with_columns(texts.alias("text"))
    place = tmp_path_factory.mktemp("long") / "data"
    Dataset(split_toy.queries, documents, split_toy.qrels, name="long").write(place)
    return place


def _prompted(bench, to, prompts, default=None):
    shutil.copytree(bench / "tiny", to)
    config = to / "config_sentence_transformers.json"
    changed = json.loads(config.read_text()) | {"prompts": prompts, "default_prompt_name": default}
    config.write_text(json.dumps(changed))
    return to


def test_prompts_are_shown_kept_settable_and_saved(bench, tmp_path, capsys):
    model = _prompted(bench, tmp_path / "e5", {"query": "open ", "passage": "sort "})
    command = ["train", bench / "data", "-o", tmp_path / "t", "--model", model, "--document-prompt", "list ", *SETTINGS]
    assert main([*map(str, command)]) == 0
    said = capsys.readouterr().err
    assert "'open ' before queries and 'list ' before documents" in said
    kept = json.loads((tmp_path / "t" / "training.json").read_text())["result"]["reading"]
    assert kept["prompts"] == {"query": "open ", "document": "list "}
    saved = SentenceTransformer(str(tmp_path / "t" / "model"), device="cpu")
    assert (saved.prompts["query"], saved.prompts["document"]) == ("open ", "list ")
    command = [
        "evaluate",
        bench / "data",
        "--model",
        tmp_path / "t" / "model",
        "--query-prompt",
        "",
        "-o",
        tmp_path / "e",
    ]
    assert main([*map(str, command)]) == 0
    assert "nothing before queries and 'list ' before documents" in capsys.readouterr().err
    measured = json.loads((tmp_path / "e" / "metrics.json").read_text())["reading"]
    assert measured["prompts"] == {"query": "", "document": "list "}


def test_texts_cut_at_the_models_limit_are_a_line_and_a_finding_everywhere(bench, long_data, tmp_path, capsys, hardneg):
    line = "texts are cut after 64 tokens: 0.0% of the queries and 50.0% of the documents are longer"
    model = ["--model", bench / "tiny"]
    mine = ["mine", long_data, "-o", tmp_path / "m", *model, "--source", "dense(precision='fp32')", "--depth", "9"]
    mine += ["--filter", "near_duplicate"]
    for command in (
        ["evaluate", long_data, *model],
        mine,
        ["train", long_data, "-o", tmp_path / "t", *model, *SETTINGS],
    ):
        assert main([*map(str, command)]) == 0
        said = capsys.readouterr().err
        assert said.count(line) == 2, said  # by itself, and as what was found
        assert "HN038: texts are cut at the model's limit" in said
    findings = json.loads((tmp_path / "t" / "findings.json").read_text())
    assert "HN038" in [each["code"] for each in findings]
    assert [each["code"] for each in hardneg(*mine)["findings"]] == ["HN038"]
    noticed = hardneg("status", tmp_path / "m")["findings"]["findings"]
    assert "HN038" in [each["code"] for each in noticed]
    assert main(["report", str(tmp_path / "m"), "-o", str(tmp_path / "page.html")]) == 0
    assert "HN038" in (tmp_path / "page.html").read_text()


def test_short_texts_and_a_limit_of_the_users_own_are_no_finding(bench, long_data, tmp_path, capsys):
    for data, more in ((bench / "data", []), (long_data, ["--max-tokens", "8"])):
        assert main(["evaluate", str(data), "--model", str(bench / "tiny"), *more]) == 0
        said = capsys.readouterr().err
        assert "HN038" not in said
        assert f"texts are cut after {'8' if more else '64'} tokens" in said


@pytest.mark.parametrize(
    ("file", "field", "value"),
    [
        ("config.json", "hidden_act", "relu"),
        ("config.json", "num_attention_heads", 4),
        ("config.json", "layer_norm_eps", 0.01),
        ("1_Pooling/config.json", "pooling_mode", "cls"),
    ],
)
def test_a_model_with_equal_weights_and_another_configuration_is_another_model(
    bench, tmp_path, hardneg, refusal, file, field, value
):
    other = shutil.copytree(bench / "tiny", tmp_path / "other")
    path = other / file
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    train = ["train", bench / "data", "-o", tmp_path / "t", *SETTINGS, "--model"]
    hardneg(*train, bench / "tiny")
    assert "another folder" in refusal(*train, other)
    measured = ["evaluate", bench / "data", "--precision", "fp32", "--depth", "10", "-o"]
    for name, model in (("first", bench / "tiny"), ("second", other)):
        hardneg(*measured, tmp_path / name, "--model", model)
        loaded = SentenceTransformer(str(model), device="cpu")
        data = read_dataset(bench / "data")
        run = pl.read_csv(tmp_path / name / "run.trec", separator=" ", has_header=False)
        query, document, score = run.row(0)[0], run.row(0)[2], run.row(0)[4]
        pair = [
            loaded.encode_query(data.query_texts[data.queries["id"].to_list().index(query)]),
            loaded.encode_document(data.document_texts[data.documents["id"].to_list().index(document)]),
        ]
        assert score == pytest.approx(float(np.dot(*pair)), abs=1e-4)


def test_precision_and_truncate_dim_reach_the_vectors(bench, tmp_path, hardneg, capsys):
    common = ["evaluate", bench / "data", "--model", bench / "tiny", "-o"]
    found = hardneg(*common, tmp_path / "a", "--precision", "bf16", "--truncate-dim", 8)
    reading = found[str(bench / "tiny")]["reading"]
    assert (reading["precision"], reading["truncate_dim"]) == ("bf16", 8)
    assert main([*map(str, [*common, tmp_path / "b", "--precision", "bf16", "--truncate-dim", 8])]) == 0
    said = capsys.readouterr().err
    assert "encodes in bf16 (precision fp32 gives the scores of sentence-transformers)" in said
    assert "cut to 8 dimensions" in said
    assert main([*map(str, [*common, tmp_path / "c", "--truncate-dim", 99])]) == 2
    assert "32 dimensions" in capsys.readouterr().err


def _with_own_code(bench, folder):
    model = shutil.copytree(bench / "tiny", folder / "own")
    (model / "own.py").write_text(
        "from sentence_transformers.sentence_transformer.modules import Pooling\n\n\nclass Own(Pooling):\n    pass\n"
    )
    modules = json.loads((model / "modules.json").read_text())
    modules[1]["type"] = "own.Own"
    (model / "modules.json").write_text(json.dumps(modules))
    return model


RECIPE = """
[[sources]]
use = "dense"

[mine]
depth = 9

[train]
max_steps = 2
batch_size = 8

[evaluate]
rows = ["zero_shot"]
"""


def test_run_and_ladder_trust_all_models_of_a_recipe_at_once(bench, tmp_path, capsys, tasks_here):
    model = _with_own_code(bench, tmp_path)
    (tmp_path / "own.toml").write_text(RECIPE)
    run = ["run", tmp_path / "own.toml", "--dataset", bench / "data", "--model", model, "-o", tmp_path / "run"]
    ladder = ["ladder", bench / "data", "--model", model, "-o", tmp_path / "ladder", "--rung", "zero_shot"]
    ladder += ["--rung", tmp_path / "own.toml", "--seeds", 1, "--budget-steps", 1, "--yes", "--quiet"]
    for command in (run, ladder):
        typed = [*map(str, command)]
        assert main(typed) != 0
        assert "--trust-remote-code" in capsys.readouterr().err
        assert main([*typed, "--trust-remote-code"]) == 0, capsys.readouterr().err
        capsys.readouterr()
    models = json.loads((tmp_path / "run" / "manifest.json").read_text())["code"]["models"]
    assert models == [str(model)]
    assert "trust_remote_code=True" in str(json.loads((tmp_path / "run" / "manifest.json").read_text())["components"])
    assert "trust_remote_code = true" in (tmp_path / "run" / "recipe.toml").read_text()
    assert "trust_remote_code = true" in (tmp_path / "ladder" / "plan.json").read_text()


def test_code_of_a_models_own_is_refused_with_the_option_that_allows_it_by_every_command(bench, tmp_path, capsys):
    model = _with_own_code(bench, tmp_path)
    commands = [
        ["evaluate", bench / "data", "-o", tmp_path / "e"],
        ["mine", bench / "data", "-o", tmp_path / "m", "--source", "dense", "--depth", "9"],
        ["train", bench / "data", "-o", tmp_path / "t", *SETTINGS],
    ]
    for command in commands:
        typed = [*map(str, command), "--model", str(model)]
        assert main(typed) == 2
        assert "--trust-remote-code" in capsys.readouterr().err
        assert main([*typed, "--trust-remote-code"]) == 0
        capsys.readouterr()
    assert json.loads((tmp_path / "e" / "metrics.json").read_text())["reading"]["trust_remote_code"] is True
    assert json.loads((tmp_path / "t" / "training.json").read_text())["inputs"]["trust_remote_code"] == "True"
    assert "trust_remote_code=True" in (tmp_path / "m" / "mining.json").read_text()
    assert main(["evaluate", str(bench / "data"), "--model", str(tmp_path / "t" / "model"), "--trust-remote-code"]) == 0


@pytest.mark.parametrize("command", ["evaluate", "mine", "train"])
@pytest.mark.parametrize("inside", ["", "/deeper"])
def test_an_output_that_is_a_file_is_one_message(bench, tmp_path, refusal, command, inside):
    (tmp_path / "file").write_text("")
    out = f"{tmp_path}/file{inside}"
    message = refusal(command, bench / "data", "--model", bench / "tiny", "-o", out)
    assert f"{tmp_path}/file is a file, but the result is a folder" in message


def test_a_damaged_store_of_vectors_is_said_and_encoded_anew(bench, tmp_path, monkeypatch, hardneg, caplog):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    command = ["evaluate", bench / "data", "--model", bench / "tiny", "--precision", "fp32"]
    first = hardneg(*command)
    for path in (tmp_path / "cache" / "vectors").glob("*/vectors.npy"):
        path.write_bytes(path.read_bytes()[:-7])
    # In a process of its own there would be nothing in memory either.
    from hardneg.models.store import _split_vectors, document_vectors

    document_vectors.cache_clear(), _split_vectors.cache_clear()
    assert hardneg(*command) == first
    assert "encoded anew" in caplog.text


def test_a_loaded_model_and_a_name_are_a_model_everywhere_in_python(bench, tmp_path):
    data = read_dataset(bench / "data")
    loaded = SentenceTransformer(str(bench / "tiny"), device="cpu")
    by_name, by_object = hardneg.evaluate(data, str(bench / "tiny")), hardneg.evaluate(data, loaded)
    assert by_name.metrics == by_object.metrics
    assert by_name.name == str(bench / "tiny")
    from hardneg.sources import Dense

    sources = [Dense(model=each) for each in (str(bench / "tiny"), loaded)]
    mined = [hardneg.mine(data, sources=[source], depth=9).negatives for source in sources]
    assert mined[0].equals(mined[1])
    settings = hardneg.TrainSettings(batch_size=8, precision="fp32", max_steps=2)
    weights = []
    for name, model in (("name", str(bench / "tiny")), ("object", loaded)):
        trained = hardneg.train(model, data, settings=settings, out=tmp_path / name)
        weights.append((trained.path / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    recipe = hardneg.Recipe.from_table({"dataset": str(bench / "data"), "model": loaded})
    assert SentenceTransformer(recipe.model, device="cpu").get_embedding_dimension() == 32


def test_a_loaded_model_that_was_changed_in_memory_is_the_changed_one(bench):
    from hardneg.sources import Dense

    plain = SentenceTransformer(str(bench / "tiny"), device="cpu")
    prompted = SentenceTransformer(str(bench / "tiny"), device="cpu", prompts={"query": "open "})
    assert Dense(model=prompted).encoder().prompts["query"] == "open "
    assert Dense(model=prompted).fingerprint() != Dense(model=plain).fingerprint()


def test_the_same_holds_for_runs_ladders_and_python(bench, tmp_path, refusal):
    file = tmp_path / "file"
    file.write_text("")
    complaint = f"{file} is a file, but the result is a folder"
    assert complaint in refusal("run", bench / "small.toml", "-o", file)
    assert complaint in refusal("ladder", bench / "data", "--model", bench / "tiny", "-o", file)
    data, settings = read_dataset(bench / "data"), hardneg.TrainSettings(batch_size=8)
    for write in (
        lambda: hardneg.train(bench / "tiny", data, settings=settings, out=file),
        lambda: hardneg.mine(data, sources=[hardneg.sources.BM25()], out=file),
        lambda: hardneg.evaluate(data, bench / "tiny").write(file / "deeper"),
    ):
        with pytest.raises(InputError, match="is a file, but the result is a folder"):
            write()


WRONG_TYPES = """
import sys
import hardneg
from hardneg.errors import HardnegError
from hardneg.sources import Dense
data = hardneg.read_dataset(sys.argv[1])
calls = [
    lambda: hardneg.evaluate(data, 5),
    lambda: hardneg.evaluate(sys.argv[1], sys.argv[2]),
    lambda: hardneg.train(None, data, out="out"),
    lambda: hardneg.train(sys.argv[2], sys.argv[1], out="out"),
    lambda: hardneg.mine(sys.argv[1]),
    lambda: Dense(model=[sys.argv[2]]),
    lambda: hardneg.Recipe.from_table({"dataset": sys.argv[1], "model": 5}),
]
for call in calls:
    try:
        call()
    except HardnegError as error:
        print(type(error).__name__, error)
"""


def test_wrong_types_from_python_are_one_clear_error(bench):
    import subprocess
    import sys

    typed = [sys.executable, "-c", WRONG_TYPES, str(bench / "data"), str(bench / "tiny")]
    done = subprocess.run(typed, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 7, done.stdout
    assert all(line.startswith(("ModelError", "DatasetError", "RecipeError")) for line in lines)
    assert "a int is no model" in lines[0]
    assert "read_dataset(" in lines[1]
