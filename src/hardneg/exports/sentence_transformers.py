"""The forms of sentence-transformers, whose trainers take columns by their order."""

from hardneg.exports.block import Block
from hardneg.exports.form import Files
from hardneg.negatives.export import laid_out


def _rows(block: Block, form: str) -> Files:
    chosen = block.chosen
    table = laid_out(
        block.chosen.dataset,
        block.pairs,
        block.negatives,
        form,
        scores=chosen.scores,
        ids=chosen.ids,
        width=chosen.width,
        found=chosen.found,
    )
    return {"": table}


def triplets(block: Block) -> Files:
    """Give a row for each positive and negative."""
    return _rows(block, "triplet")


def tuples(block: Block) -> Files:
    """Give a row for each positive, with a column for each negative."""
    return _rows(block, "n-tuple")


def labelled_pairs(block: Block) -> Files:
    """Give a row for each query and document."""
    return _rows(block, "labeled-pair")


def labelled_lists(block: Block) -> Files:
    """Give a row for each query, with a list of documents."""
    return _rows(block, "labeled-list")
