# SPDX-License-Identifier: GPL-2.0-or-later
"""Times of programs that run in turn, and what is computed from them. All times are in milliseconds."""

import os
import select
import signal
import socket
import statistics
import time

NULL = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)]


def now():
    return time.monotonic_ns() / 1e6


def percentile(values, percent):
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def ratio(ours, peers):
    """The median of the ratios of the pairs."""
    return statistics.median(mine / other for mine, other in zip(ours, peers))


def run_once(command, environment=None):
    """From exec to exit, without the output."""
    started = now()
    pid = os.posix_spawn(command[0], command, environment or os.environ, file_actions=NULL)
    _, status = os.waitpid(pid, 0)
    took = now() - started
    if status != 0:
        raise RuntimeError(f"{' '.join(command)}: status {status:#x}")
    return took


def in_turn(callbacks, rounds):
    """Call each of these, `rounds` times in turn, each round beginning with another one. After a round that does not count, return the
    list of results of each."""
    results = [[] for _ in callbacks]
    for round_ in range(rounds + 1):
        for place in range(len(callbacks)):
            which = (place + round_) % len(callbacks)
            result = callbacks[which]()
            if round_ > 0:
                results[which].append(result)
    return results


def commands_in_turn(commands, rounds):
    """The times of each command, see in_turn()."""
    return in_turn([lambda command=command: run_once(command) for command in commands], rounds)


def run_to_ready(command, path="/run/ready"):
    """From exec to READY=1 in $NOTIFY_SOCKET, or to the exit of a command that exits. What notified is ended."""
    if os.path.exists(path):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        environment = {**os.environ, "NOTIFY_SOCKET": path}
        started = now()
        pid = os.posix_spawn(command[0], command, environment, file_actions=NULL)
        ended = os.pidfd_open(pid)
        try:
            while True:
                readable, _, _ = select.select([notify, ended], [], [], 60)
                if not readable:
                    raise RuntimeError(f"{' '.join(command)}: no READY=1 within a minute")
                if notify in readable and b"READY=1" in notify.recv(4096):
                    took = now() - started
                    os.kill(pid, signal.SIGTERM)
                    os.waitpid(pid, 0)
                    return took
                if ended in readable:
                    took = now() - started
                    _, status = os.waitpid(pid, 0)
                    if status != 0:
                        raise RuntimeError(f"{' '.join(command)}: status {status:#x}")
                    return took
        finally:
            os.close(ended)
