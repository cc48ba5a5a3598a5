"""Tests of an application without a provider."""

import pytest
from flask import Flask, render_template_string, request

from peeringdb_oauth import AccessRule, ClientConfig, Network, Permission, User
from peeringdb_oauth.integrations.flask import PeeringDB, current_user

NETWORK = Network(id=1, asn=64500, name="Example", perms=Permission.READ | Permission.UPDATE)
ADA = User(id=7, name="Ada", verified_user=True, verified_email=True, networks=(NETWORK,))


@pytest.fixture
def app(make_flask):
    return make_flask()


@pytest.fixture
def make_flask():
    """``make_flask(...)``: an application whose PeeringDB cannot be reached."""

    def make(**arguments):
        config = ClientConfig(
            client_id="id",
            client_secret="s" * 16,
            redirect_uri="http://127.0.0.1:5000/login/peeringdb/callback",
            base_url="http://127.0.0.1:1",
            allow_http=True,
            timeout=0.1,
        )
        app = Flask("portal")
        app.secret_key = "x" * 16
        app.pdb = pdb = PeeringDB(app, config=config, **arguments)

        @app.route("/as<int:asn>", methods=["GET", "POST"])
        @pdb.require(asn="asn", perms=Permission.UPDATE, max_age=0)
        def network(asn):
            return f"{request.method} {asn} {current_user.name}"

        @app.get("/api")
        @pdb.bearer(asn=lambda: request.args["asn"])
        def api():
            return current_user.name

        @app.get("/me")
        def me():
            return render_template_string("{{ peeringdb.user.name }}")

        @app.get("/session")
        def session():
            login = pdb.current_login()
            return {"user": login.user.id, "stale": login.stale}

        return app

    return make


def get(app, path):
    answer = app.test_client().get(path)
    return answer.status_code, answer.text


def test_a_user_is_there_and_the_rules_decide(app):
    with app.pdb.logged_in_as(ADA):
        assert get(app, "/as64500") == (200, "GET 64500 Ada")
        assert get(app, "/as64501")[0] == 403
        assert get(app, "/me") == (200, "Ada")
        assert app.test_client().get("/session").json == {"user": 7, "stale": False}
        assert app.test_client().post("/as64500").text == "POST 64500 Ada"


def test_bearer_tokens_too(app):
    with app.pdb.logged_in_as(ADA):
        assert get(app, "/api?asn=64500") == (200, "Ada")
        assert get(app, "/api?asn=64501")[0] == 403


def test_the_login_rule_counts(make_flask):
    app = make_flask(rule=AccessRule(mfa=True))
    with app.pdb.logged_in_as(ADA):
        assert get(app, "/as64500")[0] == 403


def test_after_it_nobody_is_there(app):
    with app.pdb.logged_in_as(ADA):
        get(app, "/me")
    assert get(app, "/as64500")[0] == 302
    assert get(app, "/me") == (200, "")
    assert get(app, "/api?asn=64500")[0] == 401
    assert app.test_client().post("/as64500").status_code == 403


def test_a_logout_ends_it(app):
    with app.pdb.logged_in_as(ADA):
        assert app.test_client().post("/logout").status_code == 303
        assert app.test_client().post("/logout").status_code == 303
        assert get(app, "/as64500")[0] == 302


def test_an_exception_ends_it(app):
    with pytest.raises(KeyError), app.pdb.logged_in_as(ADA):
        raise KeyError
    assert get(app, "/as64500")[0] == 302
