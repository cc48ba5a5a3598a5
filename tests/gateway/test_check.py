"""What the gateway says to a proxy about a visitor's request."""

import pytest

from .conftest import GRAFANA, LG, PERSON, SCRIPT, heading, identity

pytestmark = pytest.mark.server


def test_a_stranger_is_sent_to_the_login_and_comes_back(browser):
    answer = browser.get("/looking/glass?q=192.0.2.0%2F24&x=a+b")
    assert answer.status_code == 302
    last = browser.follow(answer)
    assert last.status_code == 204
    assert identity(last)["id"]
