"""Write 2,000 real pairs as a file of two columns, as a user might have them.

    python benchmarks/fit/faq.py DATA/nl2bash faq.csv

The first 2,000 pairs of NL2Bash's training split in a seeded order: what somebody wants, and the command that does it.
"""

import sys
from pathlib import Path

import polars as pl

import hardneg as hn
from hardneg.randomness import permutation

N_PAIRS, SEED = 2_000, 1


def main() -> None:
    """Write the file."""
    dataset = hn.read_dataset(sys.argv[1])
    query, document = dataset.pairs_of("train")
    some = permutation(SEED, size=len(query))[:N_PAIRS]
    columns = {
        "question": dataset.query_texts.gather(query[some]),
        "answer": dataset.document_texts.gather(document[some]),
    }
    pl.DataFrame(columns).write_csv(Path(sys.argv[2]))


if __name__ == "__main__":
    main()
