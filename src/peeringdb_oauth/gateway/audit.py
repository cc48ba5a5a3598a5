"""The audit log as JSON lines: who, what, which rule, and why."""

import json
import logging
import sys
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler

from peeringdb_oauth.errors import ConfigurationError

_LOGGER = logging.getLogger("peeringdb_oauth.audit")
_PREFIX = "peeringdb_"


class JSONLines(logging.Formatter):
    """Writes a record of the audit as one line of JSON, without what is empty."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields = {
            name.removeprefix(_PREFIX): value
            for name, value in vars(record).items()
            if name.startswith(_PREFIX) and value not in (None, "", ())
        }
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return json.dumps({"time": when} | fields, default=list)


def open_audit_log(target: str) -> logging.Handler:
    """Write the audit to a file from now on; ``-``: to standard output.

    A file that is moved away is opened anew. The result is for `close_audit_log`.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    handler: logging.Handler
    try:
        handler = logging.StreamHandler(sys.stdout) if target == "-" else WatchedFileHandler(target)
    except OSError as error:
        raise ConfigurationError(f"audit_log: {target}: {error.strerror}") from None
    handler.setFormatter(JSONLines())
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    return handler


def close_audit_log(handler: logging.Handler) -> None:
    """Write the audit there no more."""
    _LOGGER.removeHandler(handler)
    if not _LOGGER.handlers:
        _LOGGER.setLevel(logging.NOTSET)  # as it was
    handler.close()
