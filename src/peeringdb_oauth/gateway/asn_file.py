"""A list of networks in a file, which is read again when the file changes.

Each line has one AS number, with or without "AS" before it. Empty lines are allowed,
and comments, which begin with ``#``.
"""

import re
from pathlib import Path

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import is_asn

_MAX_BYTES = 10_000_000
_MAX_PROBLEMS = 5  # of one file
_ASN = re.compile("(?:AS)?([1-9][0-9]{0,9})", re.IGNORECASE)


def parse_asns(text: str, where: str) -> tuple[int, ...]:
    """The AS numbers in a text, each once.

    ``where``: the name of the file, for error messages.

    Raises:
        ConfigurationError: a line is wrong, or there is no AS number.
    """
    asns: dict[int, None] = {}
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.partition("#")[0].strip()
        found = _ASN.fullmatch(entry)
        if found and is_asn(asn := int(found[1])):
            asns[asn] = None
        elif entry:
            problems.append(f"{where}:{number}: must be one AS number, such as 64500")
    if len(problems) > _MAX_PROBLEMS:
        others = len(problems) - _MAX_PROBLEMS
        problems[_MAX_PROBLEMS:] = [f"{where}: {others} more lines are wrong"]
    if not asns and not problems:
        problems.append(f"{where}: has no AS number in it, so nobody could pass")
    if problems:
        raise ConfigurationError(*problems)
    return tuple(asns)


class ASNFile:
    """A list of networks in a file. It is read now, and again by `refresh`.

    ``path``: the file. ``asns``: its AS numbers. ``members``: the same as a set.

    Raises:
        ConfigurationError: the file cannot be read, or a line is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version = self._stat()
        self.asns = self._read()
        self.members = frozenset(self.asns)

    def refresh(self) -> bool:
        """Read the file again if it has changed; whether it has.

        If it is wrong, the last numbers stay in force, and the error comes once for
        each change of the file.

        Raises:
            ConfigurationError: the file cannot be read, or a line is wrong.
        """
        version = self._version
        try:
            self._version = self._stat()
        except ConfigurationError:
            self._version = ()
            if version == ():
                return False
            raise
        if self._version == version:
            return False
        asns = self._read()
        self.asns, self.members = asns, frozenset(asns)
        return True

    def _stat(self) -> tuple[int, ...]:
        """What changes when the file does."""
        try:
            found = self.path.stat()
        except OSError as error:
            raise ConfigurationError(f"{self.path}: {error.strerror}") from None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

    def _read(self) -> tuple[int, ...]:
        try:
            with self.path.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
        except OSError as error:
            raise ConfigurationError(f"{self.path}: {error.strerror}") from None
        if len(content) > _MAX_BYTES:
            raise ConfigurationError(f"{self.path}: has more than {_MAX_BYTES:,} bytes")
        try:
            return parse_asns(content.decode("utf-8-sig"), str(self.path))
        except UnicodeDecodeError:
            raise ConfigurationError(f"{self.path}: not text in UTF-8") from None
