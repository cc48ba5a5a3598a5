"""The rules and the roles in the settings, and rules that make no sense."""

import pytest

from peeringdb_oauth.gateway.rule_tables import ROLE_KEYS, RULE_KEYS, read_roles, read_rules
from peeringdb_oauth.gateway.rules import Conditions, Role, Rule
from peeringdb_oauth.gateway.toml_file import Table, TomlFile
from peeringdb_oauth.profile import Permission

HOSTS = ("lg.example.net", "grafana.example.net")
SCOPE = ("profile", "email", "networks", "amr")


@pytest.fixture
def read(tmp_path):
    """``read(text)``: the rules, the roles, the files with AS numbers, the problems."""
    (tmp_path / "members.txt").write_text("64500\n")
    (tmp_path / "words.txt").write_text("a word\n")

    def read(text, *, hosts=HOSTS, scope=SCOPE):
        path = tmp_path / "gateway.toml"
        path.write_text(text)
        file, files = TomlFile(path), {}
        top = Table(file, file.values, (), ("rule", "role"))
        rules = read_rules(top.tables("rule", RULE_KEYS), hosts, scope, files)
        roles = read_roles(top.tables("role", ROLE_KEYS), scope, files)
        found = [problem.replace(f"{tmp_path}/", "") for problem in file.problems()]
        return rules, roles, files, found

    return read


@pytest.fixture
def problems(read):
    return lambda text, **more: read(text, **more)[-1]


# --- what can be said -----------------------------------------------------------------


def test_what_a_rule_does_not_say_has_a_default(read):
    assert read('[[rule]]\nallow = "everybody"\n') == (
        [
            Rule(
                index=1,
                host=None,
                path="/",
                methods=None,
                allow="everybody",
                conditions=Conditions(
                    asns=None,
                    asn_file=None,
                    perms=Permission.READ,
                    manage_sessions=False,
                    mfa=False,
                ),
                own_asn=None,
                allow_in_path=frozenset(),
                origins=(),
            )
        ],
        [],
        {},
        [],
    )


def test_everything_that_a_rule_can_say(read):
    [first, second], _, files, found = read("""
[[rule]]
host = "GRAFANA.example.net"
path = "/members/{asn}/"
methods = ["GET", "POST"]
perms = ["read", "update"]
manage_sessions = true
mfa = true
own_asn = 64496
allow_in_path = ["%2f", "%5c", ";"]
origins = ["https://wiki.example.net", "http://localhost:8000"]
[[rule]]
path = "/x"
methods = "PROPFIND"
asn = [64501, 64500, 64501]
""")
    assert (files, found) == ({}, [])
    assert first == Rule(
        index=1,
        host="grafana.example.net",
        path="/members/{asn}/",
        methods=frozenset({"GET", "POST"}),
        conditions=Conditions(
            perms=Permission.READ | Permission.UPDATE, manage_sessions=True, mfa=True
        ),
        own_asn=64496,
        allow_in_path=frozenset({"%2F", "\\", ";"}),
        origins=("https://wiki.example.net", "http://localhost:8000"),
    )
    assert second == Rule(
        index=2,
        path="/x",
        methods=frozenset({"PROPFIND"}),
        conditions=Conditions(asns=(64501, 64500)),
    )


def test_everything_that_a_role_can_say(read):
    _, roles, _, found = read("""
[[role]]
name = "Editor"
asn = 64500
perms = "update"
manage_sessions = true
mfa = true
[[role]]
name = "Viewer-2"
asn = 64501
""")
    conditions = Conditions(asns=(64500,), perms=Permission.UPDATE, manage_sessions=True, mfa=True)
    assert (roles, found) == (
        [
            Role(name="Editor", conditions=conditions),
            Role(name="Viewer-2", conditions=Conditions(asns=(64501,))),
        ],
        [],
    )


def test_a_file_that_rules_and_roles_name_is_read_once(read, tmp_path):
    named = 'asn_file = "members.txt"\n'
    rules, [role], files, found = read(
        f'[[rule]]\npath = "/a"\n{named}[[rule]]\npath = "/b"\n{named}'
        f'[[role]]\nname = "Member"\n{named}'
    )
    assert files["members.txt"].path == tmp_path / "members.txt"
    assert files["members.txt"].asns == (64500,)
    assert ([*files], found) == (["members.txt"], [])
    conditions = [one.conditions for one in (*rules, role)]
    assert conditions == [Conditions(asn_file=files["members.txt"])] * 3


# --- what is wrong --------------------------------------------------------------------

NEITHER = (
    "a rule needs one of allow, asn, asn_file, or {asn} in its path;"
    ' allow = "verified" lets everybody in whom PeeringDB has verified'
)
ODD_PATH = (
    r"path: must be a path as people read it, without // % ? # ; \ + and blanks; servers read these"
    " in different ways"
)
PLACEHOLDER = (
    "path: {asn} is the only placeholder, and stands between slashes, as in /members/{asn}/"
)
NOT_AN_ASN = "asn: must be an AS number, from 1 to 4294967295"
STRANGERS = (
    'mfa: does not go with allow = "everybody", because strangers have no second factor; write'
    ' allow = "verified"'
)
NO_LOOPBACK = (
    "origins: http://wiki.example.net: must be https; allow_http is for loopback hosts only, and"
    " wiki.example.net is not one"
)
ORIGIN = "origins: https://wiki.example.net/a: must be scheme and host only, such as"


@pytest.mark.parametrize(
    ("lines", "line", "expected"),
    [
        ("", 1, NEITHER),
        ('path = "/x"\nperms = "update"', 1, NEITHER),
        ('allow = "all"', 2, 'allow: "all" is not possible here; there are everybody, verified'),
        ('allow = "verifed"', 2, 'allow: "verifed" is not possible here; did you mean verified?'),
        ("allow = true", 2, "allow: must be a word in quotes; there are everybody, verified"),
        ('paths = "/x"', 2, "paths: there is no such key here; did you mean path?"),
        ('path = "x"\nasn = 1', 2, "path: must begin with a slash, such as /members/{asn}/"),
        ('path = "/x/{ASN}"', 2, PLACEHOLDER),
        ('path = "/as{asn}"', 2, PLACEHOLDER),
        ('path = "/a}"', 2, PLACEHOLDER),
        ('path = "/{asn}/{x"', 2, PLACEHOLDER),
        ('path = "/{asn}/{asn}"', 2, "path: must not have {asn} twice"),
        ('path = "/a//b"', 2, ODD_PATH),
        ('path = "/a%20b"', 2, ODD_PATH),
        ('path = "/a b"', 2, ODD_PATH),
        ('path = "/a+b"', 2, ODD_PATH),
        ('path = "/a?b"', 2, ODD_PATH),
        ('path = "/a#b"', 2, ODD_PATH),
        ('path = "/a;b"', 2, ODD_PATH),
        ("path = '/a\\b'", 2, ODD_PATH),
        ('path = "/a\\u0007"', 2, ODD_PATH),
        ('path = "/a/../b"', 2, "path: must not have . or .. between slashes"),
        (
            'path = "/public/*"',
            2,
            "path: must not have *; a rule is for all that begins with its path",
        ),
        (
            'methods = "GET, POST"',
            2,
            'methods: must be a list if there are several: ["GET", "POST"]',
        ),
        (
            'path = "/_peeringdb/x"',
            2,
            "path: the gateway itself answers below /_peeringdb/, and no rule can change that",
        ),
        ("path = 1", 2, "path: must be text in quotes"),
        ('methods = "get"', 2, 'methods: "get" is not possible here; did you mean GET?'),
        (
            'methods = ["GET", "POTS"]',
            2,
            'methods: "POTS" is not possible here; did you mean POST?',
        ),
        ("methods = []", 2, "methods: must not be empty"),
        (
            'host = "graf.example.net"',
            2,
            "host: graf.example.net is not in urls; did you mean grafana.example.net?",
        ),
        (
            'host = "https://lg.example.net"',
            2,
            "host: https://lg.example.net is not in urls; did you mean lg.example.net?",
        ),
        ('asn = "64500"', 2, "asn: must be an AS number without quotes, such as 64500"),
        ("asn = [64500, 0]", 2, NOT_AN_ASN),
        ("asn = 4294967296", 2, NOT_AN_ASN),
        ("asn = true", 2, NOT_AN_ASN),
        ("asn = []", 2, "asn: must not be empty"),
        ('asn_file = "nowhere.txt"', 2, "asn_file: nowhere.txt: No such file or directory"),
        (
            'asn_file = "words.txt"',
            2,
            "asn_file: words.txt:1: must be one AS number, such as 64500",
        ),
        (
            'asn = 64500\nasn_file = "members.txt"',
            3,
            "asn_file: write either asn or asn_file, not both",
        ),
        ('asn = 64500\nallow = "verified"', 3, "allow: does not go with asn; remove one of them"),
        (
            'asn_file = "members.txt"\nallow = "verified"',
            3,
            "allow: does not go with asn_file; remove one of them",
        ),
        (
            'path = "/{asn}"\nallow = "verified"',
            3,
            "allow: does not go with {asn}; remove one of them",
        ),
        (
            'allow = "verified"\nperms = "update"',
            3,
            "perms: is about a network, and the rule names none: add asn",
        ),
        (
            'allow = "everybody"\nmanage_sessions = true',
            3,
            "manage_sessions: is about a network, and the rule names none: add asn",
        ),
        ('allow = "everybody"\nmfa = true', 3, STRANGERS),
        (
            "asn = 64500\nown_asn = 64496",
            3,
            "own_asn: is only for a path with {asn}; here add the number to asn",
        ),
        ('path = "/{asn}"\nown_asn = 0', 3, f"own_{NOT_AN_ASN}"),
        ('perms = "updat"', 2, 'perms: "updat" is not possible here; did you mean update?'),
        (
            'perms = "admin"',
            2,
            'perms: "admin" is not possible here; there are read, update, create, delete',
        ),
        ("perms = 3", 2, "perms: must be a word in quotes; there are read, update, create, delete"),
        ("perms = []", 2, "perms: must not be empty"),
        ("mfa = 1", 2, "mfa: must be true or false, without quotes"),
        ("manage_sessions = 1", 2, "manage_sessions: must be true or false, without quotes"),
        ('origins = "https://wiki.example.net/a"', 2, f"{ORIGIN} https://lg.example.net"),
        ('origins = ["http://wiki.example.net"]', 2, NO_LOOPBACK),
        ("origins = []", 2, "origins: must not be empty"),
        (
            'allow_in_path = ["%2E"]',
            2,
            'allow_in_path: "%2E" is not possible here; did you mean %2F?',
        ),
        (
            'allow_in_path = "x"',
            2,
            'allow_in_path: "x" is not possible here; there are %2F, \\, ;, //, %25, %3F, %23',
        ),
    ],
)
def test_a_wrong_rule_is_one_problem(problems, lines, line, expected):
    assert problems(f"[[rule]]\n{lines}\n") == [f"gateway.toml:{line}: {expected}"]


def test_without_hosts_the_host_of_a_rule_may_be_any(read):
    [rule], _, _, found = read('[[rule]]\nhost = "x.example.net"\nasn = 64500\n', hosts=())
    assert (rule.host, found) == ("x.example.net", [])


def test_dots_within_a_name_are_no_way_up(read):
    [rule], _, _, _ = read('[[rule]]\npath = "/.well-known/a..b/x."\nasn = 64500\n')
    assert rule.path == "/.well-known/a..b/x."


def test_after_a_wrong_rule_the_others_are_checked(problems):
    assert problems("[[rule]]\nasn = 0\n[[rule]]\nmfa = 1\n") == [
        f"gateway.toml:2: {NOT_AN_ASN}",
        "gateway.toml:4: mfa: must be true or false, without quotes",
    ]


WRONG_NAME = "2: name: must be a word without blanks and commas, such as Editor"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("asn = 64500", "1: name: missing; it is what the application is told"),
        ('name = "Editor"', "1: asn: missing; a role needs asn or asn_file"),
        ('name = "Chief Editor"\nasn = 1', WRONG_NAME),
        ('name = "A,B"\nasn = 1', WRONG_NAME),
        ('name = "A\\u0007"\nasn = 1', WRONG_NAME),
        (
            'name = "A"\nasn = 1\nperm = "read"',
            "4: perm: there is no such key here; did you mean perms?",
        ),
        ('name = "A"\nasn = 0', f"3: {NOT_AN_ASN}"),
    ],
)
def test_a_wrong_role_is_one_problem(problems, lines, expected):
    assert problems(f"[[role]]\n{lines}\n") == [f"gateway.toml:{expected}"]


def test_a_role_without_a_network_is_one_problem(problems):
    assert problems('[[role]]\nname = "A"\n', scope=("profile", "email")) == [
        "gateway.toml:1: asn: missing; a role needs asn or asn_file"
    ]


# --- rules that nothing reaches -------------------------------------------------------

FIRST = "rule 1 (path /x)"
TAKES = "comes before it and takes all its requests"
BOTH_TAKE = "come before it and take all its requests"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (["/x", "/x"], {2: f"{FIRST} {TAKES}"}),
        (["/x", "/x/y"], {2: f"{FIRST} {TAKES}"}),
        (["/x/y", "/x"], {}),
        (["/x/y", "/x/z"], {}),
        (["/{asn}", "/x"], {2: f"rule 1 (path /{{asn}}) {TAKES}"}),
        (["/x", "/{asn}"], {}),
        (["/", "/x", "/y"], {2: f"rule 1 {TAKES}", 3: f"rule 1 {TAKES}"}),
        (["/x:lg.example.net", "/x"], {}),
        (["/x:lg.example.net", "/x:grafana.example.net"], {}),
        (
            ["/x:lg.example.net", "/x:lg.example.net"],
            {2: f"rule 1 (host lg.example.net, path /x) {TAKES}"},
        ),
        (["/x", "/x:lg.example.net"], {2: f"{FIRST} {TAKES}"}),
        (
            ["/x:lg.example.net", "/x:grafana.example.net", "/x"],
            {
                3: "rule 1 (host lg.example.net, path /x) and rule 2 (host grafana.example.net,"
                f" path /x) {BOTH_TAKE}"
            },
        ),
        (["/x GET", "/x GET,POST"], {}),
        (["/x GET", "/x POST", "/x GET,POST"], {3: f"{FIRST} and rule 2 (path /x) {BOTH_TAKE}"}),
        (["/x GET", "/x"], {}),
        (["/x", "/x GET"], {2: f"{FIRST} {TAKES}"}),
    ],
)
def test_a_rule_that_can_never_be_reached(problems, rules, expected):
    text, lines, names = "", {}, {}
    for index, rule in enumerate(rules, 1):
        where, _, methods = rule.partition(" ")
        path, _, host = where.partition(":")
        lines[index] = text.count("\n") + 1
        names[index] = f"rule {index} ({f'host {host}, ' if host else ''}path {path})"
        text += f'[[rule]]\npath = "{path}"\n'
        text += "" if "{asn}" in path else 'allow = "verified"\n'
        text += f'host = "{host}"\n' if host else ""
        text += f"methods = {methods.split(',')}\n" if methods else ""
    assert problems(text) == [
        f"gateway.toml:{lines[index]}: {names[index]} can never be reached: {why};"
        f" move rule {index} up, or remove it"
        for index, why in expected.items()
    ]


def test_without_hosts_too_a_rule_may_never_be_reached(problems):
    [problem] = problems('[[rule]]\nallow = "verified"\n' * 2, hosts=())
    assert problem.startswith("gateway.toml:3: rule 2 can never be reached: rule 1 comes before")


# --- the scope ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "scope", "where", "missing", "condition"),
    [
        ("mfa = true\nasn = 1", "profile email networks", "rule 1", "amr", "mfa"),
        ("asn = 1", "profile email", "rule 1", "networks", "asn"),
        ('path = "/{asn}"', "profile email", "rule 1 (path /{asn})", "networks", "asn"),
        ('asn_file = "members.txt"', "profile email", "rule 1", "networks", "asn"),
        ('allow = "verified"', "profile", "rule 1", "email", "verified_email"),
    ],
)
def test_the_scope_has_what_the_rules_ask_for(problems, *, rule, scope, where, missing, condition):
    [problem] = problems(f"[[rule]]\n{rule}\n", scope=scope.split())
    assert problem == (
        f"gateway.toml:1: scope: {missing!r} is missing, and {where} asks for {condition}; add"
        f" {missing!r}"
    )


def test_the_scope_has_what_the_roles_ask_for(problems):
    role = '[[role]]\nname = "A"\nasn = 1\nmfa = true\n'
    assert problems(role, scope=("profile", "email")) == [
        "gateway.toml:1: scope: 'networks' is missing, and the role A asks for asn; add 'networks'",
        "gateway.toml:1: scope: 'amr' is missing, and the role A asks for mfa; add 'amr'",
    ]


def test_the_scope_is_checked_for_a_role_without_a_name_too(problems):
    _, problem = problems("[[role]]\nasn = 1\n", scope=("profile", "email"))
    assert problem == (
        "gateway.toml:1: scope: 'networks' is missing, and the role without a name asks for asn;"
        " add 'networks'"
    )


def test_people_whom_a_rule_lets_in_by_their_verification_need_no_networks(problems):
    assert problems('[[rule]]\nallow = "verified"\n', scope=("profile", "email")) == []


def test_an_open_rule_needs_no_scope(problems):
    assert problems('[[rule]]\nallow = "everybody"\n', scope=()) == []
