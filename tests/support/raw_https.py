"""A visitor whose requests are sent byte for byte as a test wrote them."""

import socket
import ssl
from urllib.parse import urlsplit

PATIENCE = 60  # seconds on a busy machine
# What a browser sends when a person opens a page.
PERSON = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
# What it sends for fetch() in a page of the same site.
BACKGROUND = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}

# What Chromium sends for a WebSocket, besides the header Origin.
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


class Answer:
    """What came back. ``headers``: pairs of names in lower case and values."""

    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1]) if first.startswith("HTTP/1") else 0
        if b"transfer-encoding: chunked" in head.lower():
            self.body = _join_chunks(self.body)
        self.headers = [
            (name.lower(), value.strip())
            for name, _, value in (line.partition(":") for line in lines)
        ]

    def value(self, name):
        return next((value for key, value in self.headers if key == name.lower()), None)

    @property
    def cookies(self):
        """The cookies that it sets, with their values."""
        pairs = [value.split(";")[0] for name, value in self.headers if name == "set-cookie"]
        return dict(pair.split("=", 1) for pair in pairs)


def _join_chunks(data):
    """The body of a chunked answer (RFC 9112 section 7.1)."""
    body = b""
    while data:
        line, _, data = data.partition(b"\r\n")
        size = int(line, 16)
        body, data = body + data[:size], data[size + 2 :]
    return body


class Visitor:
    """A browser without any protection of its own. ``origin``: the site it visits."""

    def __init__(self, origin):
        self.origin, parts = origin, urlsplit(origin)
        self.host, self.name = parts.netloc, parts.hostname
        self.port, self.tls = parts.port, parts.scheme == "https"
        self.cookies = {}

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        if not self.tls:
            return connection
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(connection, server_hostname=self.name)

    def request(self, target, *, method="GET", host=None, headers=(), body=b"", cookies=True):
        """The bytes of a request. ``headers``: a mapping, or pairs."""
        pairs = list(headers.items() if isinstance(headers, dict) else headers)
        if cookies and self.cookies:
            pairs.append(("Cookie", "; ".join(map("=".join, self.cookies.items()))))
        if body:
            pairs.append(("Content-Length", str(len(body))))
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host or self.host}"]
        lines += [f"{name}: {value}" for name, value in pairs]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def ask(self, target, **request):
        """Send one request and return the `Answer`; its cookies are kept."""
        headers = request.pop("headers", PERSON)
        pairs = list(headers.items() if isinstance(headers, dict) else headers)
        pairs.append(("Connection", "close"))
        answer = Answer(self.send(self.request(target, headers=pairs, **request)))
        for name, value in answer.cookies.items():
            if value in ("", '""'):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def send(self, data):
        """Send bytes and return what comes back until the server closes."""
        received = b""
        with self.connect() as connection:
            try:
                connection.sendall(data)
                while part := connection.recv(65536):
                    received += part
            except OSError:  # closed while we were still sending
                return received
        return received

    def go_to(self, url):
        """Open a URL of this site as a person does."""
        target = url.removeprefix(self.origin)
        assert target.startswith("/"), f"{url} is not at {self.origin}"
        return self.ask(target)

    def log_in(self, pdb, person, page="/"):
        """Open a page, log in at PeeringDB and return the answer to the callback."""
        login = self.ask(page).value("Location")
        started = self.go_to(login).value("Location")
        return self.go_to(pdb.log_in(person, started))
