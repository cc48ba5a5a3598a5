"""Settings that change while the gateway runs: on SIGHUP, and with files of ASNs."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.settings import Reloadable, Settings

log = logging.getLogger("peeringdb_oauth")


class Reloader:
    """Reads the settings again. What is wrong leaves the old ones in force.

    ``settings``: those in force. ``apply``: called with rules, roles and headers that
    are to count from now on. ``level``: of the log for what has gone well.
    """

    def __init__(
        self,
        settings: Settings,
        apply: Callable[[Reloadable], object],
        *,
        level: int = logging.INFO,
    ) -> None:
        self.settings = settings
        self._apply = apply
        self._level = level
        self._lock = threading.Lock()
        self._asked = self._answered = object()  # the last reload that was asked for, and done

    def reload(self) -> bool:
        """Read the settings file again; whether its rules count from now on.

        If it is being read already, the one who reads it does so once more, and this
        returns False. That is so if a signal comes while another one is handled.
        """
        self._asked = object()
        return self._catch_up()

    def _catch_up(self) -> bool:
        is_new = False
        while self._answered is not self._asked and self._lock.acquire(blocking=False):
            try:
                asked = self._asked
                is_new = self._reload()
                self._answered = asked
            finally:
                self._lock.release()
        return is_new

    def _reload(self) -> bool:
        try:
            found = Settings.load(self.settings.path)
        except ConfigurationError as error:
            log.error("nothing was reloaded, and the old rules stay in force:\n%s", error)  # noqa: TRY400 - whose mistake it is, is known
            return False
        names = self.settings.changes_that_need_a_restart(found)
        if names:
            log.warning("restart the gateway for the new values of: %s", ", ".join(names))
        self.settings = replace(self.settings, reloadable=found.reloadable)
        self._apply(found.reloadable)
        log.log(self._level, "%s was reloaded: rules, roles, headers", self.settings.path)
        return True

    def refresh(self) -> None:
        """Read those files of ASNs again that have changed."""
        reloadable = self.settings.reloadable
        has_changed = False
        for file in reloadable.asn_files:
            try:
                if file.refresh():
                    has_changed = True
                    log.log(self._level, "%s was read again", file.path)
            except ConfigurationError as error:
                log.error("the numbers that were read before stay in force:\n%s", error)  # noqa: TRY400
        with self._lock:
            # A reload meanwhile has read the files itself, and its rules must stay.
            if has_changed and self.settings.reloadable is reloadable:
                self._apply(reloadable)
        self._catch_up()
