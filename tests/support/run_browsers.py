"""The browsers of many people, and a proxy that counts connections, in one process.

The first line of standard input has ``url`` and ``ca_file`` of a sandbox, as JSON. It
is answered with the ``port`` of the proxy. Every further line has a ``number`` and asks
for something; the answer has the same number, and comes when it is there.
"""

import json
import ssl
import sys
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from cutting_proxy import CuttingProxy

from peeringdb_oauth.sandbox.browser import Browser

AT_ONCE = 8  # browsers that ask at the same time


class Browsers:
    """One browser for each person. It stays logged in at PeeringDB.

    They go to the sandbox itself, so that the proxy sees only the application.
    """

    def __init__(self, url, ca_file, proxy):
        self._url, self._proxy = url, proxy
        context = ssl.create_default_context(cafile=ca_file)
        self._browsers = defaultdict(lambda: Browser(url, context))
        self._locks = defaultdict(threading.Lock)

    def come_back(self, login, url):
        """The callback URL to which PeeringDB sends a person."""
        url = url.replace(f"https://127.0.0.1:{self._proxy.port}", self._url, 1)
        with self._locks[login], self._browsers[login] as browser:
            return browser.log_in(login, url, consent=True, second_factor="otp")

    def count(self):
        """The application's connections.

        All of them, and the most at the same time since the last call.
        """
        counted = {"opened": self._proxy.opened, "most_open": self._proxy.most_open}
        self._proxy.most_open = self._proxy.open
        return counted


def main():
    settings, lock = json.loads(sys.stdin.readline()), threading.Lock()
    proxy = CuttingProxy(urlsplit(settings["url"]).port)
    browsers = Browsers(**settings, proxy=proxy)

    def say(answer):
        with lock:
            print(json.dumps(answer), flush=True)  # noqa: T201 - for the parent

    def answer(number, what, arguments):
        try:
            say({"number": number, "result": getattr(browsers, what)(**arguments)})
        except Exception as error:  # noqa: BLE001 - the parent raises it
            say({"number": number, "error": f"{type(error).__name__}: {error}"})

    say({"port": proxy.port})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for line in sys.stdin:
            pool.submit(answer, **json.loads(line))


if __name__ == "__main__":
    main()
