"""Which user of this machine a connection comes from, where the system tells it: Linux does, for loopback."""

from __future__ import annotations

import os
from ipaddress import IPv4Address, ip_address
from pathlib import Path

Address = tuple[str, int]
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
ROOT = 0
"""May read everything here anyway; and connections that come from outside of a virtual machine look like root's."""


def is_another_user(client: Address, server: Address) -> bool:
    """Whether the connection is for certain somebody else's: neither of who runs the studio, nor of who had it run."""
    user = _user_of(client, server) if client[0] != "localhost" else None
    return user is not None and user not in {ROOT, os.getuid(), int(os.environ.get("SUDO_UID", ROOT))}


def _user_of(client: Address, server: Address) -> int | None:
    """The owner of the client's end. A row: number, local and remote address, state, queues, timer, tries, user."""
    ends = [(_in_table(client, is_long), _in_table(server, is_long)) for is_long in (False, True)]
    for table in TABLES:
        if table.is_file():
            rows = (line.split() for line in table.read_text().splitlines()[1:])
            for row in rows:
                if (row[1], row[2]) in ends:
                    return int(row[7])
    return None


def _in_table(address: Address, is_long: bool) -> str:
    """`0100007F:1F90`: each four bytes backwards; an IPv4 address in the long form where the client asked so."""
    host = ip_address(address[0])
    if is_long and isinstance(host, IPv4Address):
        host = ip_address(f"::ffff:{host}")
    words = [host.packed[at : at + 4][::-1].hex() for at in range(0, len(host.packed), 4)]
    return f"{''.join(words)}:{address[1]:04x}".upper()
