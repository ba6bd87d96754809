# SPDX-License-Identifier: GPL-2.0-or-later
"""An ACPI table that completes the resume of the guest.

A resume is a reset of the machine. SeaBIOS does not set two addresses of the machine q35 again: those of the registers for the
power management, without which the guest could not sleep a second time, and that of the extended configuration space. There,
the kernel would read ones instead of the serial number of a card, and since Linux 6.11 it would take the card for another one.
The kernel calls the method _WAK of this table before it resumes the devices.
"""

import struct

# (bus address of the configuration register, as port 0xcf8 takes it; its value)
REGISTERS = [(0x8000F840, 0x601), (0x8000F844, 0x80), (0x80000060, 0xB0000001)]


def package(code, content):
    """An AML object with its length, which is at most 63 + 4032 bytes."""
    size = len(content) + 1
    length = bytes([size]) if size <= 63 else bytes([0x40 | size + 1 & 15, size + 1 >> 4])
    return code + length + content


def store(value, name):
    return b"\x70\x0c" + struct.pack("<I", value) + name


def table():
    """The SSDT as bytes."""
    region = b"\x5b\x80PORT\x01\x0b" + struct.pack("<H", 0xCF8) + b"\x0a\x08"
    field = package(b"\x5b\x81", b"PORT\x03" + b"CFGA\x20" + b"CFGD\x20")
    done = b"\xa4" + package(b"\x12", b"\x02\x00\x00")
    stores = b"".join(store(address, b"CFGA") + store(value, b"CFGD") for address, value in REGISTERS)
    body = region + field + package(b"\x14", b"_WAK\x01" + stores + done)
    header = struct.pack("<4sIBB6s8sI4sI", b"SSDT", 36 + len(body), 2, 0, b"VFIOD ", b"WAKE    ", 1, b"VFIO", 1)
    whole = bytearray(header + body)
    whole[9] = -sum(whole) & 0xFF
    return bytes(whole)
