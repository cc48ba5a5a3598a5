"""The blocking client goes through a SOCKS proxy that the environment names.

aiohttp knows no such proxy, and says so: tests/test_transport.py.
"""

import threading
from socketserver import ThreadingTCPServer
from urllib.parse import urlsplit

import pytest
from canned_server import FAR, far_url
from client_config import config_of
from socks_proxy import SocksProxy

from peeringdb_oauth import Client

pytestmark = pytest.mark.server


def test_goes_through_a_socks_proxy(make_server, monkeypatch):
    far_server = make_server(tls=True)
    far_server.replay("/profile/v1", "profile-orgadmin")
    with ThreadingTCPServer(("127.0.0.1", 0), SocksProxy) as proxy:
        proxy.daemon_threads = True
        proxy.asked = []
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
        thread.start()
        try:
            monkeypatch.setenv("https_proxy", f"socks5h://127.0.0.1:{proxy.server_address[1]}")
            with Client(config_of(far_server, base_url=far_url(far_server))) as client:
                assert [client.fetch_user("t").id for _ in range(2)] == [1, 1]
        finally:
            proxy.shutdown()
            thread.join()
    assert proxy.asked == [(FAR.encode(), urlsplit(far_url(far_server)).port)]
