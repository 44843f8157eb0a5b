"""Datasets of code with the metadata that the preset `code` reads, cut to what two cores can climb.

    python benchmarks/domains/prepare_code.py stdlib RUNS
    python benchmarks/domains/prepare_code.py nl2bash RUNS --data FOLDER

writes RUNS/data/SET, which climb.sh takes: 1,500 training queries at most, test queries as they are.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from bash_metadata import metadata

from hardneg.data.reading import read_dataset
from hardneg.domains.code.source import code_source

sys.path.insert(0, str(Path(__file__).parent.parent / "ladder"))
from prepare import cut


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=["stdlib", "nl2bash"])
    parser.add_argument("runs", type=Path)
    parser.add_argument("--data", type=Path, help="Folder of the datasets by name, in BEIR's layout.")
    options = parser.parse_args()
    if options.set == "stdlib":
        dataset = code_source(["stdlib"], languages=["python"], kinds=["function", "method"], name="stdlib")
    else:
        dataset = read_dataset(options.data / options.set)
        columns = metadata(dataset.document_texts)
        dataset = replace(dataset, documents=dataset.documents.select("id", "text").hstack(columns))
    dataset = cut(dataset, train="train", dev_queries=0)
    dataset.write(options.runs / "data" / options.set)
    print({split: len(dataset.queries_of(split)) for split in dataset.splits})


if __name__ == "__main__":
    main()
