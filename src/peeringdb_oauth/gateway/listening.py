"""Where the gateway listens: the address is free, and a stale socket file is removed.

The workers share a port by ``SO_REUSEPORT``. So a second gateway on the same port would
not fail by itself, but take a part of the requests.
"""

import errno
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.addresses import Listen


def claim(name: str, listen: Listen) -> None:
    """Do nothing if the gateway can listen there; remove a socket file of a dead one.

    ``name``: of the setting, for the message.

    Raises:
        ConfigurationError: something else listens there, or the address is not of this
            machine.
    """
    if listen.unix is not None:
        _claim_path(name, listen.unix)
        return
    family, address = _resolve(name, listen)
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(name, probe, listen, address)


def where(listen: Listen, *, mode: int = 0o660) -> dict[str, Any]:
    """The arguments of granian's server that say where it listens.

    ``mode``: of a Unix socket's file.
    """
    if listen.unix is not None:
        return {"uds": listen.unix, "uds_permissions": mode}
    return {"address": _resolve("listen", listen)[1][0], "port": listen.port}


@contextmanager
def listening(
    name: str, listen: Listen, *, mode: int, group: str | None, is_shared: bool = False
) -> Iterator[socket.socket]:
    """A socket that takes connections meanwhile.

    ``name``: of the setting, for messages. ``mode``, ``group``: of a Unix socket's
    file, which is removed at the end. ``is_shared``: whether several processes listen
    there by themselves. Those of a port get connections in turn. The file of a Unix
    socket is that of the process that began last.

    Raises:
        ConfigurationError: as `claim` and `give_to`, or the system does not let it
            listen there.
    """
    if listen.unix is None:
        family, address = _resolve(name, listen)
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            _bind(name, listener, listen, address)
            listener.listen()
            yield listener
        return
    path = listen.unix
    _claim_path(name, path, is_shared=is_shared)
    made = path.with_name(f"{path.name}.{os.getpid()}") if is_shared else path
    with socket.socket(socket.AF_UNIX) as listener:
        _bind(name, listener, listen, str(made))
        try:
            made.chmod(mode)
            give_to(replace(listen, unix=made), group)
            listener.listen()
            made.replace(path)
            yield listener
        finally:
            listener.close()
            made.unlink(missing_ok=True)
            _remove_dead(path)


def _bind(name: str, listener: socket.socket, listen: Listen, address: Any) -> None:
    try:
        listener.bind(address)
    except OSError as error:
        raise ConfigurationError(f"{name}: {listen}: {error.strerror or error}") from None


def give_to(listen: Listen, group: str | None) -> None:
    """Give the file of a Unix socket to a group, such as the web server's.

    Raises:
        ConfigurationError: there is no such group, or this user is not in it.
    """
    if listen.unix is None or group is None:
        return
    try:
        shutil.chown(listen.unix, group=group)
    except LookupError:
        raise ConfigurationError(f"socket_group: there is no group {group}") from None
    except OSError as error:
        raise ConfigurationError(f"socket_group: {group}: {error.strerror}") from None


def _resolve(name: str, listen: Listen) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ConfigurationError(f"{name}: {listen}: {error.strerror}") from None
    return family, address


def _claim_path(name: str, path: Path, *, is_shared: bool = False) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        if path.parent.is_dir():
            return
        raise ConfigurationError(f"{name}: {path.parent}: there is no such directory") from None
    if not stat.S_ISSOCK(mode):
        raise ConfigurationError(f"{name}: {path} exists and is no socket")
    if is_shared:
        return
    if not _remove_dead(path):
        raise ConfigurationError(f"{name}: another program listens at {path}")


def _remove_dead(path: Path) -> bool:
    """Remove the file of a Unix socket at which nobody listens; whether nobody does.

    Another process may do the same at the same time.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        is_dead = probe.connect_ex(str(path)) in (errno.ECONNREFUSED, errno.ENOENT)
    if is_dead:
        path.unlink(missing_ok=True)
    return is_dead
