# SPDX-License-Identifier: GPL-2.0-or-later
"""A QMP client on a connected socket: it sends commands and waits for events without polling."""

import json
import socket
import time


class QmpError(Exception):
    """QEMU refused a command or has ended."""


class QmpTimeout(QmpError):
    """QEMU did not answer, or did not send the event."""


class Qmp:
    def __init__(self, connection):
        self.connection = connection
        self.partial = b""
        self.messages = []
        self.events = []

    def negotiate(self, timeout=120):
        """Read the greeting. Call this once, before anything else."""
        self.receive(time.monotonic() + timeout, lambda message: "QMP" in message)
        self.execute("qmp_capabilities")

    def execute(self, command, timeout=120, **arguments):
        """Run one command and return its result. Underscores are not changed; for names with dashes, pass a dictionary
        with **."""
        request = {"execute": command, "arguments": arguments}
        self.connection.sendall(json.dumps(request).encode() + b"\n")
        reply = self.receive(time.monotonic() + timeout,
                             lambda message: "return" in message or "error" in message)
        if "error" in reply:
            raise QmpError(f"{command}: {reply['error']['desc']}")
        return reply["return"]

    def await_event(self, name, timeout=120, **data):
        """Return the data of the next event `name` that contains `data`. Waits for the event if necessary."""
        def wanted(message):
            return message.get("event") == name and data.items() <= message.get("data", {}).items()
        for message in self.events:
            if wanted(message):
                self.events.remove(message)
                return message.get("data", {})
        return self.receive(time.monotonic() + timeout, wanted).get("data", {})

    def receive(self, deadline, wanted):
        """Read messages until one is `wanted` and return it. Keep the events that are read meanwhile."""
        while True:
            while self.messages:
                message = self.messages.pop(0)
                if wanted(message):
                    return message
                if "event" in message:
                    self.events.append(message)
            try:
                self.connection.settimeout(max(deadline - time.monotonic(), 0.001))
                data = self.connection.recv(65536)
            except socket.timeout as error:
                raise QmpTimeout("no answer from QEMU in time") from error
            except OSError as error:
                raise QmpError(f"no answer from QEMU: {error}") from error
            if not data:
                raise QmpError("QEMU has ended")
            *lines, self.partial = (self.partial + data).split(b"\n")
            self.messages += [json.loads(line) for line in lines if line.strip()]
