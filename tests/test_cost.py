"""What a request costs, and who pays: accounts, and addresses of visitors."""

from dataclasses import FrozenInstanceError

import pytest

from peeringdb_oauth.cost import (
    ONE_REQUEST,
    RISKY_REQUEST,
    STRANGERS,
    Cost,
    Payer,
    Purpose,
    payers_of,
)

ADDRESSES = {
    # An IPv4 address is one visitor, an IPv6 address stands for its /64.
    "198.51.100.7": Payer("address", "198.51.100.7"),
    "2001:db8::1": Payer("address", "2001:db8::/64"),
    "2001:db8::ffff:ffff:ffff:ffff": Payer("address", "2001:db8::/64"),
    "2001:0DB8:0:1::7": Payer("address", "2001:db8:0:1::/64"),
    "2001:db8::1%eth0": Payer("address", "2001:db8::/64"),
    # A server that listens for both reports IPv4 in this way.
    "::ffff:198.51.100.7": Payer("address", "198.51.100.7"),
    "::ffff:127.0.0.1": Payer("proxy", "127.0.0.1"),
    # Loopback, private, shared and link-local addresses are a proxy's.
    "127.0.0.1": Payer("proxy", "127.0.0.1"),
    "127.255.255.254": Payer("proxy", "127.255.255.254"),
    "::1": Payer("proxy", "::1"),
    "10.0.0.1": Payer("proxy", "10.0.0.1"),
    "172.16.0.1": Payer("proxy", "172.16.0.1"),
    "172.31.255.255": Payer("proxy", "172.31.255.255"),
    "192.168.1.1": Payer("proxy", "192.168.1.1"),
    "100.64.0.1": Payer("proxy", "100.64.0.1"),
    "100.127.255.255": Payer("proxy", "100.127.255.255"),
    "169.254.1.1": Payer("proxy", "169.254.1.1"),
    "fd00::1": Payer("proxy", "fd00::1"),
    "fe80::1%eth0": Payer("proxy", "fe80::1%eth0"),
    # Their neighbours are not.
    "9.255.255.255": Payer("address", "9.255.255.255"),
    "11.0.0.0": Payer("address", "11.0.0.0"),
    "126.255.255.255": Payer("address", "126.255.255.255"),
    "172.15.255.255": Payer("address", "172.15.255.255"),
    "172.32.0.0": Payer("address", "172.32.0.0"),
    "192.167.255.255": Payer("address", "192.167.255.255"),
    "100.63.255.255": Payer("address", "100.63.255.255"),
    "100.128.0.0": Payer("address", "100.128.0.0"),
    "::2": Payer("address", "::/64"),
    # What cannot be read is all visitors together.
    "": Payer("proxy"),
    "testclient": Payer("proxy"),  # Starlette's test client
    "unix:": Payer("proxy"),  # a socket in the file system
    "unix": Payer("proxy"),
    "198.51.100.7:443": Payer("proxy"),
    "[2001:db8::1]": Payer("proxy"),
    "198.51.100.7, 203.0.113.9": Payer("proxy"),
    "198.51.100.007": Payer("proxy"),
    "198.51.100.0/24": Payer("proxy"),
    " 198.51.100.7": Payer("proxy"),
    "١٩٨.51.100.7": Payer("proxy"),
    "\ud800": Payer("proxy"),
    "1" * 5000: Payer("proxy"),
}


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: ascii(address)[:40])
def test_an_address_is_a_visitor_or_a_proxy(address):
    assert Payer.of_address(address) == ADDRESSES[address]
    assert payers_of(address)[0] == ADDRESSES[address]


def test_an_ipv6_address_is_paid_for_by_its_site_as_well():
    assert payers_of("2001:db8:1:2::1")[1:] == (Payer("site", "2001:db8:1::/48"),)
    assert payers_of("198.51.100.7")[1:] == payers_of("::1")[1:] == ()


def test_without_an_address_nobody_pays():
    assert payers_of(None) == ()
    assert Payer.of_address(None) == Payer("proxy")


def test_an_account_is_its_number():
    assert Payer.of_account(7) == Payer("account", "7")


def test_payers_of_different_kinds_are_different():
    payers = {Payer(kind, "7") for kind in ("account", "address", "proxy", "strangers")}
    assert len(payers | {Payer.of_account(7), STRANGERS}) == 5


def test_purposes_are_in_the_order_of_their_importance():
    names = [purpose.name for purpose in sorted(Purpose)]
    assert names == ["LOGIN", "LOOK_UP", "RENEWAL", "RECHECK", "CLEAN_UP"]


def test_by_itself_a_request_is_one_of_a_login_that_nobody_pays_for():
    assert Cost(purpose=Purpose.LOGIN, payers=(), requests=1, is_risky=False) == ONE_REQUEST
    assert Cost(is_risky=True) == RISKY_REQUEST


def test_a_cost_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        ONE_REQUEST.requests = 0
