"""The tables of a recipe that belong to no other room."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from hardneg.audits.verdict_files import SUFFIXES
from hardneg.audits.verdicts import holds_verdicts
from hardneg.data.dataset import Dataset
from hardneg.data.layout import Layout
from hardneg.data.reading import read_dataset
from hardneg.domains.code.definition import KINDS
from hardneg.domains.code.languages import LANGUAGES
from hardneg.domains.code.source import code_source
from hardneg.errors import RecipeError
from hardneg.evaluation.metrics import choose_measures

Row = Literal["bm25", "zero_shot", "in_batch"]


@dataclass(frozen=True, kw_only=True)
class FromPath(Layout):
    """A dataset that is read, as its layout says.

    Args:
        path: Whatever `read_dataset` takes: a folder, a file of pairs, or `hf:NAME`.
        skip_invalid: Whether rows that cannot be used are left out and counted, where that is safe.
        query: Column with the text of the query; found by its name if not given, as the others.
        positive: Column with the text, or list of texts, that answers it.
        negative: Columns with texts judged not to answer it.
        label: Column that says how relevant a pair is, or whether it is an answer at all.
        ignore: Columns to leave out.
        relevance: What values of the relevance mean, each as "VALUE=GRADE": ["E=1", "S=0"].
        min_relevance: What has at least this value is relevant, the rest is judged not relevant.
        documents: File with further documents: JSON Lines, CSV, TSV, Parquet, or plain text with one a line.
        split_column: Column that names the split of each row.
        separator: What stands between the fields of a text file; found from its first line if not given.
        no_header: Whether the first line of a text file is data already.
        columns: Names of the columns in order, for files without a header, or in place of the header's.
        candidates: Whether what the data list beside answers are candidates (the source `given`), not judgements.
    """

    path: str
    skip_invalid: bool = False

    @property
    def layout(self) -> Layout:
        """What is said of the layout."""
        return Layout.of(self.said)

    def read(self) -> Dataset:
        """Read the dataset."""
        return read_dataset(self.path, mapping=self.layout, skip_invalid=self.skip_invalid)


@dataclass(frozen=True, kw_only=True)
class Also:
    """A further dataset that a model is trained on in the same training.

    Args:
        dataset: Whatever `read_dataset` takes; the one that was mined if not given.
        negatives: Folder of `hardneg mine` for this dataset, or a Parquet file; without it, those that its labels name,
            and without any its pairs are trained on in-batch only.
        split: Whose positives are trained on; the split that was mined, else "train", if not given.
        query_prompt: Text before each query; None takes what queries of the first dataset get, "" none. The trained
            model has it under the name `NAME-query`, after the name of the dataset.
        document_prompt: The same for documents, under `NAME-document`.

    Raises:
        RecipeError: Neither a dataset nor negatives are named.
    """

    dataset: str | None = None
    negatives: str | None = None
    split: str | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None

    def __post_init__(self) -> None:
        if self.dataset is None and self.negatives is None:
            raise RecipeError("also: name a dataset, or negatives, whose run knows it")


@dataclass(frozen=True, kw_only=True)
class FromPython:
    """A code-search dataset that is built from the functions and methods of Python source.

    Labels do not cover clones, as they do in one that is built with `code`.

    Args:
        python: Folders, `.py` files, names of installed packages, or `stdlib` for the library of the running
            Python.
        split_seed: Which files go to which split; apart from the recipe's seed, so that all seeds see one
            test set.
        test_share: Share of the files that are kept for testing.
        dev_share: Share of the files that are kept for choosing settings.
        undocumented: Whether functions without a docstring are kept as documents that answer no query.
        max_documents: Take whole files until there are this many functions.
    """

    python: tuple[str, ...]
    split_seed: int = 0
    test_share: float = 0.3
    dev_share: float = 0.1
    undocumented: bool = False
    max_documents: int | None = None

    def read(self) -> Dataset:
        """Build the dataset as `code` does from Python's functions and methods."""
        shared = {each.name: getattr(self, each.name) for each in fields(self)[1:]}
        only: dict[str, Any] = {"languages": ("python",), "kinds": ("function", "method"), "labels_clones": False}
        return FromCode(code=self.python, **only, **shared).read()


@dataclass(frozen=True, kw_only=True)
class FromCode:
    """A code-search dataset that is built from source trees of any language.

    Args:
        code: Folders, source files, names of installed packages of Python, or `stdlib` for the library of the running
            Python.
        languages: Whose files are read.
        kinds: What becomes a document: "function", "method", "class".
        masks_names: Whether names in the questions that give the answer away are masked.
        labels_clones: Whether a definition that only names of its own tell from an answer is labelled as one too.
        split_seed: Which files go to which split; apart from the recipe's seed, so that all seeds see one
            test set.
        test_share: Share of the files that are kept for testing.
        dev_share: Share of the files that are kept for choosing settings.
        undocumented: Whether definitions without documentation are kept as documents that answer no query.
        max_documents: Take whole files until there are this many definitions.
    """

    code: tuple[str, ...]
    languages: tuple[str, ...] = tuple(LANGUAGES)
    kinds: tuple[str, ...] = KINDS
    masks_names: bool = False
    labels_clones: bool = True
    split_seed: int = 0
    test_share: float = 0.3
    dev_share: float = 0.1
    undocumented: bool = False
    max_documents: int | None = None

    def read(self) -> Dataset:
        """Build the dataset."""
        options = {each.name: getattr(self, each.name) for each in fields(self)}
        return code_source(options.pop("code"), seed=options.pop("split_seed"), **options)


DatasetSettings = FromPath | FromPython | FromCode


@dataclass(frozen=True, kw_only=True)
class MineSettings:
    """Which queries are mined for, and how deep.

    Args:
        split: Queries with a positive in this split are mined for and trained on.
        depth: Candidates that each source gives a query, at least 1.
        block_size: Queries mined at a time, at least 1; it bounds the memory and changes no result.
        verdicts: What people judged: a `.csv` or `.jsonl` file, the database of a review, or a run that was reviewed;
            taken for labels of the split, in mining and in training.

    Raises:
        RecipeError: A number is out of range, or the verdicts are nothing of this kind.
    """

    split: str = "train"
    depth: int = 100
    block_size: int = 4096
    verdicts: Path | None = field(default=None, repr=False)  # tasks of a ladder, which has none, are named by the rest

    def __post_init__(self) -> None:
        if self.verdicts is not None and not holds_verdicts(self.verdicts):
            raise RecipeError(
                f"verdicts: {self.verdicts} is no {' or '.join(SUFFIXES)} file; `hardneg review RUN --export FILE` "
                "writes what was judged in a run into one"
            )
        for name in ("depth", "block_size"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} must be at least 1, not {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings:
    """What the trained model is measured on and compared with.

    Args:
        split: Queries with a positive in this split are searched for.
        depth: Documents retrieved for each, at least 10, or the cut-off of each of `measures`. Below 100, Recall@100
            and MAP@100 are left out.
        rows: What stands beside the model trained with mined negatives: "bm25"; "zero_shot", the model before
            training; "in_batch", a second model trained in the same way but without mined negatives.
        max_tokens: Texts are cut there, at least 4, for the model before and after training alike; None takes
            the model's own limit.
        exclude: What is left out of a query's ranking: "identical", the document that has the query's own id; "none";
            or a split, whose labelled documents are, as `seen` of a recommender. None means "identical" where queries
            are documents of the corpus, else "none".
        measures: What is measured, by the names of ir-measures, as `["RR@10", "R@50"]`; None means nDCG@10, MRR@10,
            Recall@10, Recall@100 and MAP@100.
        primary: The measure that systems are compared and chosen by; the first of `measures` if None.

    Raises:
        RecipeError: A number is out of range, or there is no such measure.
    """

    split: str = "test"
    depth: int = 100
    rows: tuple[Row, ...] = ("bm25", "zero_shot")
    max_tokens: int | None = None
    exclude: str | None = None
    measures: tuple[str, ...] | None = None
    primary: str | None = None

    def __post_init__(self) -> None:
        choose_measures(self.measures, self.primary, depth=self.depth)
        if self.max_tokens is not None and self.max_tokens < 4:
            raise RecipeError(f"max_tokens must be at least 4, not {self.max_tokens}")

    @property
    def deciding(self) -> str:
        """The measure that systems are compared and chosen by, as tables name it."""
        return choose_measures(self.measures, self.primary, depth=self.depth)[1]

    @property
    def options(self) -> dict[str, Any]:
        """What `evaluate` is to be called with."""
        return {name: getattr(self, name) for name in ("depth", "exclude", "measures", "primary")}
