"""Write the table of README.md from the results, so that no figure is typed by hand.

    python benchmarks/speed/table.py            writes it
    python benchmarks/speed/table.py --check    fails if it is not what the results say

What the table cannot say is in `notes.toml`.
"""

import argparse
import json
import tomllib
from typing import Any

from measure import HERE
from rows import ROWS

START, END = "<!-- table: made by table.py -->", "<!-- end of table -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    page = HERE / "README.md"
    old = page.read_text(encoding="utf-8")
    new = with_table(old)
    if parser.parse_args().check:
        raise SystemExit(None if new == old else f"{page} is stale: run python benchmarks/speed/table.py")
    page.write_text(new, encoding="utf-8")


def with_table(page: str) -> str:
    """Put the table, and what is said about rows short of their bar, between the marks of a page."""
    before, _, rest = page.partition(START)
    after = rest.partition(END)[2]
    notes = tomllib.loads((HERE / "notes.toml").read_text(encoding="utf-8"))
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (HERE / "results").glob("*.json")}
    lines = ["| what | work | bar | measured | command |", "|---|---|---|---|---|"]
    lines += [_line(row, bar, results.get(row)) for row, bar in ROWS.items()]
    lines += ["", *(_about(row, results.get(row), notes[row]) for row in ROWS if row in notes)]
    machines = sorted({_machine(one["machine"]) for one in results.values()})
    lines += ["", f"Measured on: {'; '.join(machines)}. Versions are in the results."] if machines else []
    return f"{before}{START}\n" + "\n".join(lines) + f"\n{END}{after}"


def _line(row: str, bar: str, result: dict[str, Any] | None) -> str:
    command = f"`make bench ROW={row}`"
    if result is None:
        return f"| {row} | | {bar} | not measured yet | {command} |"
    found = "<br>".join(f"{_bar(one)}{'' if one['met'] else ' **short**'}" for one in result["bar"])
    return f"| [{result['what']}](results/{row}.json) | {result['work']} | {bar} | {found} | {command} |"


def _bar(bar: dict[str, Any]) -> str:
    return f"{bar['measured']:,.4g} {bar['what']} (bar: {'≤' if bar['at_most'] else '≥'} {bar['bound']:,.4g})"


def _about(row: str, result: dict[str, Any] | None, note: str) -> str:
    return f"**{result['what'] if result else row}**: {note.strip()}\n"


def _machine(facts: dict[str, Any]) -> str:
    extra = [name for name, has in (("AMX", facts["amx"]), ("AVX-512 with bfloat16", facts["avx512_bf16"])) if has]
    return f"{facts['cores']} cores of {facts['cpu']} ({', '.join(extra) or 'no bfloat16'}), {facts['memory_gib']} GiB"


if __name__ == "__main__":
    main()
