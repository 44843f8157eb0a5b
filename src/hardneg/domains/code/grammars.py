"""What the syntax trees of each language call things: the names are those of its tree-sitter grammar."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Grammar:
    """How to find definitions in the syntax trees of a language."""

    package: str  # the package with the grammar
    factory: str = "language"  # its function that gives the grammar
    functions: frozenset[str]  # nodes that define a function; they have a `body`, unless they only declare it
    classes: frozenset[str]  # nodes that define a class, or what the language has in its place
    values: frozenset[str] = frozenset()  # functions and types without a name of their own, which may be given one
    holders: Mapping[str, tuple[str, str]]  # nodes that give a value a name: the fields of the name and of the value
    scopes: Mapping[str, str]  # nodes that define nothing but whose field names what lies in them
    wrappers: frozenset[str]  # nodes that may enclose a definition and belong to its text
    comments: frozenset[str] = frozenset({"comment"})  # nodes of comments
    inner_comments: tuple[bytes, ...] = ()  # how comments begin that speak of what they lie in
    attributes: frozenset[str] = frozenset()  # nodes before a definition that belong to it
    # nodes inside a definition that say nothing of what it does: who may see it, annotations
    unsaid: frozenset[str] = frozenset()
    parameters: frozenset[str]  # nodes that list parameters
    # nodes that call something: the fields from whose beginning to whose end its name is written
    calls: Mapping[str, tuple[str, ...]]
    binds: frozenset[tuple[str, str]]  # fields in which a node names local variables


_JAVASCRIPT = Grammar(
    package="tree_sitter_javascript",
    functions=frozenset({"function_declaration", "generator_function_declaration", "method_definition"}),
    classes=frozenset({"class_declaration"}),
    values=frozenset({"arrow_function", "function_expression", "generator_function", "class"}),
    holders={
        "variable_declarator": ("name", "value"),
        "pair": ("key", "value"),
        "assignment_expression": ("left", "right"),
        "field_definition": ("property", "value"),
    },
    scopes={},
    wrappers=frozenset({"export_statement", "lexical_declaration", "variable_declaration", "expression_statement"}),
    attributes=frozenset({"decorator"}),
    unsaid=frozenset({"decorator"}),
    parameters=frozenset({"formal_parameters"}),
    calls={"call_expression": ("function",), "new_expression": ("constructor",)},
    binds=frozenset(
        {
            ("variable_declarator", "name"),
            ("arrow_function", "parameter"),
            ("for_in_statement", "left"),
            ("catch_clause", "parameter"),
        }
    ),
)

_TYPESCRIPT = Grammar(
    package="tree_sitter_typescript",
    factory="language_typescript",
    functions=_JAVASCRIPT.functions,
    classes=frozenset({"class_declaration", "abstract_class_declaration", "interface_declaration", "enum_declaration"}),
    values=_JAVASCRIPT.values,
    holders={**_JAVASCRIPT.holders, "public_field_definition": ("name", "value")},
    scopes={"internal_module": "name"},
    wrappers=_JAVASCRIPT.wrappers,
    attributes=_JAVASCRIPT.attributes,
    unsaid=frozenset({"decorator", "accessibility_modifier", "override_modifier"}),
    parameters=_JAVASCRIPT.parameters,
    calls=_JAVASCRIPT.calls,
    binds=_JAVASCRIPT.binds,
)

_TSX = Grammar(**{**vars(_TYPESCRIPT), "factory": "language_tsx"})

_JAVA = Grammar(
    package="tree_sitter_java",
    functions=frozenset({"method_declaration", "constructor_declaration"}),
    classes=frozenset(
        {"class_declaration", "interface_declaration", "enum_declaration", "record_declaration"}
        | {"annotation_type_declaration"}
    ),
    holders={},
    scopes={},
    wrappers=frozenset(),
    comments=frozenset({"line_comment", "block_comment"}),
    unsaid=frozenset({"modifiers"}),
    parameters=frozenset({"formal_parameters", "inferred_parameters"}),
    calls={"method_invocation": ("object", "name"), "object_creation_expression": ("type",)},
    binds=frozenset(
        {
            ("variable_declarator", "name"),
            ("enhanced_for_statement", "name"),
            ("catch_formal_parameter", "name"),
            ("lambda_expression", "parameters"),
            ("resource", "name"),
        }
    ),
)

_GO = Grammar(
    package="tree_sitter_go",
    functions=frozenset({"function_declaration", "method_declaration"}),
    classes=frozenset({"type_spec"}),
    holders={},
    scopes={},
    wrappers=frozenset({"type_declaration"}),
    parameters=frozenset({"parameter_list"}),
    calls={"call_expression": ("function",)},
    binds=frozenset({("short_var_declaration", "left"), ("var_spec", "name"), ("range_clause", "left")}),
)

_RUST = Grammar(
    package="tree_sitter_rust",
    functions=frozenset({"function_item"}),
    classes=frozenset({"struct_item", "enum_item", "trait_item", "union_item"}),
    holders={},
    scopes={"impl_item": "type", "mod_item": "name"},
    wrappers=frozenset(),
    comments=frozenset({"line_comment", "block_comment"}),
    inner_comments=(b"//!", b"/*!"),
    attributes=frozenset({"attribute_item"}),
    unsaid=frozenset({"visibility_modifier"}),
    parameters=frozenset({"parameters", "closure_parameters"}),
    calls={"call_expression": ("function",), "macro_invocation": ("macro",)},
    binds=frozenset({("let_declaration", "pattern"), ("for_expression", "pattern"), ("let_condition", "pattern")}),
)

_C = Grammar(
    package="tree_sitter_c",
    functions=frozenset({"function_definition"}),
    classes=frozenset({"struct_specifier", "union_specifier", "enum_specifier"}),
    values=frozenset({"struct_specifier", "union_specifier", "enum_specifier"}),
    holders={"type_definition": ("declarator", "type")},
    scopes={},
    wrappers=frozenset(),
    parameters=frozenset({"parameter_list"}),
    calls={"call_expression": ("function",)},
    binds=frozenset({("declaration", "declarator"), ("init_declarator", "declarator")}),
)

GRAMMARS = {
    "javascript": _JAVASCRIPT,
    "typescript": _TYPESCRIPT,
    "tsx": _TSX,
    "java": _JAVA,
    "go": _GO,
    "rust": _RUST,
    "c": _C,
}
