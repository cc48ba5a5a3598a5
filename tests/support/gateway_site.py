"""A gateway with a proxy before it and an application behind it, all of them real."""

import shutil
import sys
import tempfile
from pathlib import Path

import proxies
from echo_server import EchoServer
from ports import free_port
from raw_https import Visitor

from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.gateway.snippets import print_snippet

COMMAND = [str(Path(sys.executable).with_name("peeringdb-oauth"))]
HOSTS = ("lg.example.net", "wiki.example.net")
RULES = """
[[rule]]
path = "/public/"
allow = "everybody"

[[rule]]
path = "/read/"
methods = ["GET", "HEAD"]
asn = 64500

[[rule]]
path = "/members/{asn}/"
perms = "update"

[[rule]]
path = "/slashes/"
allow = "verified"
allow_in_path = ["%2F"]

[[rule]]
host = "HOST1"
path = "/"
allow = "verified"

[[rule]]
path = "/"
asn = 64500

[[role]]
name = "Editor"
asn = 64500
perms = "update"
"""


class GatewayProcess:
    """``peeringdb-oauth gateway`` as a process of its own."""

    def __init__(self, config, address):
        self.config = config
        self._process = proxies.Process(
            "gateway",
            [*proxies.AS_CHILD, *COMMAND, "gateway", "--config", str(config)],
            directory=config.parent,
            addresses=[address],
            environment={"PEERINGDB_OAUTH_CONFIG": "/dev/null"},
        )
        self.end, self.signal = self._process.end, self._process.signal

    @property
    def log(self):
        return self._process.log


class GatewaySite:
    """The running site.

    ``proxy``: nginx, caddy, haproxy or traefik. ``socket``: whether the gateway listens
    on a Unix socket. ``rules``, ``more``: in its file. ``upstream``: of the snippet; by
    default the application. ``options``: of the snippet.
    """

    def __init__(
        self,
        proxy,
        pdb,
        certificate,
        *,
        socket=False,
        rules=RULES,
        more="",
        upstream=None,
        **options,
    ):
        self.proxy_name, self.pdb = proxy, pdb
        self.directory = Path(tempfile.mkdtemp(prefix="gateway-", dir="/tmp"))
        self.directory.chmod(0o755)
        self.application = EchoServer()
        self.port = free_port()
        address = self.directory / "gateway.sock" if socket else free_port()
        self.origins = [f"https://{host}:{self.port}" for host in HOSTS]
        listen = f"unix:{address}" if socket else f"127.0.0.1:{address}"
        if socket:
            more += 'socket_mode = "0666"'  # the proxy runs as another user
        self.config = self._write_config(listen, rules, more)
        self.gateway = self._proxy = None
        try:
            self.gateway = GatewayProcess(self.config, address)
            site = proxies.Site(
                self.snippet(proxy, upstream or self.application.url, **options),
                port=self.port,
                certificate=certificate,
                lua=self.snippet("haproxy-lua", ""),
            )
            self._proxy = proxies.PROXIES[proxy](site)
        except BaseException:
            self.end()
            raise

    def _write_config(self, listen, rules, more):
        application = self.pdb.register(
            *(f"{origin}/_peeringdb/callback" for origin in self.origins)
        )
        for name, secret in (("key", "k" * 40), ("secret", application.client_secret)):
            (self.directory / name).write_text(secret)
            (self.directory / name).chmod(0o600)
        (self.directory / "members.txt").write_text("64500\n")
        urls = ", ".join(f'"{origin}"' for origin in self.origins)
        path = self.directory / "gateway.toml"
        path.write_text(f"""
listen = "{listen}"
urls = [{urls}]
secret_key_file = "key"
sessions = "sqlite:///{self.directory}/sessions.db"
{more}

[peeringdb]
client_id = "{application.client_id}"
client_secret_file = "secret"
base_url = "{self.pdb.url}"
ca_file = "{self.pdb.ca_file}"
requests_per_minute = 1000
{rules.replace("HOST1", self.origins[1].removeprefix("https://"))}
""")
        return path

    def snippet(self, proxy, upstream, **options):
        return print_snippet(Settings.load(self.config), proxy, [upstream], **options)

    @property
    def log(self):
        return self._proxy.log

    @property
    def remembered(self):
        """The files of nginx's memory."""
        return [path for path in self._proxy.directory.glob("cache/**/*") if path.is_file()]

    def visit(self, host=0):
        """A visitor of one of the two hosts, who is not logged in."""
        return Visitor(self.origins[host])

    def log_in(self, person, *, host=0, page="/"):
        """A visitor who is logged in."""
        visitor = self.visit(host)
        answer = visitor.log_in(self.pdb, person, page)
        assert answer.status in (302, 303), answer.body
        return visitor

    @property
    def received(self):
        """What the application was asked."""
        return self.application.received

    def end(self):
        for process in (self._proxy, self.gateway):
            if process is not None:
                process.end()
        self.application.__exit__()
        shutil.rmtree(self.directory)
        if self._proxy is not None:
            shutil.rmtree(self._proxy.directory)
