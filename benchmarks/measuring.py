"""Times and memory of steps that do the same work, fit to be compared."""

import gc
import json
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import TypeVar

import torch

from qk_iteration.core.formats.atomic_file import replacing

Step = Callable[[], object]
"""One measured piece of work."""
Clock = Callable[[], float]
"""Gives seconds."""
Name = TypeVar("Name", bound=Hashable)

_MAX_TRIES = 5
_MAX_SHARE_OF_OTHERS = 0.15
"""Of one processor."""
_CLOCK_ERROR = 0.03
"""Seconds. The clock of /proc/stat ticks each hundredth of a second."""


def interleaved_medians(
    steps: Mapping[Name, Step],
    num_rounds: int,
    device: torch.device,
    *,
    in_cpu_time: bool = False,
) -> dict[Name, float]:
    """Return the median seconds of each step.

    Every round runs every step once, so that a disturbance of the machine hits all of
    them alike; one more round before warms up. A sample during which other processes
    worked much is taken again.

    Args:
        steps: What to measure, by name.
        num_rounds: Measured rounds.
        device: Waited for where it works on its own.
        in_cpu_time: Count the processor time of this process, which others hardly
            disturb; of one thread, since threads that wait for each other count too.
    """
    clock = time.process_time if in_cpu_time else time.perf_counter
    max_tries = 1 if in_cpu_time else _MAX_TRIES
    seconds: dict[Name, list[float]] = {name: [] for name in steps}
    for _ in range(num_rounds + 1):
        for name, step in steps.items():
            seconds[name].append(_undisturbed_seconds(step, device, clock, max_tries))
    return {name: statistics.median(taken[1:]) for name, taken in seconds.items()}


def extra_peak_mib(step: Step, device: torch.device) -> float:
    """Return how many MiB a step needs at most beyond what is held before it.

    On a CPU this is the peak of resident memory, and meaningful only in a fresh
    process: freed memory that the process still holds would hide the need.
    """
    gc.collect()
    if device.type == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    Path("/proc/self/clear_refs").write_text("5")  # Starts the peak anew.
    before = resident_mib("VmRSS")
    step()
    return resident_mib("VmHWM") - before


def describe_machine(device: torch.device) -> dict[str, str | int | bool]:
    """Return what must be known of a machine to read its figures."""
    return {
        "cpu": _cpu_name(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "has_amx": bool(torch.cpu._is_amx_tile_supported()),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if device.type == "cuda" else "none",
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write figures to a file that appears whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _undisturbed_seconds(
    step: Step, device: torch.device, clock: Clock, max_tries: int
) -> float:
    """Return the time of a step, that of the last try if all were disturbed."""
    for _ in range(max_tries):
        machine, own = _machine_cpu_seconds(), time.process_time()
        start = clock()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds = clock() - start
        own = time.process_time() - own
        others = _machine_cpu_seconds() - machine - own
        if others < max(_MAX_SHARE_OF_OTHERS * seconds, _CLOCK_ERROR):
            break
    return seconds


def _machine_cpu_seconds() -> float:
    """Return the processor time of all processes since the machine started."""
    first_line = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0]
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(
        int, first_line.split()[1:]
    )
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def resident_mib(field: str) -> float:
    """Return a figure of /proc/self/status, such as VmRSS or VmHWM."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    match = re.search(rf"{field}:\s+(\d+) kB", status)
    if match is None:
        raise RuntimeError(f"/proc/self/status has no {field}: Linux is needed.")
    return int(match[1]) / 1024


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    match = re.search(r"model name\s*: (.*)", info)
    return match[1] if match else platform.processor()
