"""Scorers: how relevant a document is to a query, by some model. The seam for teachers."""

from hardneg.scoring.bi_encoder import BiEncoder
from hardneg.scoring.cross_encoder import CrossEncoder
from hardneg.scoring.cross_fitted import CrossFittedTeacher
from hardneg.scoring.llm.judge import LLMJudge
from hardneg.scoring.protocol import Scorer
from hardneg.scoring.store import stored_scores

SCORERS = {
    "cross_encoder": CrossEncoder,
    "bi_encoder": BiEncoder,
    "cross_fitted": CrossFittedTeacher,
    "llm_judge": LLMJudge,
}

__all__ = ["SCORERS", "BiEncoder", "CrossEncoder", "LLMJudge", "Scorer", "stored_scores"]
