import textwrap

import pytest

from hardneg.domains.code.python import python_definitions


def only(source):
    (function,) = python_definitions(textwrap.dedent(source).encode())
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
    functions = python_definitions(
        b"class A:\n    def b(self):\n        def c():\n            pass\n        return c\n"
    )
    assert [(each.kind, each.name, each.line) for each in functions] == [
        ("class", "A", 1),
        ("method", "A.b", 2),
        ("function", "A.b.c", 3),
    ]
    assert functions[1].source == "def b(self):\n    def c():\n        pass\n    return c"


def test_the_declared_encoding_and_line_ends_are_respected():
    source = "# -*- coding: latin-1 -*-\r\ndef f():\r\n    'Grüße ins Haus.'\r\n    return 'ü'\r\n".encode("latin-1")
    (function,) = python_definitions(source)
    assert function.summary == "Grüße ins Haus."
    assert function.source == "def f():\n    return 'ü'"


def test_form_feeds_do_not_move_lines():
    functions = python_definitions(b"x = 1\n\x0c\ndef f():\n    'Say it now.'\n    return 1\n")
    assert (functions[0].line, functions[0].source) == (3, "def f():\n    return 1")


@pytest.mark.parametrize("source", [b"def f(:\n", b"x = '\xff'\n", b"# coding: nonsense\n", b"x = '\x00'\n"])
def test_what_does_not_parse_is_refused(source):
    with pytest.raises((SyntaxError, ValueError)):
        python_definitions(source)


def test_a_class_is_an_outline_without_what_its_methods_say_and_do():
    outline, *_ = python_definitions(
        textwrap.dedent('''
            @total_ordering
            class Stack(list, metaclass=M):
                """A pile of things."""

                size = 3

                @property
                def top(self):
                    """The last thing."""
                    return self[-1]

                def empty(self): return not self

                class Inner:
                    def f(self):
                        @cache
                        def g(): pass
                        return g
        ''').encode()
    )
    assert (outline.kind, outline.name, outline.summary) == ("class", "Stack", "A pile of things.")
    assert outline.signature == "class Stack(list, metaclass=M)"
    assert outline.source == (
        "@total_ordering\nclass Stack(list, metaclass=M):\n\n    size = 3\n\n    @property\n    def top(self):\n"
        "        ...\n\n    def empty(self): ...\n\n    class Inner:\n        def f(self):\n            ..."
    )


def test_signature_shape_and_parameters():
    _, method, static = python_definitions(
        b"class A:\n"
        b"    async def b(self, x: int, /, y=1, *rest: str, key, other=None, **more) -> bool: return x\n"
        b"    @staticmethod\n    def c(x, *, y): return y\n"
    )
    assert method.signature == "async def b(self, x: int, /, y=1, *rest: str, key, other=None, **more) -> bool"
    assert method.shape == "(_, _=, *_, _, _=, **_)"
    assert method.parameters == ("self", "x", "y", "rest", "key", "other", "more")
    assert static.shape == "(_, *, _)"


def test_calls_are_named_from_the_file_or_from_a_value():
    function = only("""
        def f(path, g):
            text = os.path.join(path, "x").strip()
            text.encode()
            g(1)
            return [len(each) for each in sorted(text)][0](2)
    """)
    assert function.calls == (".encode", ".strip", "len", "os.path.join", "sorted")


ADD = "def add(a, b=1):\n    total = a + b\n    for i in range(3):\n        total += i\n    return add(total, b)"


@pytest.mark.parametrize(
    "clone",
    [
        ADD.replace("add", "plus"),
        ADD.replace("total", "s").replace("a ", "left ").replace("(a", "(left"),
        ADD.replace("(a, b=1)", "(a: int, b: int = 1) -> int"),
        ADD.replace(":\n    total = a + b", ':\n    """Add it."""\n\n    total = (a + b)  # now'),
    ],
)
def test_names_of_its_own_comments_and_annotations_do_not_change_the_hash(clone):
    assert only(clone).ast_hash == only(ADD).ast_hash


@pytest.mark.parametrize(
    "other",
    [
        ADD.replace("a + b", "a - b"),
        ADD.replace("a + b", "b + a"),
        ADD.replace("range", "reversed"),
        ADD.replace("=1", "=2"),
        ADD.replace("total", "a"),
        ADD.replace("range(3)", "range(3, key=4)"),
        ADD.replace("add(total, b)", "x.add(total, b)"),
    ],
)
def test_whatever_else_changes_the_hash(other):
    assert only(other).ast_hash != only(ADD).ast_hash


def test_handing_on_to_a_method_of_its_own_name_is_no_clone_of_another_such():
    one, other = python_definitions(b"def match(p, s): return p.match(s)\ndef search(p, s): return p.search(s)\n")
    assert one.ast_hash != other.ast_hash


def test_trivial_definitions_are_told_apart_by_their_names():
    one, other, again = python_definitions(b"def f(): pass\ndef g(): pass\nif x:\n    def f(): pass\n")
    assert one.ast_hash == again.ast_hash != other.ast_hash


@pytest.mark.parametrize(
    ("body", "trivial"),
    [
        ("pass", True),
        ("...", True),
        ("'Say it.'", True),
        ("return", True),
        ("return -1", True),
        ("return []", True),
        ("return self", True),
        ("raise NotImplementedError", True),
        ("raise NotImplementedError('f')", True),
        ("'Say it.'; return super().f(x)", True),
        ("super(A, self).f(x)", True),
        ("return await super().f(x)", True),
        ("Base.f(self, x)", True),
        ("return super().g(x)", False),
        ("return super().f(x) + 1", False),
        ("other.f(x)", False),
        ("raise ValueError", False),
        ("return [1]", False),
        ("return self.x", False),
    ],
)
def test_a_body_is_trivial_if_it_says_nothing_of_what_is_done(body, trivial):
    _, method = python_definitions(f"class A:\n    async def f(self, x):\n        {body}\n".encode())
    assert method.trivial is trivial


def test_a_class_without_members_is_trivial():
    empty, full = python_definitions(b"class A(Exception):\n    'Say it.'\nclass B:\n    x = 1\n")
    assert (empty.trivial, full.trivial) == (True, False)
