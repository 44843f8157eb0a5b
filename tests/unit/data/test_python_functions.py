import textwrap

import pytest

from hardneg.data.python_functions import functions_of


def only(source):
    (function,) = functions_of(textwrap.dedent(source).encode())
    return function


def test_the_docstring_is_cut_and_its_first_paragraph_kept():
    function = only('''
        def f(x):
            """Add one
            to a number.

            More about it.
            """
            return x + 1  # done
    ''')
    assert function.summary == "Add one to a number."
    assert function.source == "def f(x):\n    return x + 1  # done"
    assert (function.name, function.line) == ("f", 2)


def test_decorators_and_other_strings_stay():
    function = only('''
        @cache
        @wraps("f")
        async def f(
            x,  # é
        ):
            r"""Say é twice."""
            """not a docstring"""
            return """text
        at the margin"""
    ''')
    assert function.line == 2
    assert function.source == (
        '@cache\n@wraps("f")\nasync def f(\n    x,  # é\n):\n    """not a docstring"""\n'
        '    return """text\nat the margin"""'
    )


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("def f(): 'Say it.'", "def f():"),
        ("def f(): 'Sägt es.'; return 1", "def f(): return 1"),
        ("def f():\n    'Say ' 'it.'; return 1", "def f():\n    return 1"),
        ("def f():\n    'Say it.'  # why", "def f():\n    # why"),
        ("def f(): return 1", "def f(): return 1"),
    ],
)
def test_a_docstring_that_shares_its_line_is_cut_exactly(line, source):
    assert only(line).source == source


def test_methods_and_nested_functions_have_qualified_names_and_no_indent():
    functions = functions_of(b"class A:\n    def b(self):\n        def c():\n            pass\n        return c\n")
    assert [(function.name, function.line) for function in functions] == [("A.b", 2), ("A.b.c", 3)]
    assert functions[0].source == "def b(self):\n    def c():\n        pass\n    return c"


def test_the_declared_encoding_and_line_ends_are_respected():
    source = "# -*- coding: latin-1 -*-\r\ndef f():\r\n    'Grüße ins Haus.'\r\n    return 'ü'\r\n".encode("latin-1")
    (function,) = functions_of(source)
    assert function.summary == "Grüße ins Haus."
    assert function.source == "def f():\n    return 'ü'"


def test_form_feeds_do_not_move_lines():
    functions = functions_of(b"x = 1\n\x0c\ndef f():\n    'Say it now.'\n    return 1\n")
    assert (functions[0].line, functions[0].source) == (3, "def f():\n    return 1")


@pytest.mark.parametrize("source", [b"def f(:\n", b"x = '\xff'\n", b"# coding: nonsense\n", b"x = '\x00'\n"])
def test_what_does_not_parse_is_refused(source):
    with pytest.raises((SyntaxError, ValueError)):
        functions_of(source)
