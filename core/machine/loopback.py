"""Addresses by which a machine reaches itself and nobody else reaches it."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """An address or `localhost`; any other name may lead anywhere."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
