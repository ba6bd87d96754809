# SPDX-License-Identifier: GPL-2.0-or-later
"""A client in the guest that asks vfiod once for all objects and afterwards only listens to its signals.

    listener = Listener(guest)
    ...
    listener.differences()      # between what the signals said and what vfiod now answers
"""

import collections
import json

from view import ROOT, SERVICE

SIGNALS = "/run/signals"
COMMAND = f"exec busctl --json=short monitor --match=\"type='signal',sender='{SERVICE}'\" > {SIGNALS} 2> {SIGNALS}.log"


class Listener:
    def __init__(self, guest):
        self.guest = guest
        guest.check_run(f"systemctl start vfiod.service; rm -f {SIGNALS} {SIGNALS}.log")
        self.program = guest.start(COMMAND)
        if not guest.wait_for(f"grep -q Monitoring {SIGNALS}.log"):
            raise AssertionError(guest.read(f"{SIGNALS}.log"))
        self.first = self.ask()

    def stop(self):
        self.program.stop()

    def ask(self):
        """{(path, interface): {property: value}}"""
        objects = self.call(f"{ROOT} org.freedesktop.DBus.ObjectManager GetManagedObjects")
        found = {(path, interface): values(properties) for path, interfaces in objects.items()
                 for interface, properties in interfaces.items() if interface.startswith(SERVICE)}
        manager = f"{SERVICE}.Manager"
        properties = self.call(f"{ROOT} org.freedesktop.DBus.Properties GetAll s {manager}")
        found[ROOT, manager] = {name: value for name, value in values(properties).items()
                                if not name.startswith("Iommu")}  # this property is documented to send no signals
        return found

    def call(self, words):
        return json.loads(self.guest.check_run(f"busctl --json=short call {SERVICE} {words}"))["data"][0]

    def signals(self):
        text = self.guest.check_run(f"cat {SIGNALS}")
        lines = text.splitlines()
        if text and not text.endswith("}"):
            lines.pop()  # busctl is still writing this line
        return [json.loads(line) for line in lines]

    def signalled(self):
        """The first answer, updated by all signals."""
        objects = {key: dict(properties) for key, properties in self.first.items()}
        for signal in self.signals():
            data = signal["payload"]["data"]
            if signal["member"] == "InterfacesAdded":
                for interface, properties in data[1].items():
                    assert (data[0], interface) not in objects, f"added, although it exists: {signal}"
                    objects[data[0], interface] = values(properties)
            elif signal["member"] == "InterfacesRemoved":
                for interface in data[1]:
                    del objects[data[0], interface]
            elif signal["member"] == "PropertiesChanged":
                objects[signal["path"], data[0]].update(values(data[1]))
        return objects

    def differences(self):
        now, signalled = self.ask(), self.signalled()
        return [(key, signalled.get(key), now.get(key)) for key in sorted(now.keys() | signalled.keys())
                if signalled.get(key) != now.get(key)]

    def counts(self):
        """The number of signals of each kind."""
        return dict(collections.Counter(signal["member"] for signal in self.signals()))

    def silent(self, *addresses):
        """Whether there was no signal about these devices."""
        parts = [address.replace(":", "_3a").replace(".", "_2e") for address in addresses]
        return not any(part[1:] in signal["path"] for signal in self.signals() for part in parts)


def values(properties):
    return {name: variant["data"] for name, variant in properties.items()}
