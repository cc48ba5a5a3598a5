"""A keyring in a JSON file, for tests. $KEYRING_FILE names the file."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class FileKeyring(KeyringBackend):
    priority = 1

    @property
    def _file(self):
        return Path(os.environ["KEYRING_FILE"])

    def _read(self):
        if os.environ.get("KEYRING_LOCKED"):
            raise KeyringLocked("it is locked")
        return json.loads(self._file.read_text()) if self._file.exists() else {}

    def get_password(self, service, username):
        return self._read().get(f"{service} {username}")

    def set_password(self, service, username, password):
        self._file.write_text(json.dumps(self._read() | {f"{service} {username}": password}))

    def delete_password(self, service, username):
        entries = self._read()
        if f"{service} {username}" not in entries:
            raise PasswordDeleteError("not found")
        del entries[f"{service} {username}"]
        self._file.write_text(json.dumps(entries))
