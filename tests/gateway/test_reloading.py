"""Settings that are read again while the gateway runs."""

import logging
from dataclasses import replace

import pytest
from gateway_settings import load_settings, write_settings

from peeringdb_oauth.gateway.reloading import Reloader

OTHER_RULES = """
[[rule]]
path = "/"
allow = "verified"
"""


@pytest.fixture
def applied():
    """What the gateway was told."""
    return []


@pytest.fixture
def reloader(tmp_path, applied):
    return Reloader(load_settings(tmp_path), applied.append)


def test_new_rules_count_from_now_on(reloader, applied, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    write_settings(tmp_path, rules=OTHER_RULES)
    assert reloader.reload() is True
    [reloadable] = applied
    assert [rule.path for rule in reloadable.rules] == ["/"]
    assert reloader.settings.reloadable is reloadable
    assert "gateway.toml was reloaded" in caplog.text


@pytest.mark.parametrize("broken", ["[[rule]\n", OTHER_RULES + 'perms = "chnage"', ""])
def test_a_broken_file_leaves_the_old_rules_in_force_and_says_so(
    reloader, applied, tmp_path, caplog, broken
):
    before = reloader.settings
    write_settings(tmp_path, rules=broken)
    assert reloader.reload() is False
    assert (applied, reloader.settings) == ([], before)
    assert "the old rules stay in force" in caplog.text
    assert "gateway.toml" in caplog.text


def test_a_file_that_is_gone_leaves_the_old_rules_in_force(reloader, applied, tmp_path):
    (tmp_path / "gateway.toml").unlink()
    assert (reloader.reload(), applied) == (False, [])


def test_what_a_reload_cannot_change_is_named_and_stays(reloader, applied, tmp_path, caplog):
    write_settings(tmp_path, "workers = 2", 'listen = "127.0.0.1:4999"', rules=OTHER_RULES)
    assert reloader.reload() is True
    assert "restart the gateway for the new values of: listen, workers" in caplog.text
    assert len(applied) == 1
    assert reloader.settings.workers == 1


class SignalMeanwhile(logging.Handler):
    """Another signal, which comes when the settings were read and do not count yet."""

    def __init__(self, react):
        super().__init__()
        self.react = react

    def emit(self, _):
        react, self.react = self.react, lambda: None
        react()


@pytest.fixture
def when_something_is_logged():
    """``when_something_is_logged(react)``: call ``react`` then, once."""
    log, handlers = logging.getLogger("peeringdb_oauth"), []

    def add(react):
        handlers.append(SignalMeanwhile(react))
        log.addHandler(handlers[-1])

    yield add
    for handler in handlers:
        log.removeHandler(handler)


def test_of_two_signals_at_once_the_later_file_counts(
    reloader, applied, tmp_path, when_something_is_logged
):
    def change():
        write_settings(tmp_path, rules=OTHER_RULES)
        assert reloader.reload() is False  # the other one reads it

    when_something_is_logged(change)
    write_settings(tmp_path, "workers = 2")  # which is logged
    assert reloader.reload() is True
    assert [rule.path for rule in reloader.settings.reloadable.rules] == ["/"]
    assert applied[-1] is reloader.settings.reloadable


def test_a_signal_while_a_file_of_asns_counts_is_not_lost(tmp_path):
    applied = []

    def apply(reloadable):
        applied.append(reloadable)
        if len(applied) == 1:
            write_settings(tmp_path, rules=OTHER_RULES)
            assert reloader.reload() is False

    reloader = Reloader(load_settings(tmp_path), apply)
    (tmp_path / "members.txt").write_text("64501\n")
    reloader.refresh()
    assert [[rule.path for rule in one.rules] for one in applied] == [
        ["/members/{asn}/", "/"],
        ["/"],
    ]


def test_no_restart_is_asked_for_if_nothing_needs_one(reloader, tmp_path, caplog):
    write_settings(tmp_path, rules=OTHER_RULES)
    reloader.reload()
    assert "restart" not in caplog.text


def test_a_file_of_asns_is_read_again_when_it_changes(reloader, applied, tmp_path):
    reloader.refresh()
    assert applied == []
    (tmp_path / "members.txt").write_text("64500\n64501\n")
    reloader.refresh()
    assert [file.asns for file in applied[0].asn_files] == [(64500, 64501)]
    reloader.refresh()
    assert len(applied) == 1


class FileDuringReload:
    """A file of ASNs that has changed. While it is read, the rules are reloaded."""

    path = "members.txt"
    reloader = None

    def refresh(self):
        assert self.reloader.reload() is True
        return True


def test_a_file_that_is_read_during_a_reload_brings_no_old_rules_back(applied, tmp_path):
    settings, file = load_settings(tmp_path), FileDuringReload()
    before = replace(settings.reloadable, asn_files=(file,))
    file.reloader = reloader = Reloader(replace(settings, reloadable=before), applied.append)
    write_settings(tmp_path, rules=OTHER_RULES)
    reloader.refresh()
    assert [[rule.path for rule in reloadable.rules] for reloadable in applied] == [["/"]]


def test_a_broken_file_of_asns_leaves_the_old_numbers_in_force_and_says_so_once(
    reloader, applied, tmp_path, caplog
):
    (tmp_path / "members.txt").write_text("64500\nsixty\n")
    reloader.refresh()
    reloader.refresh()
    assert applied == []
    assert [file.asns for file in reloader.settings.reloadable.asn_files] == [(64500,)]
    assert caplog.text.count("members.txt:2") == 1


def test_several_processes_do_not_all_say_that_it_went_well(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    reloader = Reloader(load_settings(tmp_path), lambda _: None, level=logging.DEBUG)
    (tmp_path / "members.txt").write_text("64501\n")
    reloader.refresh()
    assert reloader.reload() is True
    assert caplog.text == ""
