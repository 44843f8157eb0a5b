"""`hardneg evaluate --quantize`."""


def test_rounded_vectors_stand_beside_the_model(bench, hardneg, tmp_path):
    model = str(bench / "tiny")
    ways = ["--quantize", "int8", "--quantize", "binary"]
    found = hardneg("evaluate", bench / "data", "--model", model, *ways, "--fuse", "ranks", "--bm25", "plain")
    assert list(found) == ["bm25", model, f"{model}, int8", f"{model}, binary", "fused"]
    whole, rounded = found[model]["nDCG@10"], found[f"{model}, int8"]["nDCG@10"]
    assert abs(whole["value"] - rounded["value"]) < 0.1


def test_without_a_model_there_is_nothing_to_round(bench, refusal):
    assert "--model" in refusal("evaluate", bench / "data", "--bm25", "plain", "--quantize", "int8")
