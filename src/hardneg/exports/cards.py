"""The head of a dataset's README, which tells `datasets.load_dataset` which files are which configuration."""

from collections.abc import Mapping


def card(configs: Mapping[str, Mapping[str, str]]) -> str:
    """Write the configurations, each with its splits and their files.

    >>> print(card({"corpus": {"train": "corpus/train.parquet"}}).splitlines()[2])
    - config_name: corpus
    """
    lines = ["---", "configs:"]
    for name, splits in configs.items():
        lines += [f"- config_name: {name}", "  data_files:"]
        for split, path in splits.items():
            lines += [f"  - split: {split}", f"    path: {path}"]
    return "\n".join([*lines, "---", ""])
