"""A group of processes on a Ray cluster that train one model together, as those of torchrun do."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.train import RunConfig, ScalingConfig, TrainingFailedError
from ray.train.torch import TorchConfig, TorchTrainer

import ray
from hardneg.engines.ray import Ray
from hardneg.engines.ray_crew import join, paths, room, settings, threads
from hardneg.errors import HardnegError, RunError


def call_together(engine: Ray, function: Callable[[], Any], folder: Path) -> None:
    """Call a function in each process of a group, in which torch's processes have found each other.

    Ray writes into the folder, which all machines see, that there was a group, while there is one.
    """
    join(engine)
    environment = {name: value for name, value in settings().items() if value is not None}
    environment |= paths() | threads(engine) | ({} if engine.gpus else {"ACCELERATE_USE_CPU": "true"})
    place = folder.absolute() / ".ray"
    trainer = _Trainer(
        _member,
        train_loop_config={"function": function},
        scaling_config=ScalingConfig(
            num_workers=room(engine),
            use_gpu=bool(engine.gpus),
            resources_per_worker={"CPU": engine.cpus, **engine.resources}
            | ({"GPU": engine.gpus} if engine.gpus else {}),
        ),
        torch_config=TorchConfig(backend="nccl" if engine.gpus else "gloo"),
        run_config=RunConfig(
            storage_path=str(place),
            worker_runtime_env={"env_vars": environment},  # type: ignore[call-arg]  # of its second version
        ),
    )
    try:
        for left in range(engine.tries, -1, -1):
            try:
                trainer.fit()
                return
            except TrainingFailedError as error:
                cause = _cause(error)
                if isinstance(cause, HardnegError):
                    raise cause from None
                if not left:
                    raise RunError(
                        f"ray: a process that trains was lost {engine.tries + 1} times ({cause}); give each more "
                        "memory. The same command goes on from the latest checkpoint"
                    ) from error
    finally:
        trainer.stop()
        shutil.rmtree(place, ignore_errors=True)


class _Trainer(TorchTrainer):
    """Leaves Ctrl-C to who called: Ray's own handler ends the process with status 0, and stays when all is done."""

    controller: Any = None

    def _register_sigint_handler(self, controller: Any) -> None:  # noqa: ANN401 - a handle of Ray's
        self.controller = controller

    def stop(self) -> None:
        """End the processes of a training that was interrupted; of one that has ended there are none."""
        if self.controller is not None and ray.is_initialized():
            ray.kill(self.controller)


def _member(config: dict[str, Any]) -> None:
    config["function"]()


def _cause(error: BaseException) -> BaseException:
    """Find what went wrong in a process of the group."""
    failures = list(getattr(error, "worker_failures", {}).values())
    for each in failures:
        seen: Any = each
        while seen is not None and not isinstance(seen, HardnegError):
            seen = getattr(seen, "cause", None) or getattr(seen, "_base_exc", None) or seen.__cause__
        if seen is not None:
            return seen
    return failures[0] if failures else error
