"""The catalogues are complete and compiled, and `scripts/translations` checks it."""

import runpy
import shutil
from pathlib import Path

import pytest

from peeringdb_oauth.web.languages import CATALOGUES

SCRIPT = Path(__file__).parents[2] / "scripts" / "translations"
GERMAN = CATALOGUES / "de" / "LC_MESSAGES" / "peeringdb_oauth.po"


def test_the_catalogues_are_complete_and_compiled(capsys):
    status = runpy.run_path(str(SCRIPT))["main"]("--check")
    assert (capsys.readouterr().out.strip(), status) == ("", 0)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("Sie sind nicht angemeldet", ""), "'You are not logged in' is not translated"),
        (('msgid "You are not logged in"', 'msgid "You are not"'), "lacks 'You are not logged in'"),
        (('msgid "You are not logged in"', 'msgid "You are not"'), "nothing says 'You are not'"),
        (("Sie sind als {name} angemeldet.", "Sie sind angemeldet."), "has not the values of"),
        (("Sie sind nicht angemeldet", "Nein"), "'You are not logged in' is another in the .mo"),
        (('msgid "You are not logged in"', '#, fuzzy\nmsgid "You are not logged in"'), "is not"),
    ],
)
def test_what_is_wrong_with_a_catalogue_is_said(tmp_path, change, problem):
    problems = runpy.run_path(str(SCRIPT))["problems"]
    copy = shutil.copy(GERMAN, tmp_path)
    shutil.copy(GERMAN.with_suffix(".mo"), tmp_path)
    assert list(problems(Path(copy))) == []
    text = GERMAN.read_text()
    assert change[0] in text
    Path(copy).write_text(text.replace(*change))
    assert any(problem in found for found in problems(Path(copy)))


def test_a_new_catalogue_has_all_messages(tmp_path):
    script = runpy.run_path(str(SCRIPT))
    path = tmp_path / "fr" / "LC_MESSAGES" / "peeringdb_oauth.po"
    script["update"](path)
    assert {message.id for message in script["read"](path)} - {""} == script["messages"]()
    assert path.with_suffix(".mo").exists()
