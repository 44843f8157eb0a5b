"""Training pairs from documents alone, for whom there are no queries."""

from hardneg.domains.documents.build import KINDS, questions_from, usable_texts, write_questions
from hardneg.domains.documents.sections import read_documents
from hardneg.domains.documents.writer import LLMWriter

__all__ = ["KINDS", "LLMWriter", "questions_from", "read_documents", "usable_texts", "write_questions"]
