#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the guest: attacks vfiod as an ordinary user, until its input is closed.

    attacker.py UID ATTACK      prints "under way", and at the end a line with what it did

It writes the D-Bus messages itself, because a library would refuse to send some of them.
"""

import ctypes
import os
import resource
import select
import socket
import struct
import sys
import threading

BUS = "/run/dbus/system_bus_socket"
ROOT, MANAGER, OBJECTS = "/org/vfiod1", "org.vfiod1.Manager", "org.freedesktop.DBus.ObjectManager"
ENTRIES = 1_000_000  # of a list; a message may have 32 MiB
CONNECTIONS = 16
PROCESSES, DESCRIPTORS = 8, 4000
NAMESPACES, MOUNTS = 8, 500
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000


def padded(data, size):
    return data + bytes(-len(data) % size)


def text(value):
    data = value.encode()
    return struct.pack("<I", len(data)) + data + b"\0"


def field(code, signature, data):
    return struct.pack("<BB", code, 1) + signature.encode() + b"\0" + data


def message(serial, destination, path, interface, member, signature="", body=b""):
    """A method call, as bytes."""
    fields = [field(1, "o", text(path)), field(2, "s", text(interface)), field(3, "s", text(member)),
              field(6, "s", text(destination))]
    if signature:
        fields.append(field(8, "g", struct.pack("<B", len(signature)) + signature.encode() + b"\0"))
    packed = b""
    for one in fields:
        packed = padded(packed, 8) + one
    header = struct.pack("<BBBBIII", ord("l"), 1, 0, 1, len(body), serial, len(packed)) + packed
    return padded(header, 8) + body


def plan_arguments(selector, entries):
    """The arguments of Plan: a selector, the verb, and the option "companions" with so many empty strings."""
    body = padded(text(selector), 4) + text("detach")
    strings = (struct.pack("<I", 0) + bytes(4)) * entries
    strings = strings[:-3] if entries else b""
    # The options begin at a multiple of eight, after their length.
    body = padded(body, 4)
    length_at = len(body)
    body = padded(body + bytes(4), 8)
    begin = len(body)
    if entries:
        body = padded(body + text("companions") + b"\2as\0", 4) + struct.pack("<I", len(strings)) + strings
    return body[:length_at] + struct.pack("<I", len(body) - begin) + body[length_at + 4:]


def connect():
    """A connection to the system bus."""
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(BUS)
    stream.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
    reply = stream.recv(1000)
    if not reply.startswith(b"OK"):
        sys.exit(f"the bus refuses: {reply}")
    stream.sendall(b"BEGIN\r\n" + message(1, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello"))
    if not stream.recv(1000):
        sys.exit("the bus does not accept this user")
    return stream


def send_all(streams, make):
    """Write messages to all connections, as fast as the bus reads them. make(serial) returns a message. Yields after each
    round how many were written, until the input is closed. Connections that the bus closes leave the list."""
    serials = {stream: 2 for stream in streams}
    rest = {stream: make(2) for stream in streams}
    sent = 0
    for stream in streams:
        stream.setblocking(False)
    while True:
        readable, writable, _ = select.select([sys.stdin], streams, [], 0.2)
        if readable:
            return
        for stream in writable:
            try:
                rest[stream] = rest[stream][stream.send(rest[stream]):]
            except BlockingIOError:
                continue
            except OSError:
                streams.remove(stream)
                continue
            if not rest[stream]:
                serials[stream] += 1
                sent += 1
                rest[stream] = memoryview(make(serials[stream]))
        yield sent


def flood(make, reads):
    """Make calls on all connections, and read the replies or not."""
    streams = [connect() for _ in range(CONNECTIONS)]
    readers = [stream.dup() for stream in streams] if reads else []
    sent, announced = 0, False
    for reader in readers:
        threading.Thread(target=discard, args=(reader,), daemon=True).start()
    for sent in send_all(streams, make):
        if sent >= CONNECTIONS and not announced:
            announced = True
            print("under way", flush=True)
    print(f"sent {sent} calls; {len(streams)} connections are open", flush=True)
    os._exit(0)


def discard(stream):
    """Read until the connection ends. The description is not blocking, because it shares this with the writer."""
    while True:
        select.select([stream], [], [])
        try:
            if not stream.recv(1 << 20):
                return
        except BlockingIOError:
            pass
        except OSError:
            return


def bomb():
    """Calls with a list of a million strings."""
    body = plan_arguments("group:1", ENTRIES)
    flood(lambda serial: message(serial, "org.vfiod1", ROOT, MANAGER, "Plan", "ssa{sv}", body), True)


def mute():
    """Calls with long replies, which it never reads."""
    flood(lambda serial: message(serial, "org.vfiod1", ROOT, OBJECTS, "GetManagedObjects"), False)


def calls():
    """Calls as fast as possible. It reads the replies."""
    flood(lambda serial: message(serial, "org.vfiod1", ROOT, MANAGER, "ListDevices"), True)


def plans():
    """Plans as fast as possible, each of which needs a worker."""
    body = plan_arguments("group:1", 0)
    flood(lambda serial: message(serial, "org.vfiod1", ROOT, MANAGER, "Plan", "ssa{sv}", body), True)


def descriptors():
    """Processes with many open files, which every search for holders reads."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS + 50, DESCRIPTORS + 50))
    file = os.open("/dev/null", os.O_RDONLY)
    for _ in range(DESCRIPTORS):
        os.dup(file)
    for _ in range(PROCESSES - 1):
        if os.fork() == 0:
            break
    else:
        print("under way", flush=True)
    wait()


def mounts():
    """User namespaces with many mounts. Each claims to be a disk of the host."""
    libc = ctypes.CDLL(None, use_errno=True)
    reader, writer = os.pipe()
    for _ in range(NAMESPACES):
        if os.fork() == 0:
            if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 or libc.mount(None, b"/", None, 0x44000, None) != 0:
                sys.exit("no namespace: " + os.strerror(ctypes.get_errno()))
            for _ in range(MOUNTS):
                if libc.mount(b"/dev/nvme0n1", b"/mnt", b"tmpfs", 0, b"size=4k,nr_inodes=2") != 0:
                    sys.exit("no mount: " + os.strerror(ctypes.get_errno()))
            os.write(writer, b"x")
            wait()
            os._exit(0)
    os.close(writer)
    done = 0
    while done < NAMESPACES:
        data = os.read(reader, NAMESPACES)
        if not data:
            sys.exit("a namespace failed")
        done += len(data)
    print("under way", flush=True)
    wait()


def wait():
    """Until the input is closed."""
    while os.read(0, 1000):
        pass


ATTACKS = {attack.__name__: attack for attack in (bomb, mute, calls, plans, descriptors, mounts)}


def main(uid, name):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.chdir("/")
    ATTACKS[name]()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
