"""Training pairs from documents alone, for whom there are no queries."""

from hardneg.domains.documents.build import KINDS, questions_from, write_questions
from hardneg.domains.documents.sections import read_documents

__all__ = ["KINDS", "questions_from", "read_documents", "write_questions"]
