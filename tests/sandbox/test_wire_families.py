"""Replays the recordings of tests/wire-2 at the sandbox, and compares the answers."""

from dataclasses import replace

import pytest
from stated_differences import OF_RECORDINGS
from wire_families import FAMILIES, RECORDINGS_2, WIRE_2, Stage
from wire_replay import compare, read, register_applications, with_local_issuer

pytestmark = pytest.mark.usefixtures("clear_faults")


@pytest.fixture(autouse=True)
def undo(pdb):
    yield
    pdb.reset_limits()


@pytest.fixture
def stage(pdb, web, visitor):
    return Stage(register_applications(pdb, web), visitor)


def expected_answer(name, url):
    _, expected = read(name, WIRE_2)
    if name.startswith("session-no-mfa-"):  # the person has another id there
        expected = replace(
            expected,
            headers={
                key: "u7" if value == "u8" else value for key, value in expected.headers.items()
            },
        )
    return with_local_issuer(expected, url) if '"id_token"' in expected.body else expected


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_answers_as_recorded(stage, pdb, family):
    family(stage)
    assert stage.answers
    found = {
        name: compare(expected_answer(name, pdb.url), answer, pdb.url)
        for name, answer in stage.answers.items()
    }
    wrong = {name: lines for name, lines in found.items() if lines and name not in OF_RECORDINGS}
    assert not wrong, "\n".join(f"{name}: {line}" for name in wrong for line in wrong[name])
    no_more = [name for name, lines in found.items() if not lines and name in OF_RECORDINGS]
    assert not no_more, f"{no_more} no longer differ: take them off the list"


def test_every_recording_is_replayed(stage):
    for family in FAMILIES:
        family(stage)
        stage.world.pdb.reset_limits()
        stage.visitor.session.cookies.clear()
    assert sorted(stage.answers) == RECORDINGS_2
