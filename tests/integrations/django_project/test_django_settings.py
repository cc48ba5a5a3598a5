"""The setting ``PEERINGDB_OAUTH``, and the system checks of all settings in use."""
# ruff: noqa: PLC0415 - models can be imported only after Django is set up

import io
import threading

import pytest
from forks import held_by_another_thread, in_a_child

from peeringdb_oauth import AccessRule, Client, ClientConfig, ConfigurationError
from peeringdb_oauth.web import SessionPolicy

GOOD = {
    "CLIENT_ID": "members-area",
    "CLIENT_SECRET": "secret-0123456789abcdef",
    "REDIRECT_URI": "https://members.example.net/login/peeringdb/callback",
}

ON_HTTPS = {
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_NAME": "__Host-session",
    "CSRF_COOKIE_SECURE": True,
    "CSRF_COOKIE_NAME": "__Host-csrftoken",
}


@pytest.fixture
def override():
    """``override(PEERINGDB_OAUTH=..., ...)``: override settings until the test ends."""
    from django.test import override_settings

    overridden = []

    def override(**settings):
        overridden.append(override_settings(**settings))
        overridden[-1].enable()

    yield override
    for enabled in reversed(overridden):
        enabled.disable()


@pytest.fixture
def application():
    from peeringdb_oauth.integrations.django.application import application

    return application


@pytest.fixture
def messages():
    """``messages()``: the messages of our checks, by id."""
    from django.core.checks import run_checks

    def messages(**arguments):
        found = {}
        for message in run_checks(**arguments):
            if message.id.startswith("peeringdb_oauth."):
                found.setdefault(message.id.removeprefix("peeringdb_oauth."), []).append(message)
        return found

    return messages


@pytest.fixture
def problems(override, application):
    """``problems({"RULE": ...})``: the problems of good settings with these changes."""

    def problems(changes):
        override(PEERINGDB_OAUTH=GOOD | changes)
        with pytest.raises(ConfigurationError) as caught:
            application()
        return caught.value.problems

    return problems


def test_the_setting_accepts_every_field_of_a_client_config(override, application, authority):
    more = {
        "BASE_URL": "https://127.0.0.1:1",
        "SCOPE": ["profile", "email"],
        "TIMEOUT": 3,
        "CA_FILE": authority.ca_file,
        "REQUESTS_PER_MINUTE": None,
    }
    override(PEERINGDB_OAUTH=GOOD | more | {"ALLOW_HTTP": False})
    expected = {name.lower(): value for name, value in (GOOD | more).items()}
    assert application().client.config == ClientConfig(**expected)
    assert "secret" not in repr(application().settings)


def test_text_in_the_setting_is_read_as_in_the_environment(override, application):
    text = {
        "CLIENT_ID": 12345,
        "TIMEOUT": "3",
        "REQUESTS_PER_MINUTE": "none",
        "PROCESSES": "2",
        "ALLOW_HTTP": "no",
        "CREATE_USERS": "off",
        "LINK_BY_EMAIL": "yes",
        "SESSION_POLICY": "max_age=60 idle_timeout=none",
    }
    override(PEERINGDB_OAUTH=GOOD | text)
    assert application().client.config == ClientConfig(
        client_id="12345",
        client_secret=GOOD["CLIENT_SECRET"],
        redirect_uri=GOOD["REDIRECT_URI"],
        timeout=3,
        requests_per_minute=None,
        processes=2,
    )
    settings = application().settings
    assert (settings.create_users, settings.link_by_email) == (False, True)
    assert settings.session_policy == SessionPolicy(max_age=60, idle_timeout=None)


def test_a_file_of_authorities_that_is_missing_is_named_as_it_was_written(
    override, application, monkeypatch
):
    override(PEERINGDB_OAUTH=GOOD | {"CA_FILE": "/nonexistent.pem"})
    with pytest.raises(ConfigurationError, match=r'^PEERINGDB_OAUTH\["CA_FILE"\]: /nonexistent'):
        application()
    for name, value in (GOOD | {"CA_FILE": "/nonexistent.pem"}).items():
        monkeypatch.setenv(f"PEERINGDB_OAUTH_{name}", value)
    override(PEERINGDB_OAUTH={})
    with pytest.raises(ConfigurationError, match=r"^PEERINGDB_OAUTH_CA_FILE: /nonexistent"):
        application()


def test_service_links_of_kubernetes_are_no_settings(override, messages, monkeypatch):
    override(PEERINGDB_OAUTH={})
    monkeypatch.setenv("PEERINGDB_OAUTH_SERVICE_HOST", "192.0.2.1")
    assert list(messages()) == ["W008"]


def test_the_settings_show_no_password_of_a_store(configure):
    from peeringdb_oauth.integrations.django.settings import read_settings

    configure(SESSIONS="redis://:hidden@127.0.0.1:6379/0")
    assert "hidden" not in repr(read_settings())


def test_without_client_settings_the_environment_is_read(override, application, monkeypatch):
    for name, value in GOOD.items():
        monkeypatch.setenv(f"PEERINGDB_OAUTH_{name}", value)
    override(PEERINGDB_OAUTH={"RULE": AccessRule(mfa=True)})
    assert application().client.config.client_id == "members-area"
    assert application().flow._context.rule == AccessRule(mfa=True)
    from django.conf import settings

    del settings.PEERINGDB_OAUTH
    override()
    assert application().client.config.client_id == "members-area"


def test_the_default_rule_is_that_of_access_rule(override, application):
    override(PEERINGDB_OAUTH=GOOD)
    assert application().flow._context.rule == AccessRule()


@pytest.mark.parametrize(
    "setting",
    [
        "SECRET_KEY",
        "SECRET_KEY_FALLBACKS",
        "SESSION_ENGINE",
        "ROOT_URLCONF",
        "LOGIN_REDIRECT_URL",
        "PEERINGDB_OAUTH",
    ],
)
def test_overriding_a_setting_makes_a_new_application(override, application, setting):
    from django.conf import settings

    override(PEERINGDB_OAUTH=GOOD)
    first = application()
    assert application() is first
    override(**{setting: getattr(settings, setting)})
    assert application() is not first


def test_overriding_an_unrelated_setting_keeps_the_application(override, application):
    override(PEERINGDB_OAUTH=GOOD)
    first = application()
    override(LANGUAGE_CODE="de")
    assert application() is first


def test_all_threads_share_one_application(override, application):
    override(PEERINGDB_OAUTH=GOOD)
    all_of_them, found = threading.Barrier(8), []

    def look():
        all_of_them.wait()
        found.append(application())

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_a_forked_process_makes_the_application_while_another_thread_makes_it(
    override, application
):
    from peeringdb_oauth.integrations.django.application import _lock

    override(PEERINGDB_OAUTH=GOOD)
    with held_by_another_thread(_lock):
        assert in_a_child(application)


@pytest.mark.parametrize("given", ["itself", "by its path"])
def test_the_project_may_pass_its_own_client(override, application, monkeypatch, given):
    from members_area import hooks

    with Client(ClientConfig(**{name.lower(): value for name, value in GOOD.items()})) as client:
        monkeypatch.setattr(hooks, "client", client, raising=False)
        override(
            PEERINGDB_OAUTH={"CLIENT": client if given == "itself" else "members_area.hooks.client"}
        )
        assert application().client is client


def test_secret_key_can_be_rotated(override, application):
    old, new = "old-" * 10, "new-" * 10
    override(PEERINGDB_OAUTH=GOOD, SECRET_KEY=old)
    sealed = application().flow._context.pending._sealer.seal("tokens", "kept")
    override(SECRET_KEY=new, SECRET_KEY_FALLBACKS=[old])
    assert application().flow._context.pending._sealer.open("tokens", sealed) == "kept"
    override(SECRET_KEY_FALLBACKS=[])
    assert application().flow._context.pending._sealer.open("tokens", sealed) is None


def test_secret_keys_may_be_bytes(override, application):
    """Django allows any bytes, also those that are no text."""
    key, old = bytes(range(128, 178)), b"old-" * 10
    override(PEERINGDB_OAUTH=GOOD, SECRET_KEY=old)
    sealed = application().flow._context.pending._sealer.seal("tokens", "kept")
    override(SECRET_KEY=key, SECRET_KEY_FALLBACKS=[old])
    assert application().flow._context.pending._sealer.open("tokens", sealed) == "kept"


def test_all_problems_are_reported_at_once_with_the_name_of_the_setting(problems):
    wrong = {
        "CLIENT_ID": "",
        "REDIRECT_URI": "http://members.example.net/",
        "TIMEOUT": 0,
        "RULE": "strict",
        "CLIENT_SECRETS": "x",
        "x": 1,
    }
    starts = [problem.partition(":")[0] for problem in problems(wrong)]
    assert sorted(starts) == [
        "PEERINGDB_OAUTH",
        "PEERINGDB_OAUTH",
        'PEERINGDB_OAUTH["CLIENT_ID"]',
        'PEERINGDB_OAUTH["REDIRECT_URI"]',
        'PEERINGDB_OAUTH["RULE"]',
        'PEERINGDB_OAUTH["TIMEOUT"]',
    ]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"CLIENT_SECRETS": "x"},
            (
                "PEERINGDB_OAUTH: has a setting 'CLIENT_SECRETS' that does not exist; did you mean"
                " CLIENT_SECRET?"
            ),
        ),
        (
            {"client_id": "x"},
            (
                "PEERINGDB_OAUTH: has a setting 'client_id' that does not exist; did you mean"
                " CLIENT_ID?"
            ),
        ),
        ({7: "x"}, "PEERINGDB_OAUTH: has a setting 7 that does not exist"),
        ({"RULE": None}, 'PEERINGDB_OAUTH["RULE"]: must be an AccessRule'),
        ({"RULE": 64500}, 'PEERINGDB_OAUTH["RULE"]: must be an AccessRule, such as'),
        ({"CREATE_USERS": 7}, 'PEERINGDB_OAUTH["CREATE_USERS"]: must be True or False'),
        ({"LINK_BY_EMAIL": "perhaps"}, 'PEERINGDB_OAUTH["LINK_BY_EMAIL"]: must be True or False'),
        ({"CACHE": "default"}, "PEERINGDB_OAUTH: has a setting 'CACHE' that does not exist"),
        ({"SESSIONS": 7}, 'PEERINGDB_OAUTH["SESSIONS"]: must be "django" or the URL of a store'),
        ({"SESSIONS": "djangoo"}, 'PEERINGDB_OAUTH["SESSIONS"]: must be "django" or the URL'),
        (
            {"SESSIONS": "mongodb://127.0.0.1"},
            'PEERINGDB_OAUTH["SESSIONS"]: must begin with one of sqlite://',
        ),
        (
            {"SESSION_POLICY": {"recheck_every": -1}},
            'PEERINGDB_OAUTH["SESSION_POLICY"]: recheck_every: must be seconds',
        ),
        ({"EGRESS": "rack 2"}, 'PEERINGDB_OAUTH["EGRESS"]: must be a name'),
        (
            {"ON_RIGHTS_CHANGED": "members_area.hooks.asynchronous"},
            'PEERINGDB_OAUTH["ON_RIGHTS_CHANGED"]: must not be async',
        ),
        (
            {"ON_LOGIN": "members_area.hooks.nothing"},
            'PEERINGDB_OAUTH["ON_LOGIN"]: Module "members_area.hooks" does not define',
        ),
        (
            {"ON_LOGIN": "members_area.hooks.calls"},
            'PEERINGDB_OAUTH["ON_LOGIN"]: must be the dotted path of a function',
        ),
        (
            {"ON_LOGIN": "members_area.hooks.asynchronous"},
            'PEERINGDB_OAUTH["ON_LOGIN"]: must not be async',
        ),
        ({"CLIENT": "members_area.hooks.calls"}, 'PEERINGDB_OAUTH["CLIENT"]: must be a Client'),
        (
            {"CLIENT": "members_area.nothing.client"},
            "PEERINGDB_OAUTH[\"CLIENT\"]: No module named 'members_area.nothing'",
        ),
        (
            {"REDIRECT_URI": "https://members.example.net/elsewhere"},
            'PEERINGDB_OAUTH["REDIRECT_URI"]: must end in /login/peeringdb/callback',
        ),
    ],
)
def test_each_problem_says_what_is_expected(problems, changes, problem):
    found = problems(changes)
    assert found[0].startswith(problem)


def test_client_excludes_the_fields_of_client_config(problems):
    [first, second] = problems({"CLIENT": "members_area.hooks.calls"})
    assert first == 'PEERINGDB_OAUTH["CLIENT"]: must be a Client, or the dotted path of one'
    assert (
        second == 'PEERINGDB_OAUTH["CLIENT"]: has its own configuration, so remove CLIENT_ID,'
        " REDIRECT_URI, CLIENT_SECRET"
    )


def test_problems_of_the_environment_name_its_variables(override, application, monkeypatch):
    monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_ID", "members-area")
    monkeypatch.setenv("PEERINGDB_OAUTH_REDIRECT_URI", "https://members.example.net/elsewhere")
    override(PEERINGDB_OAUTH={})
    with pytest.raises(ConfigurationError) as caught:
        application()
    [problem] = caught.value.problems
    assert problem.startswith("PEERINGDB_OAUTH_REDIRECT_URI: must end in /login/peeringdb/callback")


def test_a_missing_client_id_names_the_ini_key_and_the_variable(override, application):
    override(PEERINGDB_OAUTH={})
    with pytest.raises(
        ConfigurationError,
        match=(
            r"client_id \(oauth_client_key in /etc/peeringdb_oauth.ini or"
            r" PEERINGDB_OAUTH_CLIENT_ID\)"
        ),
    ):
        application()


def test_the_setting_must_be_a_dict(override, application):
    override(PEERINGDB_OAUTH=["CLIENT_ID"])
    with pytest.raises(ConfigurationError, match="PEERINGDB_OAUTH: must be a dict"):
        application()


def test_the_urls_must_be_included(override, application):
    override(PEERINGDB_OAUTH=GOOD, ROOT_URLCONF="members_area.urls_without_login")
    with pytest.raises(ConfigurationError, match="ROOT_URLCONF: has no path"):
        application()


@pytest.mark.parametrize(
    "home", ["https://elsewhere.example.net/", "//elsewhere.example.net/", "javascript:alert(1)"]
)
def test_login_redirect_url_must_be_a_page_of_the_site(override, application, home):
    override(PEERINGDB_OAUTH=GOOD, LOGIN_REDIRECT_URL=home)
    with pytest.raises(ConfigurationError, match="LOGIN_REDIRECT_URL: must be a page of this site"):
        application()


def test_a_short_secret_key_is_refused(override, application):
    override(PEERINGDB_OAUTH=GOOD, SECRET_KEY="short")
    with pytest.raises(
        ConfigurationError,
        match="the secret key of the sessions is missing or has fewer than 16 characters",
    ):
        application()


def test_a_project_with_good_settings_passes_all_checks(override, messages):
    override(PEERINGDB_OAUTH=GOOD | {"PROCESSES": 1}, **ON_HTTPS)
    assert messages(include_deployment_checks=True) == {}


def test_processes_that_share_nothing_are_reported(override, messages):
    override(PEERINGDB_OAUTH=GOOD | {"PROCESSES": 2})
    (message,) = messages()["W013"]
    assert "SESSIONS: not set, although there are several processes" in message.msg
    override(PEERINGDB_OAUTH=GOOD | {"PROCESSES": 2, "SESSIONS": "django"})
    assert "W013" not in messages()


def test_processes_that_nobody_counted_are_reported_before_deployment(
    override, messages, monkeypatch
):
    override(PEERINGDB_OAUTH=GOOD)
    (message,) = messages(include_deployment_checks=True)["W011"]
    assert "WEB_CONCURRENCY" in message.hint
    assert "W011" not in messages()
    monkeypatch.setenv("WEB_CONCURRENCY", "1")
    assert "W011" not in messages(include_deployment_checks=True)


@pytest.mark.parametrize(
    "setting",
    [
        {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")},
        {"USE_X_FORWARDED_HOST": True},
    ],
)
def test_a_proxy_is_reported_before_deployment(override, messages, setting):
    override(PEERINGDB_OAUTH=GOOD, **setting)
    (message,) = messages(include_deployment_checks=True)["W012"]
    assert "REMOTE_ADDR" in message.hint
    assert "W012" not in messages()


def test_the_checks_report_every_problem_of_the_settings(override, messages):
    override(PEERINGDB_OAUTH=GOOD | {"CLIENT_ID": "", "TIMEOUT": 0})
    found = messages(include_deployment_checks=True)
    assert list(found) == ["E001"]
    assert [message.msg.partition(":")[0] for message in found["E001"]] == [
        'PEERINGDB_OAUTH["CLIENT_ID"]',
        'PEERINGDB_OAUTH["TIMEOUT"]',
    ]


def test_without_any_settings_the_checks_only_warn(override, messages, monkeypatch):
    override(PEERINGDB_OAUTH={"RULE": AccessRule()})
    found = messages()
    assert list(found) == ["W008"]
    assert [message.msg.partition(" ")[0] for message in found["W008"]] == [
        "client_id",
        "redirect_uri",
    ]
    monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_ID", "members-area")
    assert list(messages()) == ["E001"]


def test_a_wrong_client_is_an_error(override, messages):
    override(PEERINGDB_OAUTH={"CLIENT": "members_area.hooks.calls"})
    assert list(messages()) == ["E001"]


def _without(setting, word):
    return lambda settings: {
        setting: [one for one in getattr(settings, setting) if word not in one]
    }


@pytest.mark.parametrize(
    ("number", "change", "message"),
    [
        (
            "E002",
            _without("AUTHENTICATION_BACKENDS", "peeringdb"),
            "AUTHENTICATION_BACKENDS: nobody can log in",
        ),
        ("E003", _without("MIDDLEWARE", "SessionMiddleware"), "MIDDLEWARE: a login needs"),
        ("E003", _without("MIDDLEWARE", "AuthenticationMiddleware"), "MIDDLEWARE: a login needs"),
        (
            "E004",
            lambda settings: {"TEMPLATES": [settings.TEMPLATES[0] | {"APP_DIRS": False}]},
            "TEMPLATES: the pages of the login are not",
        ),
        (
            "W001",
            _without("MIDDLEWARE", "PeeringDBMiddleware"),
            "MIDDLEWARE: Django's login goes on",
        ),
        ("E005", lambda _: {"SESSION_COOKIE_PATH": "/members"}, "SESSION_COOKIE_NAME"),
        ("E005", lambda _: {"SESSION_COOKIE_DOMAIN": "example.net"}, "SESSION_COOKIE_NAME"),
        ("W009", lambda _: {"SESSION_COOKIE_NAME": "sessionid"}, "SESSION_COOKIE_NAME"),
        ("W009", lambda _: {"SESSION_COOKIE_NAME": "__Secure-session"}, "SESSION_COOKIE_NAME"),
        ("W003", lambda _: {"SESSION_COOKIE_HTTPONLY": False}, "SESSION_COOKIE_HTTPONLY"),
        ("W004", lambda _: {"SESSION_COOKIE_SAMESITE": "Strict"}, "SESSION_COOKIE_SAMESITE"),
        ("W004", lambda _: {"SESSION_COOKIE_SAMESITE": "None"}, "SESSION_COOKIE_SAMESITE"),
        ("W004", lambda _: {"SESSION_COOKIE_SAMESITE": False}, "SESSION_COOKIE_SAMESITE"),
        (
            "W005",
            lambda _: {"SESSION_SERIALIZER": "members_area.PickleSerializer"},
            "SESSION_SERIALIZER",
        ),
        (
            "W006",
            lambda _: {"SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies"},
            "SESSION_ENGINE",
        ),
    ],
)
def test_each_check_reports_its_message_with_a_hint(override, messages, number, change, message):
    from django.conf import settings

    override(PEERINGDB_OAUTH=GOOD, **ON_HTTPS)
    override(**change(settings))
    found = messages()
    assert list(found) == [number]
    assert found[number][0].msg.startswith(message)
    assert found[number][0].hint


def test_a_session_cookie_that_is_not_secure_has_two_messages(override, messages):
    """With this name it does not work; without it others can read the cookie."""
    override(PEERINGDB_OAUTH=GOOD, **ON_HTTPS | {"SESSION_COOKIE_SECURE": False})
    found = messages()
    assert set(found) == {"E005", "W002"}
    assert found["W002"][0].msg.startswith("SESSION_COOKIE_SECURE")


def test_the_name_of_the_csrf_cookie_is_reported_before_deployment(override, messages):
    override(
        PEERINGDB_OAUTH=GOOD | {"PROCESSES": 1}, **ON_HTTPS | {"CSRF_COOKIE_NAME": "csrftoken"}
    )
    found = messages(include_deployment_checks=True)
    assert list(found) == ["W010"]
    assert found["W010"][0].msg.startswith("CSRF_COOKIE_NAME")
    override(CSRF_USE_SESSIONS=True)
    assert messages(include_deployment_checks=True) == {}


def test_a_middleware_may_be_a_function_or_a_subclass(override, messages):
    from django.conf import settings

    replaced = [
        one.replace("django.contrib.sessions.middleware", "members_area.middleware")
        for one in settings.MIDDLEWARE
    ]
    override(
        PEERINGDB_OAUTH=GOOD, **ON_HTTPS, MIDDLEWARE=[*replaced, "members_area.middleware.function"]
    )
    assert messages() == {}


def test_a_backend_may_be_a_subclass(override, messages):
    override(
        PEERINGDB_OAUTH=GOOD, **ON_HTTPS, AUTHENTICATION_BACKENDS=["members_area.hooks.ByName"]
    )
    assert messages() == {}


LOOPBACK = GOOD | {
    "REDIRECT_URI": "http://localhost:8000/login/peeringdb/callback",
    "ALLOW_HTTP": True,
}


def test_on_loopback_the_session_cookie_needs_no_https(override, messages):
    override(PEERINGDB_OAUTH=LOOPBACK, SESSION_COOKIE_SECURE=False)
    assert messages() == {}


def test_allow_http_is_reported_before_deployment(override, messages):
    override(PEERINGDB_OAUTH=LOOPBACK | {"PROCESSES": 1})
    found = messages(include_deployment_checks=True)
    assert list(found) == ["W007"]
    assert found["W007"][0].msg == "ALLOW_HTTP is for development."


def test_the_check_command_shows_the_problems(override):
    from django.core.management import CommandError, call_command

    override(PEERINGDB_OAUTH={"CLIENT_ID": "x"})
    with pytest.raises(
        CommandError,
        match=r'\(peeringdb_oauth.E001\) PEERINGDB_OAUTH\["REDIRECT_URI"\]: missing or empty',
    ):
        call_command("check", stdout=io.StringIO(), stderr=io.StringIO())


def test_a_scope_that_lacks_what_the_rule_reads_is_reported(override, messages):
    override(PEERINGDB_OAUTH=GOOD | {"SCOPE": ["profile"], "RULE": AccessRule(asn=64500)})
    assert [message.msg for message in messages()["E001"]] == [
        (
            "PEERINGDB_OAUTH[\"SCOPE\"]: 'email' is missing, and the rule asks for verified_email;"
            " add 'email'"
        ),
        (
            "PEERINGDB_OAUTH[\"SCOPE\"]: 'networks' is missing, and the rule asks for asn;"
            " add 'networks'"
        ),
    ]
