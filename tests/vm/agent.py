#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the guest as root and starts programs for the test, which runs outside.

The agent reads and writes JSON lines on a virtio port. The test sends

    {"do": "spawn", "id": N, "argv": [...], "terminal": bool, "size": [rows, columns]}
    {"do": "input", "id": N, "data": text}    {"do": "close", "id": N}
    {"do": "signal", "id": N, "signal": n}    to the program's process group

and gets {"is": "ready"} once, then {"is": "output", "id", "data"} and {"is": "exit", "id", "status"} (a shell's
status: 128 + n for a signal). Bytes travel as latin-1 text. The agent never waits for a program, so a program that
hangs in the kernel does not delay the others.
"""

import fcntl
import json
import os
import selectors
import struct
import sys
import termios

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash",
               "LANG": "C.UTF-8", "TERM": "linux", "SYSTEMD_URLIFY": "0"}


class Program:
    """A started program: its pid, a pidfd, and the agent's ends of its input and output."""

    def __init__(self, pid, writer, reader):
        self.pid = pid
        self.watch = os.pidfd_open(pid)
        self.writer = writer
        self.reader = reader


class Agent:
    def __init__(self, port):
        self.port = os.open(port, os.O_RDWR)
        self.partial = b""
        self.programs = {}
        self.selector = selectors.DefaultSelector()

    def serve(self):
        self.selector.register(self.port, selectors.EVENT_READ, self.receive)
        self.send({"is": "ready"})
        while True:
            for key, _ in self.selector.select():
                key.data()

    def send(self, message):
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self.port, data):]

    def receive(self):
        data = os.read(self.port, 65536)
        if not data:
            sys.exit(0)  # the test has ended
        *lines, self.partial = (self.partial + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            getattr(self, "do_" + message["do"])(message)

    def do_spawn(self, message):
        number = message["id"]
        program = spawn(message["argv"], message["terminal"], message["size"])
        self.programs[number] = program
        self.selector.register(program.reader, selectors.EVENT_READ, lambda: self.forward(number))
        self.selector.register(program.watch, selectors.EVENT_READ, lambda: self.finish(number))

    def do_input(self, message):
        program = self.programs.get(message["id"])
        data = message["data"].encode("latin-1")
        try:
            while program and data:
                data = data[os.write(program.writer, data):]
        except OSError:
            pass  # the program no longer reads its input

    def do_close(self, message):
        program = self.programs.get(message["id"])
        if program and program.writer != program.reader:
            os.close(program.writer)
            program.writer = program.reader

    def do_signal(self, message):
        program = self.programs.get(message["id"])
        try:
            if program and program.watch is not None:
                os.killpg(program.pid, message["signal"])
        except ProcessLookupError:
            pass

    def forward(self, number):
        """Send one piece of output to the test. At the end of the output, forget the program. Returns True when there
        is nothing more to read now."""
        program = self.programs.get(number)
        if program is None or program.reader is None:
            return True  # finish() has read the rest already, in the same round of events
        try:
            data = os.read(program.reader, 32768)
        except BlockingIOError:
            return True
        except OSError:
            data = b""  # a terminal that no process has open any more
        if data:
            self.send({"is": "output", "id": number, "data": data.decode("latin-1")})
            return False
        self.selector.unregister(program.reader)
        if program.writer != program.reader:
            os.close(program.writer)
        os.close(program.reader)
        program.reader = None
        if program.watch is None:
            del self.programs[number]
        return True

    def finish(self, number):
        """The program ended: send the rest of its output first, then its status."""
        program = self.programs[number]
        _, status = os.waitpid(program.pid, 0)
        self.selector.unregister(program.watch)
        os.close(program.watch)
        while program.reader is not None and not self.forward(number):
            pass
        program.watch = None
        if program.reader is None:
            del self.programs[number]
        code = os.waitstatus_to_exitcode(status)
        self.send({"is": "exit", "id": number, "status": code if code >= 0 else 128 - code})


def spawn(argv, terminal, size):
    """Start argv in its own session, on pipes or on a new terminal."""
    if terminal:
        reader, theirs_out = os.openpty()
        fcntl.ioctl(reader, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        writer, theirs_in = reader, theirs_out
    else:
        theirs_in, writer = os.pipe()
        reader, theirs_out = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            if terminal:
                fcntl.ioctl(theirs_in, termios.TIOCSCTTY, 0)
            os.dup2(theirs_in, 0)
            os.dup2(theirs_out, 1)
            os.dup2(theirs_out, 2)
            os.chdir("/root")
            os.execvpe(argv[0], argv, ENVIRONMENT)
        except OSError as error:
            os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
        os._exit(127)
    for descriptor in {theirs_in, theirs_out}:
        os.close(descriptor)
    os.set_blocking(reader, False)
    return Program(pid, writer, reader)


def port_node(name):
    """The device node of the virtio port with this name."""
    for port in os.listdir("/sys/class/virtio-ports"):
        with open(f"/sys/class/virtio-ports/{port}/name", encoding="ascii") as file:
            if file.read().strip() == name:
                return f"/dev/{port}"
    sys.exit(f"no virtio port {name}")


if __name__ == "__main__":
    Agent(port_node(sys.argv[1])).serve()
