"""Guarded views: their rules, AS numbers and refusals, and the current user."""

from functools import partial, wraps

import pytest
from flask import Blueprint, Flask, abort, request
from flask.views import MethodView
from shared_sessions import store_of

from peeringdb_oauth import AccessRule, ConfigurationError, Permission
from peeringdb_oauth.integrations.flask import PeeringDB, current_user
from peeringdb_oauth.records import MemoryRecords, RecordsUnavailable

from .conftest import SECRET

NO_ASN = "This request names something that is not an AS number (a number from 1 to 4294967295)"


def test_user_with_the_rights_sees_the_view(browser):
    browser.log_in("orgadmin")
    assert browser.page("/as64500") == (200, "Ada Admin changes AS64500")


@pytest.mark.parametrize(
    ("asn", "title", "reason"),
    [
        (
            64500,
            "You may read AS64500, not change it",
            "AS64500: you may read this network but not update it",
        ),
        (
            64511,
            "You are not affiliated with AS64511",
            "You are not affiliated with AS64511 at PeeringDB",
        ),
    ],
)
def test_user_without_the_rights_sees_the_reason(browser, asn, title, reason):
    browser.log_in("member")
    assert browser.failure(browser.get(f"/as{asn}")) == (403, title, [reason])


def test_programs_get_json(browser):
    answer = browser.get("/as64500", accept="application/json")
    assert (answer.status_code, answer.json["login_url"]) == (401, "/login/peeringdb?next=/as64500")
    browser.log_in("member")
    answer = browser.get("/as64500", accept="application/json")
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert answer.json["reasons"] == [
        {
            "code": "needs_update",
            "asn": 64500,
            "text": "AS64500: you may read this network but not update it",
        }
    ]


def test_form_without_a_login_gets_401(browser):
    answer = browser.post("/as64500", headers={"Sec-Fetch-Site": "same-origin"})
    assert browser.failure(answer)[:2] == (401, "You are not logged in")


def test_form_of_another_site_is_refused(browser):
    browser.log_in("orgadmin")
    assert browser.failure(browser.post("/as64500"))[:2] == (403, "This form cannot be accepted")
    assert (
        browser.post("/as64500", data={"peeringdb_csrf": browser.csrf_token()}).status_code == 200
    )


def test_second_factor_is_asked_for_once(portal, browser):
    @portal.app.get("/danger")
    @portal.pdb.require(mfa=True)
    def danger():
        return "boom"

    browser.log_in("member", second_factor="backup")
    step_up = browser.get("/danger")
    assert (step_up.status_code, step_up.location) == (
        302,
        "/login/peeringdb?next=/danger&prompt=login",
    )
    assert browser.log_in("member", step_up.location, second_factor="backup").location == "/danger"
    assert browser.failure(browser.get("/danger"))[:2] == (403, "A second factor is needed here")
    browser.log_in("member", step_up.location)
    assert browser.page("/danger") == (200, "boom")


def test_rights_lost_at_peeringdb_are_noticed_after_max_age(portal, browser, clock):
    @portal.app.get("/fresh/as<int:asn>")
    @portal.pdb.require(asn="asn", max_age=60)
    def fresh(**_):
        return f"{current_user.asns}"

    browser.log_in("member")
    portal.sandbox.change("member", networks={64501: 1})
    assert browser.get("/fresh/as64500").status_code == 200
    clock.now += 60
    assert browser.failure(browser.get("/fresh/as64500"))[2] == [
        "You are not affiliated with AS64500 at PeeringDB"
    ]
    assert browser.page("/fresh/as64501") == (200, "(64501,)")
    assert [name for name, _ in portal.events] == ["logged-in", "rights-changed", "login-refused"]


def test_rule_of_the_login_says_what_a_view_asks_of_accounts(make_portal):
    browser = make_portal(rule=AccessRule(verified_email=False)).browser()
    browser.log_in("emailunconf")
    assert browser.page("/as64500") == (200, "Em Unconf changes AS64500")
    browser = make_portal(rule=AccessRule(verified_user=False, verified_email=False)).browser()
    browser.log_in("unverified")
    assert browser.page("/me") == (200, "Una Verified ()")


def test_permission_to_manage_sessions(portal, browser):
    @portal.app.get("/sessions/as<int:asn>")
    @portal.pdb.require(asn="asn", manage_sessions=True)
    def sessions(asn):
        return f"AS{asn}"

    browser.log_in("limited")
    assert browser.page("/sessions/as64501") == (200, "AS64501")
    browser.log_in("member")
    assert browser.get("/sessions/as64501").status_code == 403


@pytest.mark.parametrize(
    ("asn", "status"),
    [
        (64510, 403),
        ((64510, 64500), 200),
        ([64510, 64511], 403),
        (lambda: 64500, 200),
        (lambda: 64510, 403),
    ],
)
def test_network_can_be_a_constant_or_found_by_a_function(portal, browser, asn, status):
    @portal.app.get("/fixed")
    @portal.pdb.require(asn=asn)
    def fixed():
        return "yes"

    browser.log_in("member")
    assert browser.get("/fixed").status_code == status


@pytest.mark.parametrize(
    ("path", "status"),
    [("64500", 200), ("64511", 403), ("064500", 403), ("AS64500", 403), ("none", 403)],
)
def test_network_in_the_url_may_be_text(portal, browser, path, status):
    @portal.app.get("/text/<asn>")
    @portal.pdb.require(asn="asn")
    def text(asn):
        return asn

    browser.log_in("member")
    assert browser.get(f"/text/{path}").status_code == status


def test_network_that_is_none_is_refused(portal, browser):
    """For example an argument with a default, or a field that the form lacks."""

    @portal.app.get("/default")
    @portal.pdb.require(asn="asn")
    def default(asn=None):
        return f"{asn}"

    @portal.app.get("/field")
    @portal.pdb.require(asn=lambda: request.args.get("asn"))
    def of_a_field():
        return "yes"

    browser.log_in("member")
    assert browser.failure(browser.get("/default"))[2] == [NO_ASN]
    assert browser.failure(browser.get("/field"))[2] == [NO_ASN]
    assert browser.page("/field?asn=64500") == (200, "yes")


@pytest.mark.parametrize("asn", ["asn", "kwargs"])
def test_missing_argument_is_an_error_of_the_site(portal, browser, asn, caplog):
    @portal.app.get("/view/<int:number>")
    @portal.pdb.require(asn=asn)
    def view(number):
        return f"{number}"

    browser.log_in("member")
    assert browser.failure(browser.get("/view/64500")) == (500, "The login is not set up right", [])
    assert (
        f"asn: there is no {asn!r} among the arguments of the function and the URL of view; write"
        " the name of one of them (number)" in caplog.text
    )


def test_argument_of_a_call_counts_before_the_url(portal, browser):
    """A view can call another view, with a network that the URL does not name."""

    @portal.pdb.require(asn="asn")
    def inner(asn, /, *others):
        return f"{asn}{others}"

    @portal.app.get("/outer/<int:asn>/<int:other>")
    def outer(asn, other):
        return inner(other, asn)

    browser.log_in("member")
    assert browser.page("/outer/64511/64500") == (200, "64500(64511,)")
    assert browser.get("/outer/64500/64511").status_code == 403


def test_network_can_be_a_keyword_argument(portal, browser):
    @portal.app.get("/further/<int:asn>")
    @portal.pdb.require(asn="asn")
    def further(**arguments):
        return f"{arguments}"

    browser.log_in("member")
    assert browser.page("/further/64500") == (200, "{'asn': 64500}")
    assert browser.get("/further/64511").status_code == 403


def test_conditions_that_nobody_can_meet_are_an_error_at_once(portal):
    for conditions in (
        {"perms": Permission.UPDATE},
        {"manage_sessions": True},
        {"asn": ()},
        {"asn": 0},
        {"asn": "asn", "perms": 0},
    ):
        with pytest.raises(ConfigurationError):
            portal.pdb.require(**conditions)
        with pytest.raises(ConfigurationError):
            portal.pdb.bearer(**conditions)


def test_view_can_be_a_coroutine_function(portal, browser):
    @portal.app.get("/async/<int:asn>")
    @portal.pdb.require(asn="asn")
    async def view(asn):
        return f"{current_user.name} AS{asn}"

    assert browser.get("/async/64500").status_code == 302
    browser.log_in("member")
    assert browser.page("/async/64500") == (200, "Mel Member AS64500")
    assert browser.get("/async/64511").status_code == 403


def test_scope_that_lacks_what_a_view_reads_is_an_error_of_the_site(make_portal, caplog):
    portal = make_portal(scope=("profile", "email", "amr"))
    answer = portal.browser().get("/as64500")
    assert (answer.status_code, "location" in answer.headers) == (500, False)
    assert "scope: 'networks' is missing, and the view network asks for asn" in caplog.text


def test_decorator_above_the_route_is_an_error_and_not_an_open_view(portal, browser, caplog):
    @portal.pdb.require()
    @portal.app.get("/open")
    def wide_open():
        """Not reached."""

    assert browser.get("/open").status_code == 500
    assert (
        "wide_open: @pdb.require and @pdb.bearer protect nothing above Flask's decorator: put them"
        " below" in caplog.text
    )


@pytest.mark.parametrize("name", ["require", "bearer"])
def test_forgotten_parentheses_are_an_error_at_once(portal, name):
    decorator = getattr(portal.pdb, name)
    with pytest.raises(TypeError, match=rf"write @pdb.{name}\(\), with parentheses"):

        @decorator
        def view():
            """Not reached."""

    with pytest.raises(TypeError, match=rf'@pdb.{name}\(asn="asn"\)'):
        decorator("asn")


def enclose(view):
    def enclosed(*args, **kwargs):
        return view(*args, **kwargs)

    return enclosed


def enclose_without_arguments(view):
    return lambda: view()  # noqa: PLW0108 - a decorator as it is often written


class Enclose:
    def __init__(self, view):
        self._view = view

    def __call__(self, **kwargs):
        return self._view(**kwargs)


@pytest.mark.parametrize(
    "decorator",
    [
        enclose,
        enclose_without_arguments,
        Enclose,
        partial,
        lambda view: enclose(wraps(view)(enclose(view))),
    ],
    ids=["any arguments", "no arguments", "object", "partial", "three"],
)
@pytest.mark.parametrize("name", ["require", "bearer"])
def test_decorator_above_the_route_is_found_above_others_without_wraps(
    portal, browser, caplog, name, decorator
):
    @getattr(portal.pdb, name)()
    @decorator
    @portal.app.get("/open")
    def wide_open():
        """Not reached."""

    assert browser.get("/open").status_code == 500
    assert "@pdb.require and @pdb.bearer protect nothing above Flask's decorator" in caplog.text


@pytest.mark.parametrize("decorator", [enclose, Enclose])
def test_decorators_without_wraps_are_accepted_in_the_right_order(portal, browser, decorator):
    """One of them may stand above ours, and one below."""
    view = portal.pdb.require()(enclose(lambda: "for Mel"))
    portal.app.add_url_rule("/above", "above", decorator(view))
    portal.app.add_url_rule("/below", "below", portal.pdb.require()(decorator(lambda: "for Mel")))
    assert [browser.get(path).status_code for path in ("/above", "/below")] == [302, 302]
    browser.log_in("member")
    assert [browser.page(path) for path in ("/above", "/below")] == [(200, "for Mel")] * 2


def test_view_that_calls_an_open_view_does_not_close_it(portal, browser):
    def page():
        return "open"

    home, page_of_home = page, page
    portal.app.add_url_rule("/public", "public", home)

    @portal.app.get("/private")
    @portal.pdb.require()
    def private():
        return page_of_home()

    assert browser.page("/public") == (200, "open")
    assert browser.get("/private").status_code == 302


def test_method_that_calls_an_open_view_does_not_close_it(portal, browser):
    @portal.app.get("/public")
    def page():
        return "open"

    class Private(MethodView):
        @portal.pdb.require()
        def get(self):
            return page()

    portal.app.add_url_rule("/private", view_func=Private.as_view("private"))
    assert browser.page("/public") == (200, "open")
    assert browser.get("/private").status_code == 302
    browser.log_in("member")
    assert browser.page("/private") == (200, "open")


@pytest.mark.parametrize("between", [1, 2])
def test_decorator_above_the_route_is_found_with_others_between(portal, browser, between):
    def plain(view):
        @wraps(view)
        def wrapper(*args, **kwargs):
            return view(*args, **kwargs)

        return wrapper

    @portal.app.get("/open")
    def wide_open():
        """Not reached."""

    view = wide_open
    for _ in range(between):
        view = plain(view)
    portal.pdb.require(asn=64500)(view)
    portal.app.add_url_rule("/right", "right", portal.pdb.require()(plain(lambda: "right")))
    assert browser.get("/open").status_code == 500
    browser.log_in("member")
    assert browser.page("/right") == (200, "right")


@pytest.mark.parametrize("of_the_blueprint", [False, True])
def test_decorator_above_before_request_is_an_error(portal, browser, of_the_blueprint):
    pages = Blueprint("pages", __name__)
    pages.add_url_rule("/page", "page", lambda: "open")

    @portal.pdb.bearer()
    @(pages if of_the_blueprint else portal.app).before_request
    def only_who_may():
        """Lets everybody in, because it returns nothing."""

    portal.app.register_blueprint(pages)
    assert browser.get("/page").status_code == 500


def test_view_can_be_a_class(portal, browser):
    class Network(MethodView):
        decorators = (portal.pdb.require(asn="asn"),)

        def get(self, asn):
            return f"AS{asn}"

    portal.app.add_url_rule("/class/<int:asn>", view_func=Network.as_view("class"))
    assert browser.get("/class/64500").status_code == 302
    browser.log_in("member")
    assert browser.page("/class/64500") == (200, "AS64500")
    assert browser.get("/class/64511").status_code == 403


def test_decorated_view_keeps_its_name(portal):
    assert {"me", "network"} <= portal.app.view_functions.keys()


def test_guard_before_every_request_of_a_blueprint(portal, browser):
    members = Blueprint("members", __name__, url_prefix="/members")

    @members.before_request
    @portal.pdb.require(asn="asn", perms=Permission.UPDATE)
    def only_who_may():
        """The decorator is the check."""

    @members.get("/<int:asn>")
    def member(asn):
        return f"{current_user.name} {asn}"

    portal.app.register_blueprint(members)
    assert browser.get("/members/64500").location == "/login/peeringdb?next=/members/64500"
    browser.log_in("limited")
    assert browser.page("/members/64500") == (200, "Lim Ited 64500")
    assert browser.get("/members/64501").status_code == 403
    assert browser.page() == (200, "Hello Lim Ited")


def test_network_in_the_url_counts_before_a_default(portal, browser):
    @portal.app.before_request
    @portal.pdb.require(asn="asn")
    def only_who_may(asn=64500):
        """Lets the request go on to the view."""

    browser.log_in("member")
    assert browser.get("/").status_code == 200
    assert browser.get("/as64511").status_code == 403


def test_guard_before_every_request_leaves_only_the_login_pages_open(portal, browser):
    portal.app.before_request(portal.pdb.require()(lambda: None))
    portal.app.add_url_rule("/other", "peeringdb.other", lambda: "open")
    assert browser.get("/other").status_code == 302


def test_function_is_called_only_for_known_people(portal, browser):
    looked = []

    def find():
        looked.append(request.path)
        return 64500

    portal.app.add_url_rule(
        "/found", "found", portal.pdb.require(asn=find)(lambda: "found"), methods=["GET", "POST"]
    )
    portal.app.add_url_rule("/api/found", "api_found", portal.pdb.bearer(asn=find)(lambda: "found"))
    assert browser.get("/found").status_code == 302
    assert browser.post("/found").status_code == 403
    assert browser.get("/api/found", headers={"Authorization": "Bearer made-up"}).status_code == 401
    assert looked == []
    browser.log_in("member")
    assert browser.page("/found") == (200, "found")
    assert (
        browser.get(
            "/api/found", headers={"Authorization": f"Bearer {browser.tokens()[0]}"}
        ).status_code
        == 200
    )
    assert looked == ["/found", "/api/found"]


def test_form_of_an_unknown_person_is_not_read(portal, browser):
    left = []

    @portal.app.after_request
    def remember_what_was_read(response):
        left.append(request.stream.read() if request.method == "GET" else len(request.get_data()))
        return response

    form = {"data": b"a=" + b"b" * 1000, "content_type": "application/x-www-form-urlencoded"}
    assert browser.get("/me", **form).status_code == 302
    assert browser.post("/as64500", **form).status_code == 403
    assert left == [form["data"], len(form["data"])]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_guard_before_every_request_of_an_application(portal, browser, asynchronous):
    if asynchronous:

        @portal.app.before_request
        @portal.pdb.require(asn=64510)
        async def members_only():
            assert current_user.name == "Тест"

    else:

        @portal.app.before_request
        @portal.pdb.require(asn=64510)
        def members_only():
            assert current_user.name == "Тест"

    assert browser.get("/").location == "/login/peeringdb?next=/"
    assert browser.get("/nowhere").location == "/login/peeringdb?next=/nowhere"
    browser.log_in("member")
    assert browser.get("/").status_code == 403
    assert browser.log_in("twoorgs").status_code == 302
    assert browser.page() == (200, "Hello Тест")
    assert browser.get("/nowhere").status_code == 404


def test_a_preflight_that_flask_answers_passes_a_guard_before_requests(portal, browser):
    called = []

    @portal.app.before_request
    @portal.pdb.require()
    def members_only():
        called.append(request.path)

    @portal.app.route("/own-options", methods=["GET", "OPTIONS"])
    def own_options():
        return "secret"

    preflight = {
        "Origin": "https://other.example.net",
        "Access-Control-Request-Method": "GET",
        "Sec-Fetch-Mode": "cors",
    }

    def status(path, headers=preflight):
        return browser.request(path, method="OPTIONS", headers=headers).status_code

    assert (status("/me"), called) == (200, [])
    assert status("/own-options") == 401  # the view itself answers
    assert status("/nowhere") == 401
    assert status("/me", {"Sec-Fetch-Mode": "cors"}) == 401  # no preflight
    browser.log_in("member")
    assert (status("/own-options"), called) == (200, ["/own-options"])


def test_rule_in_a_view_refuses_with_the_same_page_and_event(portal, browser):
    @portal.app.get("/own")
    @portal.pdb.require()
    def own():
        AccessRule(perms=Permission.DELETE).require(current_user, asn=64500)

    browser.log_in("member")
    expected = (
        403,
        "You may read AS64500, not delete it",
        ["AS64500: you may read this network but not delete it"],
    )
    assert browser.failure(browser.get("/own")) == expected
    assert [(name, event.user.id) for name, event in portal.events][1:] == [("login-refused", 2)]


def test_configuration_error_in_a_view_is_a_page_without_reasons(portal, browser):
    @portal.app.get("/own")
    def own():
        raise ConfigurationError("something internal")

    assert browser.failure(browser.get("/own")) == (500, "The login is not set up right", [])


def test_error_handlers_of_the_application_do_not_change_the_answer(portal, browser):
    @portal.app.errorhandler(403)
    def forbidden(_):
        return "something else", 403

    @portal.app.get("/forbidden")
    def is_forbidden():
        abort(403)

    browser.log_in("member")
    assert browser.page("/forbidden") == (403, "something else")
    assert browser.failure(browser.get("/as64500"))[1] == "You may read AS64500, not change it"


def test_current_user_is_a_user_or_an_error_that_says_what_to_do(portal, browser):
    seen = []

    @portal.app.get("/who")
    def who():
        seen.append((bool(current_user), portal.pdb.user() is not None))
        return current_user.name

    portal.app.testing = True
    with pytest.raises(
        RuntimeError, match=r"nobody is logged in: protect this view with @pdb\.require"
    ):
        browser.get("/who")
    browser.log_in("member")
    assert browser.page("/who") == (200, "Mel Member")
    assert seen == [(False, False), (True, True)]


def test_current_user_is_looked_up_once_in_a_request(make_portal, clock):
    class CountingRecords(MemoryRecords):
        reads = 0

        def get(self, key):
            self.reads += key.startswith("session:")  # the budget is there, too
            return super().get(key)

    records = CountingRecords(clock)
    portal = make_portal(sessions=store_of(records, SECRET))
    browser = portal.browser()

    @portal.app.get("/often")
    def often():
        return f"{len(current_user.asns)} {len(portal.pdb.user().asns)} {current_user.name}"

    browser.log_in("manynets")
    before = records.reads
    clock.now += 1  # for so long a process remembers what it has read
    assert browser.page("/often") == (200, "300 300 Many Nets")
    assert records.reads == before + 1


def test_current_user_cannot_be_told_while_the_store_is_away(make_portal, clock):
    class Records(MemoryRecords):
        is_away = False

        def get(self, key):
            if self.is_away:
                raise RecordsUnavailable("no store")
            return super().get(key)

    records = Records(clock)
    portal = make_portal(sessions=store_of(records, SECRET))
    browser = portal.browser()
    browser.log_in("member")
    records.is_away = True
    clock.now += 2  # for a second a process remembers what it has read
    assert browser.page("/")[0] == 503


def test_user_of_another_request_does_not_count(portal, browser):
    """Tests and scripts can have several requests in one application context.

    Then all of them have one `flask.g`.
    """
    browser.log_in("member")
    with portal.app.app_context():
        assert browser.page() == (200, "Hello Mel Member")
        assert portal.browser().page() == (200, "Hello visitor")


def test_failed_look_up_of_the_networks_is_an_error_and_not_nobody(make_portal, tmp_path):
    """The failure page may ask for the current user, too."""
    (tmp_path / "peeringdb_oauth").mkdir()
    (tmp_path / "peeringdb_oauth" / "failure.html").write_text(
        "{{ page.title }}{% if user %}{{ user.name }}{% endif %}"
    )
    portal = make_portal(set_up=lambda app: setattr(app, "template_folder", str(tmp_path)))
    portal.app.context_processor(lambda: {"user": current_user})
    browser = portal.browser()

    @portal.app.get("/user")
    def user():
        return portal.pdb.user().name

    other_process = make_portal().browser()
    other_process.log_in("manynets")
    browser.client.set_cookie("__Host-session", other_process.cookie(), domain="portal.test")
    portal.sandbox.fault("error_500", path="/profile/v1")
    assert browser.page() == (503, "PeeringDB is not available")
    assert browser.page("/user") == (503, "PeeringDB is not available")
    portal.sandbox.clear_faults()
    assert browser.page() == (200, "Hello Many Nets")


def test_templates_know_the_login(portal, browser):
    @portal.app.get("/context")
    def context():
        source = (
            "{{ peeringdb.login_url }} {{ peeringdb.logout_url }} {{ peeringdb.user.name }} {{"
            " peeringdb.csrf_token|length }}"
        )
        return portal.app.jinja_env.from_string(source).render(peeringdb=_context(portal.app))

    assert browser.page("/context") == (200, "/login/peeringdb?next=/context /logout  0")
    browser.log_in("member")
    assert browser.page("/context") == (200, "/login/peeringdb?next=/context /logout Mel Member 43")


def _context(app):
    context = {}
    app.update_template_context(context)
    return context["peeringdb"]


def test_application_that_was_not_set_up_is_an_error():
    pdb, app = PeeringDB(), Flask("other")

    @app.get("/")
    @pdb.require()
    def view():
        """Not reached."""

    app.testing = True
    with pytest.raises(
        ConfigurationError,
        match=r"the application 'other' does not know this login: call init_app\(app\)",
    ):
        app.test_client().get("/")


# --- caches ---------------------------------------------------------------------------


def test_shared_caches_may_not_keep_guarded_views(portal, browser):
    @portal.app.get("/cached")
    @portal.pdb.require()
    def cached():
        return "for a minute", {"Cache-Control": "public, max-age=60"}

    @portal.app.get("/secret")
    @portal.pdb.require()
    async def secret():
        return "never", {"Cache-Control": "no-store"}

    browser.log_in("member")
    assert [browser.get(path).headers.get("Cache-Control") for path in PATHS] == [
        "private",
        "private, max-age=60",
        "no-store",
        None,
    ]


PATHS = ("/me", "/cached", "/secret", "/")
