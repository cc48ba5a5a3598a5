"""What one stranger, account or address can cost everybody.

PeeringDB counts the requests and the refusals of an address. Each attack below stopped
everybody's login for a minute. Now another person logs in right after it, from another
address. The table with the figures is printed with ``pytest -s`` and at the end of the
module.
"""

import re
import secrets
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask

from peeringdb_oauth import AccessRule, Client, ClientConfig
from peeringdb_oauth.integrations.flask import PeeringDB
from peeringdb_oauth.sandbox import Sandbox

pytestmark = pytest.mark.server

PORTAL = "https://portal.test"
CALLBACK = "/login/peeringdb/callback"
ATTACKER, ANOTHER_PERSON = "198.51.100.1", "203.0.113.9"
BUDGET = 100


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(tls=False, limits=False) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def table(request):
    rows = []
    yield rows
    lines = [f"{name:<82} {requests:>9} {refusals:>9}" for name, requests, refusals in rows]
    title = "within one minute, from one address and one account"
    head = f"{title:<82} {'requests':>9} {'refusals':>9}"
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line("\n".join(["", head, *lines]))


class World:
    """One application, all in one minute, and what PeeringDB gets from it."""

    def __init__(self, sandbox, *, processes=1, rule=None, secret_key=None, algorithm="RS256"):
        self.sandbox = sandbox
        self.secret_key = secret_key or secrets.token_hex()
        application = sandbox.register(PORTAL + CALLBACK, algorithm=algorithm)
        self.config = ClientConfig(
            client_id=application.client_id,
            client_secret=application.client_secret,
            redirect_uri=PORTAL + CALLBACK,
            base_url=sandbox.url,
            allow_http=True,
            processes=processes,
        )
        self.rule = rule
        self.monotonic = 0.0
        self.answers = []  # (path, status) of each request of the application
        self.app = self.make_process()

    def make_process(self):
        """A process of the application. It shares the secret key, not the memory."""
        client = Client(self.config, monotonic=lambda: self.monotonic, clock=lambda: self.now)
        self.now = time.time()
        connections = client._connections
        send = connections.send

        def counting(request, timeout):
            answer = send(request, timeout)
            self.answers.append((urlsplit(request.url).path, answer.status_code))
            return answer

        connections.send = counting
        app = Flask("portal")
        app.secret_key = self.secret_key
        pdb = PeeringDB(app, client=client, rule=self.rule)
        app.add_url_rule("/", "home", lambda: "home")
        app.add_url_rule("/now", "now", pdb.require(max_age=0)(lambda: "as of now"))
        app.add_url_rule("/api", "api", pdb.bearer()(lambda: "api"))
        return app

    def browser(self, address=ATTACKER, app=None):
        return Browser(self, (app or self.app).test_client(), address)

    @property
    def requests(self):
        return len(self.answers)

    @property
    def refusals(self):
        return sum(status in (401, 403) for _, status in self.answers)


class Browser:
    def __init__(self, world, client, address):
        self.world, self.client, self.address = world, client, address

    def get(self, path, **headers):
        return self.client.get(
            PORTAL + path.removeprefix(PORTAL),
            headers={"Accept": "text/html"} | headers,
            environ_base={"REMOTE_ADDR": self.address},
        )

    def start(self):
        return self.get("/login/peeringdb").location

    def log_in(self, person, edit=lambda url: url):
        return self.get(self.world.sandbox.log_in(person, edit(self.start())))

    def come_back(self, **parameters):
        state = dict(pair.split("=") for pair in urlsplit(self.start()).query.split("&"))["state"]
        return self.get(f"{CALLBACK}?{urlencode({'state': state} | parameters)}")

    def log_out(self):
        return self.client.post(
            f"{PORTAL}/logout",
            headers={"Sec-Fetch-Site": "same-origin"},
            environ_base={"REMOTE_ADDR": self.address},
        )


def edit_the_scope(world):
    """An account takes ``profile`` out of the scope in the address, again and again."""
    statuses = [
        world.browser().log_in("member", edit=lambda url: url.replace("profile+", "")).status_code
        for _ in range(15)
    ]
    assert set(statuses) == {400, 429}


def replay_dead_cookies(world):
    """An account logs in and out ten times, and sends the old cookies."""
    cookies = log_in_and_out(world, 10)
    world.answers.clear()
    for _ in range(3):
        for browser in cookies:
            assert browser.get("/now").status_code in (302, 403)


def replay_dead_cookies_elsewhere(world):
    """The same, but to another process, which knows nothing of the logouts."""
    cookies = log_in_and_out(world, 10)
    world.answers.clear()
    world.app = world.make_process()
    for _ in range(3):
        for browser in cookies:
            copy = world.browser()
            copy.client._cookies = browser.client._cookies
            copy.get("/now")


def log_in_and_out(world, times):
    copies = []
    for _ in range(times):
        browser = world.browser()
        assert browser.log_in("member").status_code == 302
        copy = world.browser()
        copy.client._cookies = dict(browser.client._cookies)
        browser.log_out()
        copies.append(copy)
    return copies


def send_odd_codes(world):
    """A stranger sends codes and tokens that a firewall may refuse."""
    for odd in ("../../etc/passwd", "<script>alert(1)</script>", "a b", "x" * 129, "' or 1=1"):
        for _ in range(10):
            assert world.browser().come_back(code=odd).status_code == 400
            assert world.browser().get("/api", Authorization=f"Bearer {odd}").status_code == 401


def ask_for_the_present(world):
    """Somebody logged in opens a page with ``max_age=0`` 98 times."""
    browser = world.browser()
    browser.log_in("member")
    statuses = [browser.get("/now").status_code for _ in range(98)]
    assert set(statuses) == {200, 429}


def make_codes_up(world):
    """A stranger makes 198 codes up, each with a login that was really started."""
    codes = [secrets.token_hex(15) for _ in range(198)]
    statuses = [world.browser().come_back(code=code).status_code for code in codes]
    assert set(statuses) == {400, 429}


def send_a_code_that_fails(world):
    """An account sends one code 98 times, to which PeeringDB answers 500."""

    def edit(url):  # Without a challenge the code fits each of the started logins.
        return re.sub("&code_challenge(_method)?=[^&]*", "", url).replace("scope=", "scope=openid+")

    back = world.sandbox.log_in("member", edit(world.browser().start()))
    code = parse_qs(urlsplit(back).query)["code"][0]
    statuses = [world.browser().come_back(code=code).status_code for _ in range(98)]
    assert set(statuses) == {502, 429}


def end_collected_logins_at_once(world):
    """An account logs in 100 times within half an hour, then logs out everywhere."""
    browsers = []
    for number in range(100):
        world.monotonic += 61 * (number % 4 == 0)
        browsers.append(world.browser())
        assert browsers[-1].log_in("member").status_code == 302
    world.monotonic += 61
    world.answers.clear()
    for browser in browsers:
        assert browser.log_out().status_code == 303
        assert browser.get("/now").status_code == 302


def make_codes_up_from_many_networks(world):
    """A stranger with an IPv6 /48 makes 198 codes up, each from another /64."""
    for number in range(198):
        browser = world.browser(f"2001:db8:1:{number:x}::1")
        assert browser.come_back(code=secrets.token_hex(15)).status_code in (400, 429)


def make_tokens_up(world):
    """A stranger makes 98 bearer tokens up."""
    tokens = [secrets.token_hex(15) for _ in range(98)]
    browser = world.browser()
    statuses = [
        browser.get("/api", Authorization=f"Bearer {token}").status_code for token in tokens
    ]
    assert set(statuses) == {401, 429}


def log_in_without_second_factor(world):
    """Somebody without the second factor that the rule wants logs in 16 times."""
    statuses = set()
    for _ in range(16):
        browser, url = world.browser(), "/login/peeringdb"
        for _ in range(2):  # the second time PeeringDB asks for the password again
            url = browser.get(url).location
            answer = browser.get(world.sandbox.log_in("member", url, second_factor="backup"))
            statuses.add(answer.status_code)
            if answer.status_code != 302:
                break
            url = answer.location
    assert statuses == {302, 403, 429}


def end_many_logins_at_once(world):
    """PeeringDB ends the tokens of 20 people at once, and all of them go on."""
    browsers = []
    for number in range(20):
        browser = world.browser(f"192.0.2.{number}")
        person = world.sandbox.add_person(f"Person {number}", networks={64500: 1})
        assert browser.log_in(person.login).status_code == 302
        browsers.append(browser)
    world.sandbox.revoke_tokens()
    world.answers.clear()
    for browser in browsers:
        browser.get("/now")


ATTACKS = {
    edit_the_scope: 10,
    replay_dead_cookies: 0,
    replay_dead_cookies_elsewhere: 30,
    send_odd_codes: 0,
    ask_for_the_present: 12,
    make_codes_up: 10,
    make_codes_up_from_many_networks: 30,
    send_a_code_that_fails: 10,
    end_collected_logins_at_once: 10,
    make_tokens_up: 10,
    log_in_without_second_factor: 30,
    end_many_logins_at_once: 60,
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_after_an_attack_another_person_logs_in(sandbox, table, attack):
    rule = AccessRule(mfa=True) if attack is log_in_without_second_factor else None
    # An application has no algorithm if its owner chose none.
    algorithm = None if attack is send_a_code_that_fails else "RS256"
    world = World(sandbox, rule=rule, algorithm=algorithm)
    attack(world)
    requests, refusals = world.requests, world.refusals
    table.append((attack.__doc__.strip().splitlines()[0], requests, refusals))
    assert requests <= ATTACKS[attack]
    assert refusals <= 5
    answer = world.browser(ANOTHER_PERSON).log_in("orgadmin")
    assert (answer.status_code, answer.location) == (302, "/")


def test_four_processes_together_stay_below_the_refusal_that_blocks_the_address(sandbox, table):
    """A copy of each dead cookie reaches each process, which knows no other."""
    world = World(sandbox, processes=4)
    copies = []
    for number in range(6):
        browser = world.browser(f"192.0.2.{number}")
        person = sandbox.add_person(f"Person {number}", networks={64500: 1})
        assert browser.log_in(person.login).status_code == 302
        copies.append(browser.client._cookies)
    sandbox.revoke_tokens()
    world.answers.clear()
    processes = [world.make_process() for _ in range(4)]
    for app in processes:
        for cookies in copies:
            browser = world.browser(app=app)
            browser.client._cookies = dict(cookies)
            browser.get("/now")
    table.append(("The same in four processes.", world.requests, world.refusals))
    assert world.refusals <= 10
    answer = world.browser(ANOTHER_PERSON, processes[0]).log_in("orgadmin")
    assert (answer.status_code, answer.location) == (302, "/")
