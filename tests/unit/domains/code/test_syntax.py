"""Definitions that tree-sitter finds, in each language."""

import sys
import textwrap

import pytest

from hardneg.domains.code.grammars import GRAMMARS
from hardneg.domains.code.languages import LANGUAGES
from hardneg.errors import MissingExtraError

SOURCES = {
    "javascript": """
        /**
         * Adds two numbers.
         * @param a one
         */
        export function add(a, b = 2) { return total(a + b).fix(); }

        class Pile extends Base {
          // Throws the things away.
          drop(x) { this.things.clear(x); }
          close() { return super.close(); }
        }

        // Doubles a number.
        const twice = (x) => x * 2;
        Pile.prototype.top = function () { return this.last(); };
    """,
    "typescript": """
        /** Adds two numbers. */
        export function add(a: number, b?: number): number { return total(a + b).fix(); }

        abstract class Pile<T> {
          // Throws the things away.
          public drop(x: T): void { this.things.clear(x); }
          abstract none(): void;
          close(): void { return super.close(); }
        }

        // Doubles a number.
        const twice = (x: number) => x * 2;
    """,
    "java": """
        class Pile<T> extends Base {
          /** Adds {@code a} to two numbers. */
          @Override public static int add(final int a, String... b) { return total(a).fix(); }

          // Throws the things away.
          void drop(T x) { this.things.clear(x); }
          abstract void none();
          void close() { super.close(); }
        }
    """,
    "go": """
        package pile

        // Add adds two numbers.
        func Add(a, b int) (int, error) { return math.Total(a + b).Fix(), nil }

        // Pile is a pile.
        type Pile struct { things []int }

        // Drop throws the things away.
        func (p *Pile) Drop(x int) { p.things.Clear(x) }
    """,
    "rust": """
        //! A crate of piles.

        /// Adds two numbers.
        #[inline]
        pub fn add<T: Num>(a: i32, b: &T) -> i32 { math::total(a + b).fix() }

        /// A pile.
        pub struct Pile { things: Vec<i32> }

        impl<T> Dropping for Pile<T> {
            /// Throws the things away.
            fn drop(&mut self, x: u8) { self.things.clear(x) }
            fn none(&self) { unimplemented!() }
        }
    """,
    "c": """
        #include <math.h>
        /* Adds two numbers. */
        static int add(int a, const char *b) { return total(a + b)->fix(); }

        int declared(int a);

        // A pile.
        struct pile { int *things; };

        /** Copies a text. */
        char *copy(const char *text) { return strdup(text); }
    """,
}


def found(language, source=None):
    text = textwrap.dedent(SOURCES[language] if source is None else source)
    return {each.name: each for each in LANGUAGES[language].definitions(text.encode())}


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("javascript", ["add", "Pile", "Pile.drop", "Pile.close", "twice", "Pile.top"]),
        ("typescript", ["add", "Pile", "Pile.drop", "Pile.close", "twice"]),
        ("java", ["Pile", "Pile.add", "Pile.drop", "Pile.close"]),
        ("go", ["Add", "Pile", "Pile.Drop"]),
        ("rust", ["add", "Pile", "Pile.drop", "Pile.none"]),
        ("c", ["add", "pile", "copy"]),
    ],
)
def test_what_has_a_body_is_found_in_order(language, names):
    assert list(found(language)) == names


@pytest.mark.parametrize("language", SOURCES)
def test_the_comment_above_is_the_question_and_no_part_of_the_answer(language):
    add = next(each for each in found(language).values() if each.symbol.lower() == "add")
    assert add.summary in {"Adds two numbers.", "Adds a to two numbers.", "Add adds two numbers."}
    assert "two numbers" not in add.source
    assert add.parameters == ("a", "b")
    fix, total = (call.lower() for call in add.calls)
    assert fix == ".fix"
    assert total in {"total", "math.total"}


def test_a_class_is_an_outline_and_attributes_belong_to_the_text():
    assert found("rust")["add"].source.startswith("#[inline]\npub fn add")
    outline = found("javascript")["Pile"].source
    assert outline == "class Pile extends Base {\n  drop(x) { ... }\n  close() { ... }\n}"
    assert found("javascript")["add"].source.startswith("export function add")


def test_shape_and_signature_leave_names_to_the_author():
    java = found("java")["Pile.add"]
    assert java.signature == "@Override public static int add(final int a, String... b)"
    assert java.shape == "(final int _, String ... _) -> int"
    assert found("go")["Add"].shape == "(_, _ int) -> (int, error)"
    assert found("javascript")["add"].shape == "(_, _ =)"


def test_kinds_and_owners():
    assert found("javascript")["twice"].kind == "function"
    assert found("javascript")["twice"].summary == "Doubles a number."
    drop = found("go")["Pile.Drop"]
    assert (drop.kind, drop.scope, drop.symbol) == ("method", "Pile", "Drop")
    assert found("rust")["Pile.drop"].scope == "Pile"


@pytest.mark.parametrize(
    "name", ["javascript:Pile.close", "typescript:Pile.close", "java:Pile.close", "rust:Pile.none"]
)
def test_overrides_that_say_nothing_are_trivial(name):
    language, _, symbol = name.partition(":")
    assert found(language)[symbol].trivial
    assert not found(language)["Pile.drop"].trivial


@pytest.mark.parametrize(
    ("language", "source", "clone", "other"),
    [
        ("javascript", "function f(a) { let b = g(a); return b; }", "function h(x) { /* y */ let y = g(x); return y }",
         "function f(a) { let b = k(a); return b; }"),
        ("java", "class A { int f(int a) { int b = a; return b + a; } }", None,
         "class A { int f(int a) { int b = a; return a + b; } }"),
        ("go", "package p\nfunc f(a int) int { b := a; return b + 1 }",
         "package p\nfunc g(x int) int { y := x; return y + 1 }",
         "package p\nfunc f(a int) int { b := a; return b + 2 }"),
        ("rust", "fn f(a: u8) -> u8 { let b = a; b + 1 }", "pub fn g(x: u8) -> u8 { let y = x; y + 1 }",
         "fn f(a: u8) -> u8 { let b = a; b.c + 1 }"),
        ("c", "int f(int a) { int b = a; return b; }", "int g(int x) { int y = x; return y; }",
         "int f(int a) { int b = 2; return b; }"),
    ],
)  # fmt: skip
def test_equal_hashes_mean_equal_up_to_names_of_their_own(language, source, clone, other):
    def function(text):
        return [each.ast_hash for each in found(language, text).values()][-1]

    assert function(clone or source) == function(source) != function(other)


def test_a_comment_that_is_not_directly_above_is_none_of_the_definition():
    assert found("go", "package p\n// Far away it is.\n\nfunc f() { g() }\n")["f"].summary == ""
    assert found("c", "int a; // about the number a\nint f(int b) { return g(b); }\n")["f"].summary == ""


def test_a_definition_with_an_error_in_it_is_left_out_and_others_stay():
    assert list(found("c", "int f(int a) { return (; }\nint g(int a) { return h(a); }\n")) == ["g"]


def test_a_missing_parser_names_the_extra(monkeypatch):
    from hardneg.domains.code.syntax import _parser_of

    _parser_of.cache_clear()
    monkeypatch.setitem(sys.modules, GRAMMARS["go"].package, None)
    with pytest.raises(MissingExtraError, match=r"reading go needs tree-sitter.*hardneg\[code\]"):
        found("go")
    _parser_of.cache_clear()
