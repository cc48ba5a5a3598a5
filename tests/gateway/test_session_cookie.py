import pytest

from peeringdb_oauth.gateway.session_cookie import parse_cookies


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1; a=2", {"a": "1"}),
        ("a; b = 2 ", {"b": "2"}),
        ('a="x=="', {"a": "x=="}),
        ('a="', {"a": '"'}),
        ('a=""', {"a": ""}),
    ],
)
def test_parses_cookies_as_browsers_send_them(header, cookies):
    assert parse_cookies(header) == cookies
