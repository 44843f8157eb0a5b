"""Whether the files that pip installed are those that the tests passed with, by their hashes in constraints.sha256.

    python .ci/locks.py REPORT           check what `pip install --report REPORT` wrote
    python .ci/locks.py REPORT --write   lock what it says

A file for another platform or Python than those that were locked is told, and is no failure; one of a locked name with
other content is.
"""

import json
import sys
from pathlib import Path

LOCK = Path(__file__).parents[1] / "constraints.sha256"


def installed(report: Path) -> dict[str, str]:
    """Hashes of the files in a report of pip, by their name."""
    files = {}
    for each in json.loads(report.read_text())["install"] if report.exists() else ():
        hashes = each["download_info"].get("archive_info", {}).get("hashes", {})
        if "sha256" in hashes:
            files[each["download_info"]["url"].rsplit("/", 1)[1].partition("#")[0]] = hashes["sha256"]
    return files


def main() -> int:
    """Check or write; 1 if a file has changed."""
    files = installed(Path(sys.argv[1]))
    if "--write" in sys.argv:
        LOCK.write_text("".join(f"{sha256}  {name}\n" for name, sha256 in sorted(files.items())))
        return 0
    locked = {name: sha256 for sha256, name in (line.split() for line in LOCK.read_text().splitlines())}
    changed = sorted(name for name, sha256 in files.items() if locked.get(name, sha256) != sha256)
    unknown = sorted(set(files) - set(locked))
    for name in changed:
        sys.stderr.write(f"{name} is another file than the one that was locked in {LOCK.name}\n")
    if unknown:
        sys.stderr.write(f"{len(unknown)} files have no hash in {LOCK.name}, the first {unknown[0]}\n")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
