"""Addresses that only this machine reaches."""

from __future__ import annotations

import pytest

from core.machine.loopback import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_only_this_machine_reaches_a_loopback_address(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "studio.example", "localhost.example", ""])
def test_any_other_address_or_name_may_be_reached_from_elsewhere(host: str) -> None:
    assert not is_loopback(host)
