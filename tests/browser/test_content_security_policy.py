"""Our own pages under the strict Content-Security-Policy of the portals.

It allows styles from files of the same site only. The browser reports what it refuses,
and then the fixture ``somebody`` fails the test.
"""

import pytest

pytestmark = pytest.mark.browser

# A page of ours that no portal replaces, for somebody who is logged in.
PAGES = {
    "flask": "/login/peeringdb/status",
    "fastapi": "/login/peeringdb/status",
    "django": "/connect/peeringdb",
}


def test_our_pages_need_no_exception_in_a_strict_policy(somebody, portal):
    ada = somebody()
    ada.log_in("orgadmin")
    answer = ada.go_to(PAGES[portal.framework])
    policy = answer.headers["content-security-policy"]
    assert ("default-src 'none'" in policy, "unsafe" in policy) == (True, False)
    assert ada.page.evaluate("getComputedStyle(document.querySelector('main')).borderTopWidth") == (
        "1px"
    )
    ada.look_at(f"policy-{portal.framework}")
