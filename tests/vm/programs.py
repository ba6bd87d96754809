# SPDX-License-Identifier: GPL-2.0-or-later
"""The test's end of the agent's port: programs that run in the guest.

A Connection reads the port in its own thread. A test uses Program objects. Every wait is for an event and has a
deadline.
"""

import codecs
import json
import signal
import threading
import time


class GuestError(Exception):
    """The guest did not do what it must always do: it hangs, it ended, or a command failed."""


class GuestTimeout(GuestError):
    """Something in the guest took longer than the test allows."""


class Program:
    """A program that runs in the guest. `output` is everything that it has written, stdout and stderr together.
    `status` is None until it has ended."""

    def __init__(self, connection, number, command):
        self.connection = connection
        self.number = number
        self.command = command
        self.output = ""
        self.status = None
        self.position = 0
        # A character can be split between two messages.
        self.decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def write(self, text):
        """Send text to the program's standard input, at most as much at a time as a pipe holds (64 KB)."""
        self.connection.send({"do": "input", "id": self.number, "data": encoded(text)})

    def close_input(self):
        """Close the program's standard input (not for terminals)."""
        self.connection.send({"do": "close", "id": self.number})

    def signal(self, number):
        """Send a signal to the program's whole process group."""
        self.connection.send({"do": "signal", "id": self.number, "signal": int(number)})

    def wait(self, timeout=120):
        """Wait until the program ends and return its status. After `timeout` seconds raise GuestTimeout; the program
        continues to run."""
        self.connection.wait(lambda: self.status is not None, timeout,
                             lambda: f"still running after {timeout} s: {self.command}\n{self.output}")
        return self.status

    def read_until(self, text, timeout=120):
        """Wait until the program has written `text` (after what earlier calls returned). Return everything up to the
        end of `text`. Raises GuestError if the program ends before that."""
        self.connection.wait(lambda: text in self.output[self.position:] or self.status is not None, timeout,
                             lambda: f"no {text!r} after {timeout} s from: {self.command}\n{self.output}")
        found = self.output.find(text, self.position)
        if found < 0:
            raise GuestError(f"ended ({self.status}) without {text!r}: {self.command}\n{self.output}")
        piece = self.output[self.position:found + len(text)]
        self.position = found + len(text)
        return piece

    def read_line(self, timeout=120):
        """Wait for the next line and return it without its line end."""
        return self.read_until("\n", timeout).rstrip("\r\n")

    def stop(self, timeout=60):
        """End the program with SIGTERM, then SIGKILL. Returns its status. Raises GuestTimeout if it is stuck in the
        kernel."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(20)
        except GuestTimeout:
            self.signal(signal.SIGKILL)
            return self.wait(timeout)


class Connection:
    """The agent's port. `lock` protects everything that the reading thread changes. `listener`, if set, is called with
    (program, text) for all output."""

    def __init__(self, socket):
        self.socket = socket
        self.lock = threading.Condition()
        self.programs = {}
        self.ready = False
        self.closed = False
        self.listener = None
        self.ended = {}
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def start(self, argv, terminal=False, size=(24, 110)):
        """Start argv in the guest and return its Program."""
        with self.lock:
            number = len(self.programs) + 1
            program = Program(self, number, " ".join(argv))
            self.programs[number] = program
        self.send({"do": "spawn", "id": number, "argv": [encoded(word) for word in argv],
                   "terminal": terminal, "size": list(size)})
        return program

    def send(self, message):
        try:
            self.socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise GuestError(f"the guest has ended: {error}") from error

    def wait(self, condition, timeout, explain):
        """Wait until condition() is true. Raises GuestTimeout(explain()) after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self.lock:
            while not condition():
                if self.closed:
                    raise GuestError("the guest has ended")
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise GuestTimeout(explain())
                self.lock.wait(remaining)

    def when_ended(self, program, call):
        """Call `call` (in the reading thread) when the program ends, or now if it has ended."""
        with self.lock:
            if program.status is None:
                self.ended.setdefault(program.number, []).append(call)
                return
        call()

    def wait_ready(self, timeout):
        """Wait for the agent's first message."""
        self.wait(lambda: self.ready, timeout, lambda: f"no message from the guest's agent after {timeout} s")

    def read(self):
        """The reading thread: read messages until the port is closed."""
        partial = b""
        while True:
            try:
                data = self.socket.recv(65536)
            except OSError:
                data = b""
            *lines, partial = (partial + data).split(b"\n")
            with self.lock:
                for line in lines:
                    self.take(json.loads(line))
                if not data:
                    self.closed = True
                self.lock.notify_all()
            if not data:
                return

    def take(self, message):
        """Apply one message from the agent."""
        if message["is"] == "ready":
            self.ready = True
            return
        program = self.programs[message["id"]]
        if message["is"] == "exit":
            program.output += program.decoder.decode(b"", final=True)
            program.status = message["status"]
            for call in self.ended.pop(program.number, ()):
                call()
        elif program.status is None:
            text = program.decoder.decode(message["data"].encode("latin-1"))
            program.output += text
            if self.listener:
                self.listener(program, text)


def encoded(text):
    """Text as the agent's protocol carries it: its UTF-8 bytes as latin-1 characters."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")
