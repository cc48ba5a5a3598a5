"""Real proxies with the configurations that ``gateway snippet`` prints.

Each runs as a process of its own, on loopback, in its own directory, and not as root.
"""

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from nginx import nginx_command

PATIENCE = 60  # seconds for a server to start or to end on a busy machine
AS_CHILD = ("setpriv", "--pdeathsig=KILL")  # ends with the tests, even if they are killed
AS_NOBODY = ("--reuid=nobody", "--regid=nogroup", "--clear-groups")


def as_nobody():
    """The beginning of a command that does not run as root."""
    return [*AS_CHILD, *(AS_NOBODY if os.getuid() == 0 else ())]


def own_directory(prefix):
    """Make a directory that the user of a server can read and write."""
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    directory.chmod(0o755)
    if os.getuid() == 0:
        shutil.chown(directory, "nobody", "nogroup")
    return directory


def wait_until(condition):
    """Wait until something is the case that nobody tells us about."""
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.01)


class Process:
    """A server as a child of the tests, with its output in the file ``log``.

    ``addresses``: where it listens: ports, and the paths of Unix sockets.
    """

    def __init__(self, name, command, *, directory, addresses, environment=None):
        self.name, self.directory, self._addresses = name, directory, addresses
        with (directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=os.environ | (environment or {}),
            )
        try:
            wait_until(self._listens)
        except BaseException:
            self.end()
            raise

    def _listens(self):
        assert self._process.poll() is None, self.log
        return all(map(listens, self._addresses))

    @property
    def log(self):
        return (self.directory / "log").read_text(errors="replace")

    def signal(self, number):
        self._process.send_signal(number)

    def end(self):
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(PATIENCE)


def listens(address):
    """Whether somebody listens at a port, or at the path of a Unix socket."""
    is_port = isinstance(address, int)
    with socket.socket(socket.AF_INET if is_port else socket.AF_UNIX) as connection:
        try:
            connection.connect(("127.0.0.1", address) if is_port else str(address))
        except OSError:
            return False
    return True


class Site:
    """What a proxy is started with.

    ``snippet``: the printed configuration. ``port``: where it listens.
    ``certificate``: the files with a certificate and its key, if the snippet has https.
    ``lua``: the file for HAProxy.
    """

    def __init__(self, snippet, *, port, certificate=None, lua=""):
        self.directory = own_directory("proxy-")
        self.snippet, self.port, self.lua = snippet, port, lua
        self.certificate = self.key = ""
        if certificate:
            self.certificate, self.key = (self._copy(file) for file in certificate)

    def _copy(self, file):
        return str(shutil.copy(file, self.directory))

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path

    def replace(self, *pairs):
        """Return the snippet with other values; each pattern must be in it."""
        text = self.snippet
        for pattern, value in pairs:
            text, count = re.subn(pattern, value, text)
            assert count, f"{pattern} is not in the snippet"
        return text


def nginx(site, *, more=""):
    """Start nginx. ``more``: other lines for its http block."""
    text = re.sub(r" *listen \[::\].*\n", "", site.snippet)
    site.snippet = text
    if site.certificate:
        site.snippet = site.replace(
            (r"(listen) (\d+ )", r"\1 127.0.0.1:\2"),
            (r"(ssl_certificate) \S+;", rf"\1 {site.certificate};"),
            (r"(ssl_certificate_key) \S+;", rf"\1 {site.key};"),
        )
    site.snippet = site.snippet.replace("/run/nginx-peeringdb", f"{site.directory}/cache")
    path = site.write("site.conf", site.snippet)
    http = f"include /etc/nginx/mime.types;\n{more}\ninclude {path};"
    command = nginx_command(site.directory, http, connections=20_000, error_log="stderr")
    command = [*as_nobody(), *command]
    return Process("nginx", command, directory=site.directory, addresses=[site.port])


CADDY = """{{
	admin off
	auto_https disable_redirects
	default_bind 127.0.0.1
	storage file_system {directory}
}}
"""


def caddy(site):
    """Start Caddy."""
    text = site.snippet
    if site.certificate:
        text = site.replace((r"# tls \S+ \S+", f"tls {site.certificate} {site.key}"))
    site.write("Caddyfile", CADDY.format(directory=site.directory) + text)
    command = [*as_nobody(), "caddy", "run", "--adapter", "caddyfile", "--config", "Caddyfile"]
    return Process(
        "caddy",
        command,
        directory=site.directory,
        addresses=[site.port],
        environment={"HOME": str(site.directory)},
    )


def haproxy(site):
    """Start HAProxy."""
    lua = site.write("peeringdb.lua", site.lua)
    pairs = [
        (r"/etc/haproxy/peeringdb\.lua\n    #", f"{lua}\n    #"),
        (r"\n    (user|group) .*", ""),
    ]
    pairs += [("log /dev/log local0", "log stdout format raw daemon notice")]
    if site.certificate:
        both = site.directory / "certificates"
        both.mkdir()
        texts = [Path(file).read_text() for file in (site.certificate, site.key)]
        (both / "site.pem").write_text("".join(texts))
        pairs += [("/etc/haproxy/certificates/", f"{both}/"), ("bind :", "bind 127.0.0.1:")]
    path = site.write("haproxy.cfg", site.replace(*pairs))
    command = [*as_nobody(), shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", path]
    return Process("haproxy", command, directory=site.directory, addresses=[site.port])


TRAEFIK = """
global: {{checkNewVersion: false, sendAnonymousUsage: false}}
log: {{level: WARN}}
entryPoints:
  {entry_point}:
    address: 127.0.0.1:{port}
providers:
  file:
    directory: {directory}/dynamic
"""


def traefik(site):
    """Start Traefik, which comes with a package from PyPI."""
    program = shutil.which("traefik") or Path(sys.executable).with_name("traefik")
    text = site.snippet
    if site.certificate:
        text = site.replace(
            (r"certFile: \S+", f"certFile: {site.certificate}"),
            (r"keyFile: \S+", f"keyFile: {site.key}"),
        )
    (site.directory / "dynamic").mkdir()
    site.write("dynamic/peeringdb.yaml", text)
    entry_point = "websecure" if site.certificate else "web"
    static = TRAEFIK.format(directory=site.directory, port=site.port, entry_point=entry_point)
    path = site.write("traefik.yaml", static)
    command = [*as_nobody(), program, f"--configFile={path}"]
    process = Process("traefik", command, directory=site.directory, addresses=[site.port])
    # It listens before it has read its files.
    wait_until(lambda: b"404 page not found" not in ask_whoami(site))
    return process


def ask_whoami(site):
    """What a proxy answers to a request for the gateway, or 404 if that fails."""
    host = re.search(r"Host\(`([^`]+)", site.snippet)[1]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = f"GET /_peeringdb/whoami HTTP/1.0\r\nHost: {host}:{site.port}\r\n\r\n"
    try:
        with (
            socket.create_connection(("127.0.0.1", site.port), timeout=5) as connection,
            context.wrap_socket(connection, server_hostname=host) as stream,
        ):
            stream.sendall(request.encode())
            return stream.recv(65536)
    except OSError:
        return b"404 page not found"


PHP = """
[global]
error_log = {directory}/php.log
daemonize = no
[www]
listen = {directory}/php.sock
pm = static
pm.max_children = 2
catch_workers_output = yes
"""


def php_fpm():
    """Start PHP-FPM; it listens at the file ``php.sock`` in its directory."""
    directory = own_directory("php-")
    path = directory / "php.conf"
    path.write_text(PHP.format(directory=directory))
    found = sorted(Path("/usr/sbin").glob("php-fpm*"))
    command = [*as_nobody(), shutil.which("php-fpm") or found[-1], "-F", "-y", path]
    socket_path = directory / "php.sock"
    return Process("php", command, directory=directory, addresses=[socket_path])


PROXIES = {"nginx": nginx, "caddy": caddy, "haproxy": haproxy, "traefik": traefik}
