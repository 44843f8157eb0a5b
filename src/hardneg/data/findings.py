"""What a check of a dataset says: counts, and findings with a code."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hardneg.checksums import checked
from hardneg.data.field_mapping import FieldMapping
from hardneg.files import from_json, write_json
from hardneg.notebook import Framed

if TYPE_CHECKING:
    import polars as pl

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
N_EXAMPLES = 5
_FILE = "findings.json"


@dataclass(frozen=True)
class Finding:
    """Something about a dataset or a training run that its owner should know."""

    code: str
    severity: Severity
    title: str
    detail: str
    remedy: str
    count: int  # of rows, texts, ids or steps that it concerns
    examples: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Finding":
        """Take what `asdict` gave and JSON brought back."""
        return cls(**dict(fields) | {"examples": tuple(fields["examples"])})


@dataclass(frozen=True)
class Lengths:
    """How long the texts of a dataset are."""

    unit: str  # "words", or the name of the model whose tokens were counted
    limit: int  # beyond which a text counts as long
    median: float
    p95: float
    longest: int
    share_long: float  # in [0, 1]


@dataclass(frozen=True)
class SplitCounts:
    """How one split is labelled."""

    queries: int  # with a positive in this split
    positives: int  # distinct pairs
    judged_negatives: int  # distinct pairs with a relevance of 0 or below
    mean_positives: float  # of the queries that have one
    most_positives: int


@dataclass(frozen=True, repr=False)
class Check(Framed):
    """The result of checking a dataset."""

    dataset: str
    n_queries: int
    n_documents: int
    labelled_queries: int  # with a positive in some split
    labelled_documents: int  # with a label of any relevance
    splits: Mapping[str, SplitCounts]
    query_lengths: Lengths
    document_lengths: Lengths
    skipped: Mapping[str, int]
    findings: tuple[Finding, ...]
    mapping: FieldMapping | None = None  # None for a dataset that was not read

    def __repr__(self) -> str:
        counts = [f"{len([one for one in self.findings if one.severity == each])} {each}" for each in SEVERITIES]
        return (
            f"Check of {self.dataset!r}: {self.n_queries:,} queries ({self.labelled_queries:,} with a positive), "
            f"{self.n_documents:,} documents; findings: {', '.join(counts)}"
        )

    def frame(self) -> "pl.DataFrame":
        """Lay the findings out as a table."""
        import polars as pl

        names = ("code", "severity", "title", "count", "detail", "remedy")
        schema = {name: pl.Int64 if name == "count" else pl.String for name in names}
        return pl.DataFrame([[getattr(each, name) for name in names] for each in self.findings], schema, orient="row")

    @property
    def has_errors(self) -> bool:
        """Whether some finding must be mended before training."""
        return any(finding.severity == "error" for finding in self.findings)

    def as_dict(self) -> dict[str, object]:
        """Give everything as plain values, for JSON."""
        return asdict(self) | {"mapping": self.mapping and self.mapping.as_dict()}


def write_findings(folder: Path, findings: Sequence[Finding]) -> None:
    """Write findings into a run's folder."""
    write_json(folder / _FILE, [asdict(finding) for finding in findings])


def read_findings(folder: Path) -> tuple[Finding, ...]:
    """Read what `write_findings` wrote into a folder; nothing if it never did."""
    path = folder / _FILE
    return tuple(Finding.from_dict(each) for each in from_json(checked(path).read_text())) if path.exists() else ()


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Sort findings: errors first, then by code."""
    return tuple(sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding.code)))
