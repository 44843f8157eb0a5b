"""Processes that train together over gloo, forked from one that has imported everything once for all of them."""

import multiprocessing
import os
import socket
import sys
import time
from multiprocessing import forkserver

import pytest


def run_in_processes(n_processes, target, *arguments, seconds=300):
    """Call a function of a module in each of a group of processes, which is told its rank; all must end well."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["process_cases"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))  # else it would not find the module
        forkserver.ensure_running()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = [
        context.Process(target=_member, args=(rank, n_processes, port, target, arguments))
        for rank in range(n_processes)
    ]
    try:
        for process in running:
            process.start()
        deadline = time.monotonic() + seconds
        while any(process.is_alive() for process in running) and time.monotonic() < deadline:
            if any(process.exitcode for process in running):
                break  # one that is alone waits for the other without end
            time.sleep(0.05)
    finally:
        for process in running:
            process.kill()
            process.join()
    assert [process.exitcode for process in running] == [0] * n_processes


def _member(rank, n_processes, port, target, arguments):
    """Be one process of a group."""
    import process_cases

    assert os.getpid() != process_cases.IMPORTED_IN, "the module was imported anew, which takes longer than the test"
    group = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": n_processes, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in group.items()}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "ACCELERATE_USE_CPU": "true"}
    process_cases.torch.set_num_threads(1)
    target(rank, *arguments)
