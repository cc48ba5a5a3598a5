"""Real servers for the stores of sessions, each in a directory of its own."""

import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pymysql
import redis
from in_threads import until
from ports import free_port

PATIENCE = 30  # seconds for a server to end on a busy machine
PASSWORD = "s3cret-password"  # only Redis asks for it


class SQLiteFile:
    """A file; ``freeze``: somebody else has locked it."""

    name = "sqlite"
    port = None

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="store-"))
        self._number, self._lock = 0, None

    @property
    def file(self):
        return self.directory / f"{self._number}.sqlite3"

    @property
    def url(self):
        return f"sqlite:///{self.file}"

    def wipe(self):
        self._number += 1  # a file that is in use must stay

    def freeze(self):
        self._lock = sqlite3.connect(self.file, isolation_level=None)
        self._lock.execute("BEGIN EXCLUSIVE")

    def thaw(self):
        self._lock.close()

    def end(self):
        shutil.rmtree(self.directory)


class Server:
    """A server as a process of its own."""

    _process = None

    def __init__(self):
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="store-", dir="/tmp"))
        try:
            self.make()
            self.start()
        except BaseException:
            self.end()
            raise

    @property
    def url(self):
        return self.url_at(self.port)

    def make(self):
        """Prepare the directory."""

    def start(self):
        log = (self.directory / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        until(self._answers)

    def _answers(self):
        assert self._process.poll() is None, (self.directory / "log").read_text()
        try:
            self.ask()
        except self.errors:
            return False
        return True

    def stop(self):
        self._process.send_signal(self.stop_signal)
        self._process.wait(PATIENCE)

    def restart(self):
        self.stop()
        self.start()

    def processes(self):
        """The numbers of the server's processes."""
        yield self._process.pid
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(FileNotFoundError, ProcessLookupError):
                parent = stat.read_text().rpartition(")")[2].split()[1]
                if int(parent) == self._process.pid:
                    yield int(stat.parent.name)

    def freeze(self):
        for number in self.processes():
            os.kill(number, signal.SIGSTOP)

    def thaw(self):
        for number in self.processes():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGCONT)

    def end(self):
        if self._process and self._process.poll() is None:
            self.thaw()
            self.stop()
        shutil.rmtree(self.directory)


class PostgreSQL(Server):
    name = "postgresql"
    errors = psycopg.OperationalError
    stop_signal = signal.SIGINT  # ends all connections

    def make(self):
        # It refuses to run as root.
        self._as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        if os.getuid() == 0:
            shutil.chown(self.directory, "postgres")
        else:
            self._as_user = []
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        self._bin = found[-1] if found else Path(shutil.which("postgres")).parent
        subprocess.run(
            [
                *self._as_user,
                self._bin / "initdb",
                "--no-sync",
                "--username=portal",
                "--auth=trust",
                "--encoding=UTF8",
                self.directory / "data",
            ],
            check=True,
            capture_output=True,
        )

    def command(self):
        settings = ("fsync=off", "listen_addresses=127.0.0.1", f"port={self.port}")
        return [
            *self._as_user,
            self._bin / "postgres",
            *("-D", self.directory / "data", "-k", self.directory),
            *(part for setting in settings for part in ("-c", setting)),
        ]

    def url_at(self, port):
        return f"postgresql+psycopg://portal:{PASSWORD}@127.0.0.1:{port}/postgres"

    def ask(self, *statements):
        with psycopg.connect(
            f"host=127.0.0.1 port={self.port} user=portal dbname=postgres", autocommit=True
        ) as connection:
            for statement in statements:
                connection.execute(statement)

    def wipe(self):
        self.ask("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


class MariaDB(Server):
    name = "mariadb"
    errors = pymysql.OperationalError
    stop_signal = signal.SIGTERM

    def make(self):
        subprocess.run(
            [
                "mariadb-install-db",
                *self._options(),
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            check=True,
            capture_output=True,
        )

    def _options(self):
        user = ["--user=root"] if os.getuid() == 0 else []
        return ["--no-defaults", f"--datadir={self.directory / 'data'}", *user]

    def command(self):
        program = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
        return [
            program,
            *self._options(),
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self.directory / 'socket'}",
            "--innodb-flush-log-at-trx-commit=0",
            "--skip-grant-tables",
            # What an old or careless server has.
            "--character-set-server=latin1",
            "--collation-server=latin1_swedish_ci",
            "--default-time-zone=-05:00",
        ]

    def url_at(self, port):
        return f"mysql+pymysql://root:{PASSWORD}@127.0.0.1:{port}/portal"

    def ask(self, *statements):
        with closing(pymysql.connect(host="127.0.0.1", port=self.port, user="root")) as connection:
            for statement in ("CREATE DATABASE IF NOT EXISTS portal", *statements):
                with connection.cursor() as cursor:
                    cursor.execute(statement)

    def wipe(self):
        self.ask("DROP DATABASE portal", "CREATE DATABASE portal")


class RedisServer(Server):
    name = "redis"
    errors = redis.exceptions.ConnectionError
    stop_signal = signal.SIGTERM

    def command(self):
        return [
            shutil.which("redis-server") or "valkey-server",
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory),
            *("--save", "", "--appendonly", "yes", "--appendfsync", "no"),
            *("--requirepass", PASSWORD),
        ]

    def url_at(self, port):
        return f"redis://:{PASSWORD}@127.0.0.1:{port}/3"

    def ask(self, *commands):
        with redis.Redis(port=self.port, password=PASSWORD, decode_responses=True) as client:
            return [client.execute_command(*command.split()) for command in commands or ["PING"]]

    def wipe(self):
        self.ask("FLUSHALL", "SCRIPT FLUSH")


SERVERS = {kind.name: kind for kind in (SQLiteFile, PostgreSQL, MariaDB, RedisServer)}
