"""Real servers that each say which path they have read in a request."""

import shutil
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from http.client import BadStatusLine, HTTPResponse
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from textwrap import dedent
from time import monotonic

from nginx import nginx_command
from ports import free_port

# An application for each framework, which answers with the path that it was asked for.
APPLICATIONS = {
    "flask_app": """
        from flask import Flask, request
        app = Flask(__name__)
        app.url_map.merge_slashes = False
        @app.route("/", defaults={"path": ""})
        @app.route("/<path:path>")
        def read(path):
            return request.path
    """,
    "django_app": """
        import django
        from django.conf import settings
        from django.core.wsgi import get_wsgi_application
        from django.http import HttpResponse
        from django.urls import re_path
        settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[])
        django.setup()
        urlpatterns = [re_path("(?s)^.*$", lambda request: HttpResponse(request.path_info))]
        app = get_wsgi_application()
    """,
    "starlette_app": """
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse
        from starlette.routing import Route
        app = Starlette(routes=[
            Route("/{path:path}", lambda request: PlainTextResponse(request.scope["path"]))
        ])
    """,
}
PHP = """
    <?php
    header("Content-Type: text/plain");
    $path = parse_url($_SERVER["REQUEST_URI"], PHP_URL_PATH);
    echo $_SERVER["SCRIPT_NAME"], "\\n", $path, "\\n", rawurldecode($path);
"""
NODE = """
    require("http").createServer((request, response) => {
        try {
            response.end(new URL(request.url, "http://lg.example.net").pathname);
        } catch {
            response.writeHead(400).end();
        }
    }).listen(Number(process.argv[2]), "127.0.0.1");
"""
NGINX = """
    server {{ listen 127.0.0.1:{read}; location / {{ return 200 "$uri"; }} }}
    server {{
        listen 127.0.0.1:{unmerged};
        merge_slashes off;
        location / {{ return 200 "$uri"; }}
    }}
    server {{ listen 127.0.0.1:{sent}; location / {{ proxy_pass http://127.0.0.1:{echo}; }} }}
    server {{
        listen 127.0.0.1:{rewritten};
        location / {{ proxy_pass http://127.0.0.1:{echo}/; }}
    }}
    server {{
        listen 127.0.0.1:{decoded};
        location / {{ proxy_pass http://127.0.0.1:{echo}$uri; }}
    }}
"""
CADDY = """
    {{
        admin off
        auto_https off
    }}
    http://:{read} {{
        bind 127.0.0.1
        respond "{{http.request.uri.path}}"
    }}
    http://:{sent} {{
        bind 127.0.0.1
        reverse_proxy 127.0.0.1:{echo}
    }}
"""
HAPROXY = """
    defaults
        mode http
        timeout client 10s
        timeout server 10s
        timeout connect 10s
    frontend reads
        bind 127.0.0.1:{read}
        http-request return status 200 content-type text/plain lf-string "%[path]"
    frontend sends
        bind 127.0.0.1:{sent}
        default_backend echo
    backend echo
        server echo 127.0.0.1:{echo}
"""


class Echo(StreamRequestHandler):
    """Answers with the target of each request, as it came."""

    def handle(self):
        with suppress(ConnectionError):  # a proxy may drop a connection that it kept
            while line := self.rfile.readline():
                while self.rfile.readline() not in (b"\r\n", b""):
                    pass
                target = line.split(b" ", 1)[1].rsplit(b" ", 1)[0]
                length = f"Content-Length: {len(target)}\r\n".encode()
                self.wfile.write(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + target)


@contextmanager
def path_readers(folder):
    """The ports of the servers by their names."""
    with ExitStack() as stack:
        echo = stack.enter_context(_echo())
        yield {**_proxies(stack, folder, echo), **_applications(stack, folder)}


def read_path(port, target):
    """The path that a server has read, perhaps in several ways; none if it refuses."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        request = f"GET {target} HTTP/1.1\r\nHost: lg.example.net\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode("latin-1"))
        response = HTTPResponse(connection)
        try:
            response.begin()
            body = response.read().decode()
        except (ConnectionResetError, BadStatusLine):
            return []
    if response.status != 200:
        return []
    return [text.partition("?")[0] for text in body.split("\n") if text]


@contextmanager
def _echo():
    with ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _proxies(stack, folder, echo):
    nginx = {name: free_port() for name in ("read", "unmerged", "sent", "rewritten", "decoded")}
    caddy = {name: free_port() for name in ("read", "sent")}
    haproxy = {name: free_port() for name in ("read", "sent")}
    command = nginx_command(folder, NGINX.format(echo=echo, **nginx))
    (folder / "Caddyfile").write_text(CADDY.format(echo=echo, **caddy))
    (folder / "haproxy.cfg").write_text(HAPROXY.format(echo=echo, **haproxy))
    _start(stack, folder, nginx.values(), *command)
    _start(
        stack,
        folder,
        caddy.values(),
        _program("caddy"),
        *("run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"),
    )
    _start(stack, folder, haproxy.values(), _program("haproxy"), "-f", folder / "haproxy.cfg")
    found = {"nginx": nginx, "caddy": caddy, "haproxy": haproxy}
    return {f"{proxy} {name}": port for proxy, of in found.items() for name, port in of.items()}


def _applications(stack, folder):
    for name, text in APPLICATIONS.items():
        (folder / f"{name}.py").write_text(dedent(text))
    (folder / "router.php").write_text(dedent(PHP).strip())
    (folder / "reader.cjs").write_text(dedent(NODE))
    commands = {
        "flask": ("-m", "gunicorn", "-b", "127.0.0.1:{port}", "flask_app:app"),
        "django": ("-m", "gunicorn", "-b", "127.0.0.1:{port}", "django_app:app"),
        "starlette on uvicorn": ("-m", "uvicorn", "--port", "{port}", "starlette_app:app"),
        "starlette on granian": (
            *("-m", "granian", "--interface", "asgi", "--port", "{port}"),
            "starlette_app:app",
        ),
    }
    ports = {name: free_port() for name in (*commands, "php", "node")}
    for name, words in commands.items():
        port = ports[name]
        command = (word.format(port=port) for word in words)
        _start(stack, folder, [port], sys.executable, *command)
    _start(stack, folder, [ports["php"]], "php", "-S", f"127.0.0.1:{ports['php']}", "router.php")
    _start(stack, folder, [ports["node"]], "node", "reader.cjs", str(ports["node"]))
    return ports


def _program(name):
    return shutil.which(name) or Path("/usr/sbin") / name


def _start(stack, folder, ports, *command):
    """Start a server and wait until it listens."""
    log = stack.enter_context((folder / f"{Path(command[0]).name}.log").open("ab"))
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=log,
        stderr=log,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    for port in ports:
        _wait_for(port, process, log.name)


def _wait_for(port, process, log):
    until = monotonic() + 60
    while monotonic() < until:
        assert process.poll() is None, Path(log).read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
    raise TimeoutError(Path(log).read_text())
