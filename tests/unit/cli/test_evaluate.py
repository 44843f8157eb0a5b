from hardneg.cli.evaluate import _folders


def test_each_system_gets_a_folder_of_its_name_that_any_file_system_takes():
    names = ["bm25", "intfloat/e5-small-v2", "package:gt_all/model", "/models/[new] one", "../.."]
    folders = ["bm25", "intfloat_e5-small-v2", "package_gt_all_model", "models_new_one", "model"]
    assert list(_folders(names).values()) == folders


def test_names_that_become_equal_are_numbered_and_long_ones_cut():
    assert list(_folders(["a/b", "a:b", "A b"]).values()) == ["a_b", "a_b-2", "A_b-3"]
    assert _folders(["x" * 300])["x" * 300] == "x" * 100
