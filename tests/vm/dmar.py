# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes the ACPI table that describes the IOMMUs, so that the firmware reserves memory for a device."""

import struct

PATH = "/sys/firmware/acpi/tables/DMAR"
HEADER = struct.Struct("<4sIBB6s8sI")  # signature, length, revision, checksum, OEM id, OEM table id, OEM revision
RESERVED_MEMORY = struct.Struct("<HHHHQQ")  # type, length, reserved, segment, first byte, last byte
SCOPE = struct.Struct("<BBHBB")  # type, length, reserved, enumeration id, bus at which the path begins
TYPE_RESERVED_MEMORY, TYPE_ENDPOINT = 1, 1
FIRST, LAST = 0xF0000, 0xFFFFF  # the BIOS: every PC reserves this in its memory map


def read(guest):
    """The table that the guest has now."""
    return bytes.fromhex(guest.check_run(f"od -An -v -t x1 {PATH}").replace("\n", ""))


def with_reserved_memory(table, *path):
    """The table with a memory mapping for the device at a path [(slot, function), ...] from the root bus. Its revision
    is higher than that of the table that it was made from."""
    steps = b"".join(bytes(step) for step in path)
    scope = SCOPE.pack(TYPE_ENDPOINT, SCOPE.size + len(steps), 0, 0, 0) + steps
    entry = RESERVED_MEMORY.pack(TYPE_RESERVED_MEMORY, RESERVED_MEMORY.size + len(scope), 0, 0, FIRST, LAST) + scope
    signature, length, revision, _, oem, oem_table, oem_revision = HEADER.unpack_from(table)
    changed = bytearray(table + entry)
    HEADER.pack_into(changed, 0, signature, length + len(entry), revision, 0, oem, oem_table, oem_revision + 1)
    changed[9] = -sum(changed) % 256
    return bytes(changed)
