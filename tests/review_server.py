"""A review in a process of its own, as a user starts it."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager


@contextmanager
def reviewing(*arguments):
    """Start `hardneg review`; gives the address of its page and the process, which is stopped by Ctrl-C in the end."""
    command = [sys.executable, "-m", "hardneg", "review", *map(str, arguments), "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            yield json.loads(line)["address"], process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
