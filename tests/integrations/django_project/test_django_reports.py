"""What Django's debug page and its mails to admins tell of the library's secrets."""
# ruff: noqa: PLC0415 - models can be imported only after Django is set up

import logging
from contextlib import contextmanager

import pytest

PASSWORD = "hidden-password"
WITH_PASSWORD = f"redis://:{PASSWORD}@127.0.0.1:1/0"


@pytest.fixture(params=["on a page", "by mail"])
def report(request, configure):
    """``report(visitor, path)``: what Django tells of an error, with all variables."""
    from django.core import mail
    from django.utils.log import AdminEmailHandler

    is_page = request.param == "on a page"
    configure.changes = {
        "DEBUG": is_page,
        "ADMINS": [("Ada", "ada@example.net")],
        "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
    }
    handler = AdminEmailHandler(include_html=True)
    logging.getLogger("django.request").addHandler(handler)

    def read(visitor, path):
        visitor.client.raise_request_exception = False
        answer = visitor.get(path)
        assert answer.status_code == 500
        if is_page:
            return answer.content.decode()
        message = mail.outbox[-1]
        return message.body + message.alternatives[0][0]

    mail.outbox = []
    yield read
    logging.getLogger("django.request").removeHandler(handler)


@contextmanager
def failing(signal):
    """A receiver of a signal that fails."""

    def fail(**_):
        raise ZeroDivisionError

    signal.connect(fail)
    try:
        yield
    finally:
        signal.disconnect(fail)


def told(text, pdb, *more):
    """The secrets that a report has."""
    from django.conf import settings

    assert "PEERINGDB_OAUTH" in text  # it is a report, with the settings
    secrets = (pdb.members_area.client_secret, PASSWORD, settings.SECRET_KEY, *more)
    return [secret for secret in secrets if secret in text]


@pytest.mark.parametrize(
    "wrong",
    [
        {"RULE": 7},
        {"CLIENT_ID": ""},
        {"TIMEOUT": "soon"},
        {"SESSION_POLICY": {"max_age": -1}},
        {"EGRESS": "?"},
        {"SESSIONS": WITH_PASSWORD.replace("redis", "postgresql")},
        {"SESSIONS": f"postgresql+psycopg://portal:{PASSWORD}@127.0.0.1:1/"},
        {"SESSIONS": f"redis://:{PASSWORD}@127.0.0.1:none/0"},
    ],
)
def test_a_wrong_setting(report, configure, make_visitor, pdb, wrong):
    configure(**{"SESSIONS": WITH_PASSWORD, **wrong}, **configure.changes)
    assert told(report(make_visitor(), "/login/peeringdb"), pdb) == []


def test_a_view_that_fails_for_somebody_who_is_logged_in(report, configure, make_visitor, pdb):
    configure(SESSIONS="django", **configure.changes)
    visitor = make_visitor()
    visitor.log_in("member")
    assert told(report(visitor, "/crash"), pdb, *tokens(visitor)) == []


def test_a_receiver_that_fails_at_the_login(report, configure, make_visitor, pdb, monkeypatch):
    from peeringdb_oauth.integrations.django import signals
    from peeringdb_oauth.tokens import TokenResponse

    configure(SESSIONS="django", **configure.changes)
    visitor, seen = make_visitor(), []
    callback = visitor.callback("member")
    made = TokenResponse.__init__

    def watch(self, **values):
        seen.extend([values["access_token"], values["refresh_token"]])
        made(self, **values)

    monkeypatch.setattr(TokenResponse, "__init__", watch)
    with failing(signals.logged_in):
        text = report(visitor, callback)
    assert len(set(seen)) == 2
    assert told(text, pdb, *seen) == []


def tokens(visitor):
    """The tokens in the visitor's session."""
    from peeringdb_oauth.integrations.django.application import application

    app = application()
    visitors = app.visitors
    [record] = app.store.vault.of_owner(f"user:{visitor.session['peeringdb']['user'][0]}")
    login = visitors._sessions._from(record)
    token = visitors._tokens.open(login)
    return token.access_token, token.refresh_token
