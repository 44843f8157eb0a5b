"""`hardneg push` and `hardneg pull` against a Hub on this machine; no request leaves it."""

import json
import re
import shutil

import polars as pl
import pytest
from huggingface_hub import HfApi

from hardneg.cli import main
from local_hub import serving_hub

TOKEN = "hf_NobodyMayEverReadThis0123456789"
# huggingface_hub uploads in a way that its own client is about to give up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

BM25 = ("--source", "bm25(analyzer='plain')", "--per-query", "2", "--depth", "8")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with serving_hub(TOKEN) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # a protocol of its own
        monkeypatch.chdir(tmp_path)
        yield served


@pytest.fixture(scope="module")
def mined(bench, tmp_path_factory):
    """A mining with an audit beside it; read only."""
    folder = tmp_path_factory.mktemp("mined") / "run"
    assert main(["mine", str(bench / "data"), *BM25, "-o", str(folder), "--quiet"]) == 0
    figure = {"value": 0.0312, "low": 0.0207, "high": 0.0441, "n": 320}
    audit = {"kind": "planted", "figures": {"contamination": figure}, "caveats": ["It is a lower bound."]}
    (folder / "audit.json").write_text(json.dumps(audit))
    return folder


def push(folder, repo, *options):
    return main(["push", str(folder), repo, "--license", "cc-by-4.0", *options])


def test_negatives_come_back_and_train(hub, mined, bench, tmp_path, capsys):
    assert push(mined, "me/toy-negatives") == 0
    assert hub.repos["datasets/me/toy-negatives"].private
    assert main(["pull", "me/toy-negatives", "-o", "pulled"]) == 0
    for part in sorted((mined / "negatives").glob("part-*.parquet")):
        assert (tmp_path / "pulled" / "negatives" / part.name).read_bytes() == part.read_bytes()
    output = "".join(capsys.readouterr())
    assert "hardneg train DATASET --negatives pulled" in output
    trained = ["train", str(bench / "data"), "--negatives", "pulled", "--model", str(bench / "tiny"), "-o", "model"]
    assert main([*trained, "--quiet"]) == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in output + "".join(capsys.readouterr())
    assert all(TOKEN.encode() not in content for content in hub.files("datasets/me/toy-negatives").values())


def test_the_figures_of_a_card_are_those_of_the_files_beside_it(hub, mined):
    assert push(mined, "me/toy") == 0
    files = hub.files("datasets/me/toy")
    card = files["README.md"].decode()
    funnel, mining, audit = (json.loads(files[name]) for name in ("funnel.json", "mining.json", "audit.json"))
    assert "\nlicense: cc-by-4.0\n" in card
    for key in ("dataset", "texts", "labels"):
        assert f"`{mining[key]}`" in card
    row = re.search(r"^\| all \| (.*) \|$", card, re.MULTILINE)[1].split(" | ")
    numbers = [funnel["candidates"], *funnel["dropped"].values(), funnel["eligible"], funnel["selected"]]
    assert row == [f"{number:,}" for number in numbers]
    assert f"{funnel['short_queries']:,} of {funnel['queries']:,} queries" in card
    one = audit["figures"]["contamination"]
    assert f"| {one['value']:.4f} | {one['low']:.4f} | {one['high']:.4f} | {one['n']:,} |" in card
    triplets = pl.read_parquet(files["triplets.parquet"])
    assert f"has {triplets.height:,} rows" in card
    assert triplets.columns == ["query", "positive", "negative"]  # trainers read each column as text
    parts = [pl.read_parquet(content) for name, content in files.items() if name.startswith("negatives/")]
    assert f"{sum(part.height for part in parts):,} for" in card


def test_files_that_contradict_each_other_are_not_pushed(hub, mined, tmp_path, capsys):
    shutil.copytree(mined, tmp_path / "run")
    (tmp_path / "run" / ".checksums").unlink()
    funnel = json.loads((mined / "funnel.json").read_text())
    (tmp_path / "run" / "funnel.json").write_text(json.dumps(funnel | {"selected": funnel["selected"] + 1}))
    assert push(tmp_path / "run", "me/toy") == 2
    assert "contradicts itself" in capsys.readouterr().err
    assert not hub.repos


def test_no_license_no_push(hub, mined, capsys):
    assert main(["push", str(mined), "me/toy"]) == 2
    assert "--license" in capsys.readouterr().err
    assert main(["push", str(mined), "me/toy", "--license", "unknown", "--dry-run"]) == 0
    assert "is not known" in capsys.readouterr().out
    assert not hub.asked


def test_no_place_of_this_machine_is_told(hub, mined, bench):
    assert push(mined, "me/toy") == 0
    for name, content in hub.files("datasets/me/toy").items():
        assert str(bench).encode() not in content, name


def test_a_model_goes_with_its_figures_and_without_code(hub, mined, bench, tmp_path, capsys):
    shutil.copytree(mined, tmp_path / "run")
    shutil.copytree(bench / "tiny", tmp_path / "run" / "model")
    place = "run/evaluation/mined-seed0"
    assert main(["evaluate", str(bench / "data"), "--model", "run/model", "-o", place, "--quiet"]) == 0
    (tmp_path / "run" / "model" / "modeling_evil.py").write_text("raise SystemExit")
    assert push(tmp_path / "run", "me/toy-model") == 2
    assert "--what" in capsys.readouterr().err
    assert push(tmp_path / "run", "me/toy-model", "--what", "model") == 0
    files = hub.files("models/me/toy-model")
    card = files["README.md"].decode()
    assert "modeling_evil.py" not in files
    assert str(tmp_path) not in card
    metrics = json.loads((tmp_path / "run" / "evaluation" / "mined-seed0" / "metrics.json").read_text())["metrics"]
    for measure, one in metrics.items():
        assert f"| mined-seed0 | {measure} | {one['value']:.4f} | {one['low']:.4f} | {one['high']:.4f} |" in card
    files["evil.bin"] = b"pickle"
    files["modeling_evil.py"] = b"raise SystemExit"
    assert main(["pull", "me/toy-model", "--what", "model", "-o", "pulled"]) == 0
    assert "evil.bin" in capsys.readouterr().err
    assert not list((tmp_path / "pulled").rglob("*evil*"))
    weights = tmp_path / "pulled" / "model.safetensors"
    assert weights.read_bytes() == (tmp_path / "run" / "model" / "model.safetensors").read_bytes()


def test_no_file_is_taken_that_would_lie_elsewhere(hub, mined, tmp_path, capsys):
    assert push(mined, "me/toy") == 0
    files = hub.files("datasets/me/toy")
    for name in ("../outside.json", "/etc/outside.json", "a/../../outside.json", "c:\\outside.json"):
        files[name] = b"{}"
        assert main(["pull", "me/toy", "-o", "deep/pulled"]) == 2
        assert "would lie elsewhere" in capsys.readouterr().err
        del files[name]
    assert not list(tmp_path.rglob("outside*"))
    assert not (tmp_path / "deep" / "pulled").exists()


def test_a_recipe_that_was_pulled_names_no_code(hub, mined, tmp_path, capsys):
    assert push(mined, "me/toy") == 0
    hub.files("datasets/me/toy")["mine.toml"] = b'dataset = "x"\nfilters = [{ use = "turtle:Pen" }]\n'
    assert main(["pull", "me/toy", "-o", "pulled"]) == 0
    assert main(["run", "pulled/mine.toml"]) == 2
    assert "--allow-code" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["pull", "me/nothing", "-o", "x"], "there is no me/nothing"),
        (["pull", "a b", "-o", "x"], "OWNER/NAME"),
        (["push", "nowhere", "me/x", "--license", "other"], "is no folder"),
    ],
)
def test_what_cannot_be_done_is_one_message(typed, message, hub, capsys):
    assert main(typed) == 2
    assert message in capsys.readouterr().err


def test_a_wrong_token_is_refused_and_not_told(hub, mined, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_AnotherThatNobodyKnows0123456")
    assert push(mined, "me/toy") == 2
    shown = "".join(capsys.readouterr())
    assert "refused" in shown
    assert "hf_Another" not in shown


def test_a_model_is_taken_as_it_is_at_a_revision(hub, bench, monkeypatch, tmp_path, refusal, capsys):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    api = HfApi(endpoint=hub.address, token=TOKEN)
    api.create_repo("me/tiny")
    commit = api.upload_folder(folder_path=bench / "tiny", repo_id="me/tiny").oid
    ask = ["evaluate", str(bench / "data"), "--split", "train", "--json", "--model"]
    assert main([*ask, f"me/tiny@{commit}", "-o", "there"]) == 0
    assert main([*ask, str(bench / "tiny"), "-o", "here"]) == 0
    there, here = (pl.read_parquet(tmp_path / name / "per_query.parquet") for name in ("there", "here"))
    assert there.equals(here)
    assert f"me/tiny@{commit}" in (tmp_path / "there" / "metrics.json").read_text()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "none"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    capsys.readouterr()
    assert "model me/tiny at 'v2' is not in the cache" in refusal(*ask[:-1], "--model", "me/tiny@v2", "-o", "no")
