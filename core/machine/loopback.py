"""Addresses by which a machine reaches itself and nobody else reaches it, and whether one is free to listen on."""

from __future__ import annotations

import ipaddress
import socket

from core.errors import CoreError


def is_loopback(host: str) -> bool:
    """An address or `localhost`; any other name may lead anywhere."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_taken(host: str, port: int) -> None:
    """Says so before everything is loaded, and in words."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CoreError(
                f"The studio can't listen on {host}:{port} ({error.strerror}). Choose another with --port."
            ) from None
