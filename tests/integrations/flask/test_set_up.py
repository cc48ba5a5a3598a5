"""The set-up of an application: its settings, several applications, a real server."""

import http.client
import threading

import pytest
from flask import Flask
from werkzeug.serving import make_server

from peeringdb_oauth import AccessRule, Client, ClientConfig, ConfigurationError, TransportError
from peeringdb_oauth.integrations.flask import PeeringDB, current_user
from peeringdb_oauth.integrations.flask.settings import read_sessions
from peeringdb_oauth.sandbox import Sandbox
from peeringdb_oauth.web import SessionPolicy

SECRET = "0123456789abcdef0123456789abcdef"
REDIRECT_URI = "https://portal.test/login/peeringdb/callback"
SETTINGS = {
    "PEERINGDB_OAUTH_CLIENT_ID": "an-id",
    "PEERINGDB_OAUTH_CLIENT_SECRET": "a-secret-of-an-application",
    "PEERINGDB_OAUTH_REDIRECT_URI": REDIRECT_URI,
}


def new_app(name="portal", **settings):
    app = Flask(name)
    app.config |= {"SECRET_KEY": SECRET} | settings
    return app


def config_of(app):
    return app.extensions["peeringdb_oauth"].client.config


def test_settings_come_from_the_application():
    app = new_app(
        **SETTINGS,
        PEERINGDB_OAUTH_BASE_URL="http://localhost:1",
        PEERINGDB_OAUTH_SCOPE="profile email",
        PEERINGDB_OAUTH_TIMEOUT=3,
        PEERINGDB_OAUTH_CA_FILE="/etc/ca.pem",
        PEERINGDB_OAUTH_ALLOW_HTTP=True,
        PEERINGDB_OAUTH_REQUESTS_PER_MINUTE=None,
    )
    # there is no such file, so the error shows that the setting was read
    with pytest.raises(ConfigurationError):
        PeeringDB(app)
    del app.config["PEERINGDB_OAUTH_CA_FILE"]
    PeeringDB(app)
    assert config_of(app) == ClientConfig(
        client_id="an-id",
        client_secret="a-secret-of-an-application",
        redirect_uri=REDIRECT_URI,
        base_url="http://localhost:1",
        scope=("profile", "email"),
        timeout=3,
        allow_http=True,
        requests_per_minute=None,
    )


def test_settings_come_from_the_environment_if_the_application_has_none(monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    app = new_app()
    PeeringDB(app)
    assert config_of(app).client_id == "an-id"


def test_config_counts_before_the_settings_of_the_application():
    config = ClientConfig(client_id="another-id", redirect_uri=REDIRECT_URI)
    app = new_app(**SETTINGS)
    PeeringDB(app, config=config)
    assert config_of(app) is config


def test_client_has_its_own_settings():
    with Client(ClientConfig(client_id="another-id", redirect_uri=REDIRECT_URI)) as client:
        app = new_app(**SETTINGS)
        PeeringDB(app, client=client)
        assert app.extensions["peeringdb_oauth"].client is client
        with pytest.raises(ConfigurationError, match="the client has its own settings"):
            PeeringDB(app, client=client, config=client.config)


def test_all_problems_are_reported_at_once():
    app = new_app(SECRET_KEY=None, PEERINGDB_OAUTH_CLIENT_SECRT="x", PEERINGDB_OAUTH_TIMEOUT="1s")
    with pytest.raises(ConfigurationError) as raised:
        PeeringDB(app)
    assert [problem.partition(":")[0] for problem in raised.value.problems] == [
        'app.config["PEERINGDB_OAUTH_CLIENT_SECRT"]',
        'app.config["PEERINGDB_OAUTH_CLIENT_ID"]',
        'app.config["PEERINGDB_OAUTH_REDIRECT_URI"]',
        'app.config["PEERINGDB_OAUTH_TIMEOUT"]',
        "SECRET_KEY",
    ]
    assert raised.value.problems[0].endswith(
        "there is no such setting; did you mean PEERINGDB_OAUTH_CLIENT_SECRET?"
    )
    assert "peeringdb_oauth" not in app.extensions


@pytest.mark.parametrize("secret_key", [None, "", "short", b"short"])
def test_application_needs_a_secret_key(secret_key):
    with pytest.raises(
        ConfigurationError,
        match=(
            r"^SECRET_KEY: the secret key of the sessions is missing or has fewer than 16"
            r" characters; this makes one: python3 -c "
        ),
    ):
        PeeringDB(new_app(**SETTINGS | {"SECRET_KEY": secret_key}))


def test_fallback_keys_do_not_replace_the_secret_key():
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        PeeringDB(new_app(**SETTINGS | {"SECRET_KEY": None, "SECRET_KEY_FALLBACKS": [SECRET]}))


def problem_of_the_path(app, **arguments):
    with pytest.raises(ConfigurationError) as caught:
        PeeringDB(app, url_prefix="/members", callback_path="/back", **arguments)
    (problem,) = caught.value.problems
    name, _, text = problem.partition(": ")
    assert text.startswith("must end in /members/back")
    return name


def test_redirect_uri_must_lead_to_the_callback(monkeypatch):
    name = problem_of_the_path(new_app(**SETTINGS))
    assert name == 'app.config["PEERINGDB_OAUTH_REDIRECT_URI"]'
    config = ClientConfig(client_id="an-id", redirect_uri=REDIRECT_URI)
    assert problem_of_the_path(new_app(**SETTINGS), config=config) == "redirect_uri"
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    assert problem_of_the_path(new_app()) == "PEERINGDB_OAUTH_REDIRECT_URI"


def test_text_from_the_environment_of_flask_is_read_as_elsewhere(monkeypatch):
    """Flask parses it as JSON, if it is JSON: digits become a number."""
    lines = {
        "CLIENT_ID": "12345678901234567890",
        "CLIENT_SECRET": "1234567",
        "REDIRECT_URI": REDIRECT_URI,
        "BASE_URL": "http://127.0.0.1:8642",
        "ALLOW_HTTP": "yes",  # as the sandbox prints it
        "REQUESTS_PER_MINUTE": "none",
        "TIMEOUT": "2.5",
        "PROCESSES": "2",
        "SESSION_POLICY": "max_age=60 idle_timeout=none",
    }
    for name, value in lines.items():
        monkeypatch.setenv(f"FLASK_PEERINGDB_OAUTH_{name}", value)
    app = new_app()
    app.config.from_prefixed_env()
    PeeringDB(app)
    assert config_of(app) == ClientConfig(
        client_id="12345678901234567890",
        client_secret="1234567",
        redirect_uri=REDIRECT_URI,
        base_url="http://127.0.0.1:8642",
        allow_http=True,
        requests_per_minute=None,
        timeout=2.5,
        processes=2,
    )
    policy = read_sessions(app, sessions=None, policy=None).policy
    assert policy == SessionPolicy(max_age=60, idle_timeout=None)


def test_an_application_is_set_up_only_once():
    app = new_app(**SETTINGS)
    pdb = PeeringDB(app)
    before = app.extensions["peeringdb_oauth"]
    with pytest.raises(ConfigurationError, match="has a PeeringDB already"):
        pdb.init_app(app)
    assert app.extensions["peeringdb_oauth"] is before


def test_one_object_serves_several_applications():
    pdb = PeeringDB(rule=AccessRule(verified_email=False))
    one, other = (
        new_app(**SETTINGS),
        new_app(**SETTINGS | {"PEERINGDB_OAUTH_CLIENT_ID": "other-id"}),
    )
    for app in (one, other):
        pdb.init_app(app)
    asked = [
        app.test_client().get("/login/peeringdb", base_url="https://portal.test").location
        for app in (one, other)
    ]
    assert ["client_id=an-id" in asked[0], "client_id=other-id" in asked[1]] == [True, True]


def test_login_over_real_sockets_with_tls_to_peeringdb():
    """Browser, application and PeeringDB use real sockets."""
    pdb = PeeringDB()

    def make_app():
        app = new_app()
        app.config |= settings
        pdb.init_app(app)

        @app.get("/")
        @pdb.require(asn=64500)
        def home():
            return current_user.name

        return app

    with Sandbox() as sandbox:
        server = make_server("127.0.0.1", 0, Flask("not yet"), threaded=True)
        origin = f"http://127.0.0.1:{server.server_port}"
        registered = sandbox.register(f"{origin}/login/peeringdb/callback")
        settings = {
            "PEERINGDB_OAUTH_CLIENT_ID": registered.client_id,
            "PEERINGDB_OAUTH_CLIENT_SECRET": registered.client_secret,
            "PEERINGDB_OAUTH_REDIRECT_URI": f"{origin}/login/peeringdb/callback",
            "PEERINGDB_OAUTH_BASE_URL": sandbox.url,
            "PEERINGDB_OAUTH_CA_FILE": sandbox.ca_file,
            "PEERINGDB_OAUTH_ALLOW_HTTP": True,
        }
        server.app = app = make_app()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            get = _browser(server.server_port)
            _, login, _ = get("/")
            _, asked, _ = get(login)
            _, home, _ = get(sandbox.log_in("member", asked).removeprefix(origin))
            assert get(home) == (200, None, "Mel Member")
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            app.extensions["peeringdb_oauth"].client.close()


def _browser(port):
    cookies = {}

    def get(path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(
            "GET",
            path,
            headers={"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())},
        )
        with connection.getresponse() as answer:
            for cookie in answer.headers.get_all("Set-Cookie", []):
                name, _, value = cookie.partition(";")[0].partition("=")
                cookies[name] = value
            text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers["Location"], text

    return get


def test_error_of_the_library_in_a_view_has_an_answer():
    """The view needs no guard for it."""
    app = new_app(**SETTINGS)
    PeeringDB(app)

    @app.get("/")
    def view():
        raise TransportError("PeeringDB did not answer within 10 s")

    answer = app.test_client().get("/", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["code"]) == (502, "peeringdb_unavailable")


def test_a_scope_that_lacks_what_the_rule_reads_is_found_at_the_start():
    """Together with the other problems."""
    app = new_app(**SETTINGS, PEERINGDB_OAUTH_SCOPE="profile networks")
    app.secret_key = "short"
    with pytest.raises(ConfigurationError) as caught:
        PeeringDB(app, rule=AccessRule(mfa=True))
    assert [problem.partition(" is missing")[0] for problem in caught.value.problems] == [
        "app.config[\"PEERINGDB_OAUTH_SCOPE\"]: 'email'",
        "app.config[\"PEERINGDB_OAUTH_SCOPE\"]: 'amr'",
        "SECRET_KEY: the secret key of the sessions",
    ]


def test_the_current_user_of_an_application_without_the_login_is_a_mistake():
    with (
        new_app().test_request_context(),
        pytest.raises(ConfigurationError, match=r"call init_app\(app\)"),
    ):
        current_user.name  # noqa: B018 - raises
