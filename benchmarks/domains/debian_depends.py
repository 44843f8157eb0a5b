"""Interactions without times: which packages each source package of Debian depends on.

    python benchmarks/domains/debian_depends.py OUT [--packages FILE]

Reads Debian's index of binary packages (`apt-cache dumpavail` after `apt-get update`, or FILE, a `Packages` index) and
writes OUT/depends.csv (user, item: a source package and a binary package of another source that some binary package of
it depends on, of alternatives the first; users of fifteen or more) and OUT/packages.csv (item, section). Nothing in it
has an order: rows are sorted by name. The figures of the page were measured on bookworm, main, amd64.
"""

import argparse
import csv
import re
import subprocess
from collections import defaultdict
from pathlib import Path

LEAST = 15  # items of a user
RELATIONS = ("Pre-Depends", "Depends")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--packages", type=Path)
    options = parser.parse_args()
    if options.packages:
        index = options.packages.read_text()
    else:
        index = subprocess.run(["apt-cache", "dumpavail"], check=True, stdout=subprocess.PIPE, text=True).stdout
    packages = {fields["Package"]: fields for fields in map(_fields, index.split("\n\n")) if "Package" in fields}
    source = {name: fields.get("Source", name).split()[0] for name, fields in packages.items()}
    depends: dict[str, set[str]] = defaultdict(set)
    for name, fields in packages.items():
        depends[source[name]] |= {each for each in _depends(fields) if source.get(each, source[name]) != source[name]}
    users = {user: sorted(items) for user, items in sorted(depends.items()) if len(items) >= LEAST}
    named = sorted({item for items in users.values() for item in items})
    options.out.mkdir(parents=True, exist_ok=True)
    _write(options.out / "depends.csv", ("user", "item"), [(user, item) for user in users for item in users[user]])
    about = [(name, packages[name].get("Section", "")) for name in named]
    _write(options.out / "packages.csv", ("item", "category"), about)
    print(f"{len(users):,} users, {len(named):,} items, {sum(map(len, users.values())):,} interactions")


def _fields(paragraph: str) -> dict[str, str]:
    """Read the first line of each field; a later line begins with a blank."""
    return dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, flags=re.MULTILINE))


def _depends(fields: dict[str, str]) -> list[str]:
    """Name what a package depends on, of alternatives the first, without versions."""
    relations = ",".join(fields.get(name, "") for name in RELATIONS).split(",")
    return [re.split(r"[ :(|]", relation.strip())[0] for relation in relations if relation.strip()]


def _write(file: Path, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([names, *rows])


if __name__ == "__main__":
    main()
