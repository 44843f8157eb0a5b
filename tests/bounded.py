"""Files that were made to fill memory or to take forever, each read in a process of its own: `python bounded.py PLACE`.

Prints one JSON object: for each file what came of it, the seconds of a processor, and the most MiB that reading took.
BOUNDED_N says how many columns and the like they have; a million unless it is said.
"""

import gzip
import json
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

LIMIT_S = 120
N = int(os.environ.get("BOUNDED_N", "1000000"))
MEBI = 2**20


def _lines(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _keys(n: int) -> str:
    return ", ".join(f'"k{i}": 1' for i in range(n))


PAIR = '"query": "open a file", "positive": "use open"'
DIGITS = '"n": ' + "9" * N
LONG = "word " * (2 * N)


def _record(more: str) -> str:
    return "{" + PAIR + ", " + more + "}"


FILES: dict[str, Callable[[], bytes]] = {
    "wide.csv": lambda: _lines(",".join(f"c{i}" for i in range(N)), ",".join("1" * N)),
    "wide.tsv": lambda: _lines("\t".join(f"c{i}" for i in range(N)), "\t".join("1" * N)),
    "wide-quoted.csv": lambda: _lines('"a\nb",' + ",".join(f"c{i}" for i in range(N)), "1,2"),
    "wide-row.csv": lambda: _lines("query,positive", "a,b", ",".join("1" * N)),
    "wide.jsonl": lambda: _lines(_record(_keys(N))),
    "wide-later.jsonl": lambda: _lines(*["{" + PAIR + "}"] * 1_500, _record(_keys(N // 10))),
    "wide-inside.jsonl": lambda: _lines(_record('"metadata": {' + _keys(N // 10) + "}")),
    "ever-new-keys.jsonl": lambda: _lines(*(_record(f'"k{i}": 1') for i in range(N // 10))),
    "wide.json": lambda: bytes(f"[{_record(_keys(N // 10))}]", "ascii"),
    "long.jsonl": lambda: _lines(json.dumps({"query": "word", "positive": LONG}), "{" + PAIR + "}"),
    "long.csv": lambda: _lines("query,positive", f'word,"{LONG}"', "a,b"),
    "long-open-quote.csv": lambda: _lines("query,positive", f'a,"{LONG}'),
    "long-one-line.jsonl": lambda: b'{"query": "' + b"a" * 10 * N,
    "deep.jsonl": lambda: b'{"query": ' + b"[" * N,
    "deep-closed.jsonl": lambda: _lines(_record('"x": ' + "[" * 100_000 + "]" * 100_000)),
    "deep-objects.jsonl": lambda: _lines(_record('"x": ' + '{"a":' * 100_000 + "1" + "}" * 100_000)),
    "deep.json": lambda: b"[" * N,
    "digits.jsonl": lambda: _lines(_record(DIGITS)),
    "digits.json": lambda: bytes(f"[{_record(DIGITS)}]", "ascii"),
    "digits-squad.json": lambda: b'{"queries": {"a": "x"}, "corpus": {}, "n": ' + b"9" * N + b"}",
    "bomb.csv.gz": lambda: gzip.compress(b"a,b\n" * (MEBI // 4)) * 520,
    "quotes.csv": lambda: b"query,positive\n" + b'"' * 5 * N,
}


def _parquet_texts(path: Path) -> None:
    """One text of a megabyte in thousands of rows."""
    import polars as pl

    texts = pl.Series("positive", ["x" * MEBI]).gather(np.zeros(2_000, dtype=np.uint32))
    texts.to_frame().with_columns(query=pl.lit("open a file")).write_parquet(path)


def _parquet_columns(path: Path) -> None:
    import polars as pl

    pl.DataFrame({f"c{i}": [1] for i in range(10_001)}).write_parquet(path)


def _view(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        counting = "WITH RECURSIVE x(pair) AS (SELECT 1 UNION ALL SELECT pair + 1 FROM x) SELECT pair FROM x"
        connection.execute(f"CREATE VIEW pairs AS {counting}")
        connection.execute("CREATE TABLE begun (settings, negatives, digest)")


def _array(path: Path) -> None:
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (2**40, 8)})


def _deep_recipe(path: Path) -> None:
    path.write_text("[" + ".".join("a" * 20_000) + "]\n")


def _wide_recipe(path: Path) -> None:
    path.write_text("".join(f"k{i} = {i}\n" for i in range(N // 10)))


OTHERS: dict[str, Callable[[Path], object]] = {
    "texts.parquet": _parquet_texts,
    "columns.parquet": _parquet_columns,
    "verdicts.sqlite": _view,
    "vectors.npy": _array,
    "deep.toml": _deep_recipe,
    "wide.toml": _wide_recipe,
}
REPLIES = {
    "braces.reply": "{" * 100_000,
    "nested.reply": '{"a":' * 40_000,
    "backslashes.reply": "\\" * 200_000,
    "ten megabytes.reply": "x" * 10 * N,
    "thoughts.reply": "<think>" * 100_000,
}
NAMES = (*FILES, *OTHERS, *REPLIES)


def read(path: Path) -> None:
    """Read a file with what reads files of its name."""
    import hardneg as hn
    from hardneg.audits.verdict_store import opened
    from hardneg.endpoints.problem import read_problem
    from hardneg.hiding import hide
    from hardneg.recipe import Recipe
    from hardneg.scoring.llm.verdict import NoVerdict, read_reply, read_verdict
    from hardneg.sources.vector_files import read_vectors

    if path.suffix == ".toml":
        Recipe.load(path)
    elif path.suffix == ".npy":
        read_vectors(path)
    elif path.suffix == ".sqlite":
        with opened(path) as store:
            store.pairs()
    elif path.suffix == ".reply":
        text = path.read_text()
        for each in (lambda: read_verdict(text, "yes_no"), lambda: read_reply(text), lambda: read_problem(text)):
            try:
                each()
            except NoVerdict:
                continue
        hide(text)
    else:
        hn.read_dataset(path)


def attempt(path: Path) -> tuple[str, str]:
    """Read a file; what came of it, and what was said."""
    from hardneg.errors import HardnegError

    try:
        read(path)
    except HardnegError as error:
        return "refused", str(error)
    except BaseException as error:
        return "defect", f"{type(error).__name__}: {str(error)[:300]}"
    return "read", ""


def main() -> None:
    """Read all, each in a process of its own."""
    place, only = Path(sys.argv[1]), sys.argv[2:]
    os.environ["OPENAI_API_KEY"] = 'sk-a/b"c\\d%0123456789'
    for name, text in REPLIES.items():
        (place / name).write_text(text)
    for name, content in FILES.items():
        (place / name).write_bytes(content())
    import hardneg.audits.verdict_store
    import hardneg.data.reading
    import hardneg.recipe
    import hardneg.scoring.llm.verdict
    import hardneg.sources.vector_files  # noqa: F401

    results = {}
    for name in only or NAMES:
        if name in OTHERS:  # polars must not have begun to work in the process that others are forked from
            if not (maker := os.fork()):
                OTHERS[name](place / name)
                os._exit(0)
            os.waitpid(maker, 0)
        if not (reader := os.fork()):
            signal.alarm(LIMIT_S)
            resource.setrlimit(resource.RLIMIT_AS, (16 * 2**30, 16 * 2**30))
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            outcome, said = attempt(place / name)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            result = {"outcome": outcome, "said": said, "mib": (peak - before) / 1024}
            (place / "result").write_text(json.dumps(result))
            os._exit(0)
        _, ended, used = os.wait4(reader, 0)
        status = os.waitstatus_to_exitcode(ended)
        if status:
            result = {"outcome": "defect", "said": f"ended with {status}", "mib": 0.0}
        else:
            result = json.loads((place / "result").read_text())
        result |= {"seconds": round(used.ru_utime + used.ru_stime, 2), "mib": round(result["mib"])}
        results[name] = result | {"said": result["said"].replace(f"{place}/", "")}
        (place / name).unlink()
    sys.stdout.write(json.dumps(results) + "\n")


if __name__ == "__main__":
    main()
