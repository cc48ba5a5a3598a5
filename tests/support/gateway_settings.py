"""Settings of a gateway that asks nobody."""

from peeringdb_oauth.gateway.settings import Settings

RULES = """
[[rule]]
path = "/members/{asn}/"
perms = "update"

[[rule]]
path = "/"
asn_file = "members.txt"
"""


def write_settings(directory, *more, rules=RULES):
    """Write a TOML file; its path. ``more``: lines of the top of the file."""
    (directory / "secret-key").write_text("0123456789abcdef0123456789abcdef")
    (directory / "client-secret").write_text("a-client-secret")
    if not (directory / "members.txt").exists():
        (directory / "members.txt").write_text("64500\n")
    path = directory / "gateway.toml"
    lines = [
        'urls = ["https://lg.example.net"]',
        'secret_key_file = "secret-key"',
        f'sessions = "sqlite:///{directory}/sessions.db"',
        *more,
        "[peeringdb]",
        'client_id = "lg"',
        'client_secret_file = "client-secret"',
        rules,
    ]
    path.write_text("\n".join(lines))
    return path


def load_settings(directory, *more, **arguments):
    """The settings of such a file."""
    return Settings.load(write_settings(directory, *more, **arguments))
