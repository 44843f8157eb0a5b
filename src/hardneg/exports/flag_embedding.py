"""FlagEmbedding: a line for each query with lists of texts, for its embedders and its rerankers."""

from hardneg.exports.block import ID, SCORE, TEXT, Block
from hardneg.exports.form import Files


def rows(block: Block) -> Files:
    """Give `query`, `pos`, `neg`, and `pos_scores` and `neg_scores` for distillation."""
    positive, negative = {"pos": TEXT}, {"neg": TEXT}
    if block.chosen.scores:
        positive["pos_scores"] = negative["neg_scores"] = SCORE
    if block.chosen.ids:
        positive["pos_ids"] = negative["neg_ids"] = ID
    table = block.by_query(positive, negative)
    return {"": table if block.chosen.ids else table.drop("query_id")}
