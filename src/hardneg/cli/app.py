"""The `hardneg` command and how its errors leave it."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer

from hardneg import __version__
from hardneg.cli.addresses import at_addresses
from hardneg.cli.audit import audit_app, with_way
from hardneg.cli.calibrate import calibrate
from hardneg.cli.check import check
from hardneg.cli.code import code, python
from hardneg.cli.compare import compare
from hardneg.cli.data import conversations, sections
from hardneg.cli.doctor import cache_app, doctor
from hardneg.cli.encode import encode
from hardneg.cli.estimate import estimate, plan
from hardneg.cli.evaluate import evaluate
from hardneg.cli.examples import with_examples
from hardneg.cli.export import export
from hardneg.cli.faults import ending_on_signals, told_fault, told_limit, told_shortage, was_interrupted
from hardneg.cli.fit import fit
from hardneg.cli.hub import pull, push
from hardneg.cli.init import init
from hardneg.cli.interactions import interactions
from hardneg.cli.ladder import ladder
from hardneg.cli.mine import mine
from hardneg.cli.questions import questions
from hardneg.cli.report import report
from hardneg.cli.review import review
from hardneg.cli.run import run
from hardneg.cli.score import score
from hardneg.cli.spelling import as_typed
from hardneg.cli.split import pairs, split
from hardneg.cli.status import status
from hardneg.cli.teacher import teacher_app
from hardneg.cli.train import train
from hardneg.cli.verify import verify
from hardneg.cli.waiting import builds, waits
from hardneg.cli.ways_out import Commands, with_way_out
from hardneg.errors import InputError, Interrupted
from hardneg.hiding import hide

_INTERRUPTED_BY_KEYBOARD = 130

EXIT_CODES = (
    "Exit codes: 0 done, 1 findings (data check or verify found an error, a rung of a ladder failed), 2 bad input, "
    "3 interrupted and resumable."
)

# Written as it is: where not even a message fits into memory.
_NOT_EVEN = b"hardneg: there is too little memory to begin with; give the command more\n"
_PANIC = (
    "polars gave up on a table: {}; usually a file is damaged, or too large for memory: check it with "
    "`hardneg data check`, or write it anew"
)

app = typer.Typer(
    name="hardneg",
    cls=Commands,
    help="Mine hard negatives, keep false negatives out, train a two-tower model with them, and measure it.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(cls=Commands, help="Build and check datasets.", no_args_is_help=True)
data_app.command()(check)
for builder in (sections, pairs, conversations, python, code, interactions, questions, split):
    data_app.command()(builds(builder))
app.add_typer(data_app, name="data")
app.add_typer(teacher_app, name="teacher")
app.add_typer(audit_app, name="audit")
app.add_typer(cache_app, name="cache")
for command in (
    waits(fit),
    waits(init),
    waits(run),
    waits(mine),
    waits(calibrate),
    waits(review),
    waits(report),
    waits(ladder),
    waits(compare),
    estimate,
    status,
    waits(score),
    waits(train),
    waits(encode),
    waits(evaluate),
    waits(export),
    push,
    waits(pull),
    verify,
    doctor,
):
    app.command()(command)
app.command("plan", hidden=True)(plan)
with_examples(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hardneg {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback does it all
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    log: Annotated[
        str | None,
        typer.Option(
            "--log",
            metavar="FILE",
            envvar="HARDNEG_LOG",
            help="Add what happens to a file as JSON lines; - for stderr.",
        ),
    ] = None,
) -> None:
    if log is not None:
        from hardneg.runs.log import logging_to

        context.with_resource(logging_to(log))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments after the program's name; None takes those of the process.

    Returns:
        0 done, 1 findings that the user asked to fail on, 2 bad input, 3 interrupted and resumable.
    """
    typed = sys.argv[1:] if argv is None else list(argv)
    try:
        typed = with_way(typed)
        if (limit := told_limit()) is not None:
            _complain(limit)
        with ending_on_signals(), at_addresses(typed, app) as words:
            app(args=words, prog_name="hardneg")
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 2
        if code == _INTERRUPTED_BY_KEYBOARD:
            _complain("interrupted; the same command goes on where it stopped")
            return 3
        return code
    except BaseException as error:
        if not isinstance(error, Interrupted) and was_interrupted(error):
            _complain("interrupted; the same command goes on where it stopped")
            return 3
        try:
            message = _told(error, typed)
            if message is not None:
                _complain(message)
                return 3 if isinstance(error, Interrupted) else 2
        except MemoryError:
            os.write(sys.stderr.fileno(), _NOT_EVEN)
            return 2
        raise
    return 0


def _told(error: BaseException, typed: Sequence[str]) -> str | None:
    """Say what an error means to who typed the command; None for a fault of hardneg's own, which shows where it is."""
    if isinstance(error, InputError):
        return as_typed(with_way_out(error), typer.main.get_command(app), typed)
    if isinstance(error, Interrupted):
        return str(error)
    fault = told_fault(error)
    if fault is None and type(error).__name__ == "PanicException":  # one of polars is no `Exception` to Python
        return _PANIC.format(error)
    return fault or told_shortage(error)


def _complain(message: str) -> None:
    with suppress(OSError):  # the terminal may be gone
        typer.echo(hide(f"hardneg: {message}"), file=sys.stderr)
