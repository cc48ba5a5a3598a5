"""A proxy before a sandbox that notes its tokens, and lets requests fail at random."""

import http.client
import json
import threading
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN, PROFILE = "/oauth2/token/", "/profile/v1"
ANSWERS = {
    "401": (401, "application/json", b'{"error": "invalid_client"}'),
    "429": (429, "text/plain", b"Rate limit exceeded. Please try again later."),
    "500": (500, "text/html", b"<h1>Server Error (500)</h1>"),
}


class FaultyProxy:
    """Passes on what it gets, with the Host header that it gets.

    ``choose``: called with the path of each request; the name of a fault or None.
    Faults are the names of `ANSWERS`, ``slow``, ``cut``: the request is lost, and
    ``cut_after``: the answer is lost. ``expires_in``: what token responses say, in
    seconds; None for what PeeringDB says.

    ``faults``: how often each happened. ``refreshes``: the status of each refresh that
    reached PeeringDB. ``tokens``: all that PeeringDB has issued. ``chains``: by the id
    of a person, their token responses with whether they were delivered.
    """

    def __init__(self, pdb_url):
        self.upstream = urlsplit(pdb_url)
        self.choose, self.expires_in = lambda _: None, None
        self.pause = threading.Event().wait
        self.faults, self.refreshes, self.tokens = Counter(), [], set()
        self.chains, self._chain_of, self._lock = {}, {}, threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def end(self):
        self._server.shutdown()
        self._server.server_close()

    def note_tokens(self, form, answer):
        """Note a token response in the chain that its refresh token belongs to."""
        response = Issued(answer)
        with self._lock:
            chain = self._chain_of.get(form.get("refresh_token"), [])
            chain.append(response)
            self._chain_of[response.refresh_token] = chain
            self._chain_of[response.access_token] = chain
            self.tokens |= set(response.all)
        return response

    def note_profile(self, access_token, profile):
        """Note to whom a chain belongs."""
        with self._lock:
            if access_token in self._chain_of:
                self.chains[profile["id"]] = self._chain_of[access_token]


class Issued:
    """Tokens that PeeringDB has issued.

    ``at``: when, by the monotonic clock. ``is_delivered``: None while nobody knows.
    """

    def __init__(self, answer):
        self.access_token, self.refresh_token = answer["access_token"], answer["refresh_token"]
        self.all = [self.access_token, self.refresh_token, *filter(None, [answer.get("id_token")])]
        self.at, self.is_delivered = time.monotonic(), None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Print nothing: a worker was killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self._serve()

    def do_POST(self):
        self._serve()

    def _serve(self):
        proxy, path = self.server.proxy, self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = proxy.choose(path)
        proxy.faults[fault] += 1
        if fault in ANSWERS:
            self._send(*ANSWERS[fault])
            return
        if fault == "slow":
            proxy.pause(1.5)
        if fault == "cut":
            self._cut()
            return
        status, kind, answer = self._ask(body)
        issued = None
        if path == TOKEN:
            issued, answer = self._note(body, status, answer)
        elif path == PROFILE and status == 200:
            access_token = self.headers["Authorization"].removeprefix("Bearer ")
            proxy.note_profile(access_token, json.loads(answer))
        if fault == "cut_after":
            self._cut(issued)
            return
        try:
            self._send(status, kind, answer)
        except OSError:
            self._cut(issued)
            return
        if issued:
            issued.is_delivered = True

    def _ask(self, body):
        upstream = self.server.proxy.upstream
        connection = http.client.HTTPConnection(upstream.hostname, upstream.port, timeout=30)
        skipped = {"connection", "accept-encoding"}
        headers = {n: v for n, v in self.headers.items() if n.lower() not in skipped}
        try:
            connection.request(self.command, self.path, body=body or None, headers=headers)
            response = connection.getresponse()
            return response.status, response.headers["Content-Type"], response.read()
        finally:
            connection.close()

    def _note(self, body, status, answer):
        proxy = self.server.proxy
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if form["grant_type"] == "refresh_token":
            proxy.refreshes.append(status)
        if status != 200:
            return None, answer
        value = json.loads(answer)
        issued = proxy.note_tokens(form, value)
        if proxy.expires_in is not None:
            answer = json.dumps(value | {"expires_in": proxy.expires_in}).encode()
        return issued, answer

    def _cut(self, issued=None):
        if issued:
            issued.is_delivered = False
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(2)

    def _send(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind or "text/plain")
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Log nothing."""
