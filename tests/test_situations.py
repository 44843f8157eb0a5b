"""Situations that users of such tools reported in public, and the tests that stand for each.

Layouts and labels have a table of their own, `tests/unit/data/test_layouts.py`, whose rows are run one by one.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
COMMANDS, UNIT = "integration/test_cli_", "unit/"
SITUATIONS = {
    "a run mined on other texts is joined": (
        f"{COMMANDS}joins.py",
        "test_a_run_on_other_texts_is_refused_by_every_command_whatever_is_allowed",
    ),
    "labels have changed since a run was mined": (
        f"{COMMANDS}joins.py",
        "test_export_leaves_out_what_has_become_an_answer_and_says_how_many",
    ),
    "ids of vectors as a JSON object": (
        f"{UNIT}sources/test_vector_ids.py",
        "test_an_object_from_rows_to_ids_gives_the_vectors_that_a_list_gives",
    ),
    "the query is itself in the corpus": (
        f"{COMMANDS}mining_findings.py",
        "test_queries_in_the_corpus_are_said_by_check_and_by_mine_and_are_no_negatives",
    ),
    "evaluation ranks the query's own document first": (
        f"{COMMANDS}mining_findings.py",
        "test_evaluate_says_what_it_leaves_out_and_how_to_keep_it",
    ),
    "a history of plain texts": (f"{COMMANDS}conversations.py", "test_the_answer_of_the_next_turn_is_never_mined"),
    "clicks of 0 and 1": (f"{COMMANDS}interactions.py", "test_clicks_of_0_are_never_positives"),
    "interactions without header or times": (
        f"{COMMANDS}interactions.py",
        "test_a_file_without_header_or_times_is_built_and_says_how_it_was_read",
    ),
    "scripts without spaces": (
        f"{UNIT}search/test_scripts.py",
        "test_chinese_japanese_and_korean_are_found_as_english_is",
    ),
    "composed and decomposed letters": (
        f"{UNIT}search/test_scripts.py",
        "test_every_unicode_form_of_a_word_scores_alike",
    ),
    "a long document without spaces": (f"{COMMANDS}mining_findings.py", "test_a_long_document_without_spaces_is_long"),
    "empty documents": (f"{UNIT}filters/test_never_negatives.py", "test_neither_is_ever_mined_or_drawn"),
    "800 positives for one query, mining": (
        "oracles/test_depth.py",
        "test_800_positives_leave_as_many_negatives_as_one",
    ),
    "800 positives for one query, training": (
        f"{COMMANDS}training_as_meant.py",
        "test_a_query_with_most_of_the_positives_has_something_to_learn_in_every_step",
    ),
    "the file brings its own negatives": (
        f"{COMMANDS}training_as_meant.py",
        "test_negatives_of_the_file_itself_are_trained_on_and_that_is_said",
    ),
    "a pool of further documents": (f"{UNIT}data/test_layouts.py", "test_a_pool_adds_documents_and_gives_its_ids"),
    "verdicts saved by a spreadsheet": (
        f"{UNIT}audits/test_sampled.py",
        "test_verdicts_that_a_spreadsheet_saved_are_read",
    ),
    "export and reading back": ("invariants/test_export_reading.py", "test_an_export_reads_back_as_the_same_labels"),
    "equal weights and another configuration": (
        f"{UNIT}models/test_fingerprint_fields.py",
        "test_changing_any_field_of_any_file_keeps_the_vectors_or_changes_the_fingerprint",
    ),
    "a training answered with another model's": (
        f"{COMMANDS}models.py",
        "test_a_model_with_equal_weights_and_another_configuration_is_another_model",
    ),
    "prompts in E5's way": (
        f"{UNIT}models/test_prompts.py",
        "test_a_trained_model_used_by_the_library_is_what_was_trained",
    ),
    "a router with a static query tower": (
        f"{UNIT}training/test_routers.py",
        "test_max_tokens_reaches_both_towers_for_as_long_as_it_is_asked_for",
    ),
    "texts longer than the model reads": (
        f"{COMMANDS}models.py",
        "test_texts_cut_at_the_models_limit_are_a_line_and_a_finding_everywhere",
    ),
    "a temperature that leaves no gradient": (
        f"{COMMANDS}training_as_meant.py",
        "test_a_temperature_that_leaves_no_gradient_is_a_finding",
    ),
    "a lone last pair": (f"{COMMANDS}training_as_meant.py", "test_a_last_pair_is_not_left_alone"),
    "a key that a server echoes escaped": (
        f"{UNIT}scoring/llm/test_key.py",
        "test_a_key_that_a_server_echoes_escaped_is_neither_shown_nor_stored",
    ),
    "a teacher worse than the first stage": (
        f"{COMMANDS}teacher.py",
        "test_a_teacher_that_is_worse_than_what_it_filters_is_a_finding_with_both_figures",
    ),
    "kl on squashed scores": (
        f"{COMMANDS}training_as_meant.py",
        "test_squashed_scores_at_a_teacher_temperature_of_one_are_a_finding",
    ),
    "models with code of their own": (
        f"{COMMANDS}models.py",
        "test_code_of_a_models_own_is_refused_with_the_option_that_allows_it_by_every_command",
    ),
    "an adapter whose base is gone": (f"{UNIT}models/test_damage.py", "test_adapters_whose_base_is_gone_name_the_base"),
    "a misspelt folder": (
        f"{UNIT}models/test_damage.py",
        "test_a_misspelt_folder_is_no_hub_name_that_cannot_be_reached",
    ),
    "an output that is a file": (f"{COMMANDS}models.py", "test_an_output_that_is_a_file_is_one_message"),
    "precision and truncated vectors": (f"{COMMANDS}models.py", "test_precision_and_truncate_dim_reach_the_vectors"),
    "damaged weights": (f"{UNIT}models/test_damage.py", "test_cut_weights_are_said_to_be_cut"),
    "a cut vector store": (f"{COMMANDS}models.py", "test_a_damaged_store_of_vectors_is_said_and_encoded_anew"),
    "a tracker without a key": (f"{COMMANDS}training_as_meant.py", "test_a_tracker_without_a_key_is_one_message"),
    "wrong types in Python": (f"{COMMANDS}models.py", "test_wrong_types_from_python_are_one_clear_error"),
    "a file of pairs without a test split": (
        f"{COMMANDS}run.py",
        "test_pairs_without_a_test_split_are_dealt_once_and_go_on_with_the_same_splits",
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_situation_has_its_test(situation):
    path, name = SITUATIONS[situation]
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
