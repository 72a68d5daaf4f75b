"""Two hosts on one machine, to see what a training on several hosts does there.

Each is a network namespace of its own, and a cable, a pair of virtual network cards, is
all that joins them. What one sends is what its card has counted. Only root may make
them, with Debian's iproute2.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

CARD = "cable"
"""The network card of either host."""
ADDRESSES = ("10.213.7.1", "10.213.7.2")
"""Of the cards, as no other network has them."""
_PORT = 29571


class TwoHosts:
    """Hosts that exist while the block runs.

    Raises:
        PermissionError: If they may not be made here, with the reason.
    """

    def __enter__(self) -> Self:
        self._names = [f"qk{os.getpid()}{side}" for side in "ab"]
        try:
            self._make()
        except (OSError, subprocess.CalledProcessError) as error:
            self._remove()
            reason = getattr(error, "stderr", None) or error
            raise PermissionError(f"No network namespaces here: {reason}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def on(self, host: int, *command: str | Path) -> list[str]:
        """Return a command as it runs on a host, 0 or 1."""
        return ["ip", "netns", "exec", self._names[host], *map(str, command)]

    def set_cable(self, state: str) -> None:
        """Join the hosts, ``up``, or cut the cable, ``down``."""
        _run(*self.on(0, "ip", "link", "set", CARD, state))

    def bytes_sent(self, host: int) -> int:
        """Return what the card of a host has sent so far, headers included."""
        counter = f"/sys/class/net/{CARD}/statistics/tx_bytes"
        return int(_run(*self.on(host, "cat", counter)))

    def launch(
        self, program: Sequence[str | Path], *, ranks_per_host: int = 1
    ) -> list["subprocess.Popen[str]"]:
        """Start torchrun on both hosts; they meet on the first.

        Args:
            program: What torchrun is given: ``-m``, a module and its arguments, or a
                script and its.
            ranks_per_host: Processes on each.
        """
        return [
            self._launch(host, program, ranks_per_host)
            for host in range(len(self._names))
        ]

    def run(self, program: Sequence[str | Path], *, timeout_s: float) -> None:
        """Launch a rank on each host and wait for both.

        Raises:
            RuntimeError: With what they wrote, if one fails.
        """
        launchers = self.launch(program)
        try:
            outputs = [
                launcher.communicate(timeout=timeout_s)[0] for launcher in launchers
            ]
        finally:
            for launcher in launchers:
                launcher.kill()
        if any(launcher.returncode for launcher in launchers):
            raise RuntimeError("\n".join(outputs))

    def _launch(
        self, host: int, program: Sequence[str | Path], ranks_per_host: int
    ) -> "subprocess.Popen[str]":
        torchrun = (
            *(sys.executable, "-m", "torch.distributed.run", "--nnodes=2"),
            *(f"--node-rank={host}", f"--nproc-per-node={ranks_per_host}"),
            *(f"--master-addr={ADDRESSES[0]}", f"--master-port={_PORT}"),
        )
        environment = {
            "GLOO_SOCKET_IFNAME": CARD,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        return subprocess.Popen(
            self.on(host, *torchrun, *program),
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _make(self) -> None:
        first, second = self._names
        for name in self._names:
            _run("ip", "netns", "add", name)
        _run(
            *("ip", "link", "add", CARD, "netns", first, "type", "veth"),
            *("peer", "name", CARD, "netns", second),
        )
        for host, address in enumerate(ADDRESSES):
            _run(*self.on(host, "ip", "address", "add", f"{address}/24", "dev", CARD))
            for card in ("lo", CARD):
                _run(*self.on(host, "ip", "link", "set", card, "up"))

    def _remove(self) -> None:
        for name in self._names:  # The cable goes with them.
            command = ("ip", "netns", "delete", name)
            subprocess.run(command, check=False, capture_output=True)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
