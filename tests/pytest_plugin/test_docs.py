"""Runs the examples of docs/testing.md."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs" / "testing.md"
# Replaces pytest-django, which would also change the other tests here.
DJANGO = """
import django
import pytest

django.setup()


@pytest.fixture
def client():
    from django.test import Client

    return Client()


@pytest.fixture(scope="session")
def tables():
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


@pytest.fixture
def db(tables):
    from django.db import transaction

    with transaction.atomic():
        yield
        transaction.set_rollback(True)
"""
pytest_plugins = ["pytester"]


def examples(how=""):
    return re.findall(
        rf"<!-- run by tests/pytest_plugin/test_docs.py{how} -->\n```python\n(.+?)```",
        DOCS.read_text("utf-8"),
        re.DOTALL,
    )


@pytest.mark.parametrize("number", [0, 1])
def test_examples_for_flask_and_fastapi_pass(pytester, number):
    pytester.makepyfile(examples()[number])
    pytester.runpytest_subprocess().assert_outcomes(passed=3)


def test_examples_for_django_pass(pytester, monkeypatch):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "members")
    monkeypatch.setenv("PYTHONPATH", str(HERE / "in_django"))
    pytester.makeconftest(DJANGO)
    pytester.makepyfile(*examples(", with Django"))
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=2)


def test_example_of_one_application_for_all_tests_passes(pytester):
    pytester.makeconftest(*examples(", as conftest.py"))
    pytester.makepyfile(
        portal="""
            import flask
            import peeringdb_oauth.integrations.flask

            app = flask.Flask("portal")
            app.secret_key = "only-for-tests-0123456789"
            pdb = peeringdb_oauth.integrations.flask.PeeringDB(app)
            app.get("/")(pdb.require()(lambda: str(pdb.user().id)))
        """,
        test_portal="""
            import pytest

            @pytest.mark.parametrize("n", [1, 2])
            def test_login(peeringdb, app, n):
                ada = peeringdb.person("Ada Admin")
                assert peeringdb.log_in(app.test_client(), ada).text == str(ada.id)
        """,
    )
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=2)


def test_every_example_that_is_a_test_is_run():
    whole = re.findall(r"```python\n((?:import|from) .+?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert (
        len(whole)
        == len(examples()) + len(examples(", with Django")) + len(examples(", as conftest.py"))
        == 4
    )
