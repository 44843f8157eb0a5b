import pytest

from hardneg.domains.code.python import python_definitions
from hardneg.domains.code.source import mask_names


def masked(summary, head="def read_text(self, path, max_size): return 1"):
    source = f"class FileReader:\n    {head.partition(': ')[0]}:\n        '''{summary}'''\n        return g()\n"
    return mask_names(python_definitions(source.encode())[1])


@pytest.mark.parametrize(
    ("summary", "question"),
    [
        ("Read the text of a path.", "Read the text of a path."),
        ("Like read_text() but `path` is closed.", "Like method but argument is closed."),
        ("At most max_size bytes of FileReader.read_text", "At most argument bytes of method"),
        ("Return the FileReader for it.", "Return the class for it."),
    ],
)
def test_what_is_spelled_or_marked_as_code_is_masked_and_words_stay(summary, question):
    assert masked(summary) == question


def test_a_name_that_is_a_word_is_masked_only_where_it_is_marked():
    head = "def copy(self, other): return 1"
    assert masked("Return a copy of the other.", head) == "Return a copy of the other."
    assert masked("As other.copy(x), 'copy' of other things.", head) == "As method(x), method of other things."
