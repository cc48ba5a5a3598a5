from urllib.parse import quote

import ada_url
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth.web.return_path import MAX_LENGTH, safe_return_path

HERE = "https://portal.example.net/login/peeringdb"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/networks/64500",
        "/networks/64500/?page=2&q=AS64501#peers",
        "/search?next=%2Fother&text=a%20b",
        "/search?q=https://example.net//x",
        "/a.b/..c/.well-known/x",
        "/caf%C3%A9",
        "/" + "a" * (MAX_LENGTH - 1),
    ],
)
def test_a_path_of_this_site_is_accepted(path):
    assert safe_return_path(path, default="/home") == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        64500,
        ["/"],
        "",
        "networks",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\nSet-Cookie: a=b",
        "\t//evil.example",
        " //evil.example",
        "/ /evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https://evil.example/",
        "HTTPS://evil.example/",
        "http:///evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/a//evil.example",
        "/..//evil.example",
        "/.//evil.example",
        "/../x",
        "/a/..",
        "/a/./b",
        "/%2fevil.example",
        "/%2F%2Fevil.example",
        "/%5cevil.example",
        "/%5Cevil.example",
        "/%252fevil.example",
        "/%2e%2e/x",
        "/%09/evil.example",
        "/%0d%0aSet-Cookie:a=b",
        "/%00",
        "/%7f",
        "/%",
        "/%2",
        "/%zz",
        "/caf\u00e9",
        "/\u2044evil.example",
        "/\uff0fevil.example",
        "/\x00",
        "/\x7f",
        "/\ud800",
        '/"onmouseover=alert(1)',
        "/<script>",
        "/{x}",
        "/a|b",
        "/" + "a" * MAX_LENGTH,
    ],
)
def test_a_path_that_could_lead_to_another_site_is_refused(path):
    assert safe_return_path(path, default="/home") == "/home"


TRICKY = st.text(alphabet="/\\.:@?#%2fF5cCeE09aA \t\r\n\x00evil-\u3002\uff0f;", max_size=30)


def leads_to_another_site(path):
    """Whether a browser leaves this site, by the WHATWG's rules for URLs.

    A proxy may have decoded the path once.
    """
    portal = ada_url.URL(HERE).origin
    return any(
        ada_url.URL(form, base=HERE).origin != portal
        for form in (path, path.replace("%2F", "/").replace("%2f", "/"))
    )


@given(
    st.one_of(
        st.text(),
        TRICKY,
        TRICKY.map("/{}".format),
        TRICKY.map(lambda text: quote(f"/{text}", safe="/?#")),
    ),
)
def test_a_browser_stays_on_this_site_with_every_accepted_path(text):
    assert not leads_to_another_site(safe_return_path(text, default="/"))


def test_the_model_of_a_browser_knows_paths_to_other_sites():
    assert leads_to_another_site("/\\evil.example")
    assert leads_to_another_site("/%2Fevil.example")
