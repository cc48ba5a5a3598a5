"""Where the application behind the proxy is."""

import re
from dataclasses import dataclass
from typing import Self

from peeringdb_oauth.errors import ConfigurationError

_URL = re.compile(r"(https?)://((?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)/?")
# These texts become part of a configuration, where a blank or a quote ends a value.
_PATH = re.compile(r"/[A-Za-z0-9._/@+-]*")
_ADDRESS = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """An application, or a directory with static files.

    ``scheme``: http or https. ``address``: the host and port of a server. ``socket``:
    the path of a Unix socket. ``directory``: the files. Of the last three exactly one
    is set.
    """

    scheme: str = "http"
    address: str = ""
    socket: str = ""
    directory: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``http://HOST:PORT``, ``https://HOST``, ``unix:/PATH`` or a directory.

        Raises:
            ConfigurationError: it is none of them.
        """
        if url := _URL.fullmatch(text):
            scheme, address = url.groups()
            if not re.search(r":[0-9]+$", address):
                address = f"{address}:{_DEFAULT_PORTS[scheme]}"
            return cls(scheme=scheme, address=address)
        if text.startswith("unix:") and _PATH.fullmatch(text[5:]):
            return cls(socket=text[5:])
        if _PATH.fullmatch(text):
            return cls(directory=text.rstrip("/") or "/")
        raise ConfigurationError(
            f"--upstream: {text!r} is neither http://HOST:PORT, https://HOST, unix:/PATH nor the"
            " /PATH of a directory; nothing may follow host and port"
        )

    @property
    def server(self) -> bool:
        """Whether it is an application, not a directory."""
        return not self.directory

    @property
    def url(self) -> str:
        """The URL of an application that has an address."""
        return f"{self.scheme}://{self.address}"

    @property
    def host(self) -> str:
        """The host of an application that has an address."""
        return self.address.rpartition(":")[0]

    @classmethod
    def parse_php(cls, text: str) -> Self:
        """Read where PHP-FPM listens: ``unix:/PATH`` or ``HOST:PORT``.

        Raises:
            ConfigurationError: it is neither.
        """
        if text.startswith("unix:") and _PATH.fullmatch(text[5:]):
            return cls(socket=text[5:])
        if _ADDRESS.fullmatch(text):
            return cls(address=text)
        raise ConfigurationError(f"--php: {text!r} is neither unix:/PATH nor HOST:PORT")
