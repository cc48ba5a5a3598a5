"""The redirect URI, as a browser reaches it."""

from urllib.parse import urlsplit

import requests

from peeringdb_oauth.config import is_loopback
from peeringdb_oauth.doctor.findings import Finding, ok

_TIMEOUT = 10.0  # seconds
_CHECK = "redirect-uri"


def examine_callback(url: str, *, ca_file: str | None) -> Finding:
    """What a browser gets at the redirect URI ``url``, seen from this machine.

    The request has no code and no state, so a callback answers with an error.
    ``ca_file``: as in `ClientConfig`.
    """
    is_local = is_loopback(urlsplit(url).hostname or "")
    try:
        answer = requests.get(
            url,
            timeout=_TIMEOUT,
            allow_redirects=False,
            stream=True,
            headers={"Accept": "application/json"},
            verify=ca_file or True,
        )
    except requests.exceptions.SSLError as error:
        return _bad_certificate(url, error, is_local=is_local)
    except requests.exceptions.RequestException as error:
        return _no_answer(url, error, is_local=is_local)
    with answer:
        return _of_status(url, answer)


def _bad_certificate(url: str, error: Exception, *, is_local: bool) -> Finding:
    return Finding(
        check=_CHECK,
        status="warning" if is_local else "problem",
        seen=f"The certificate of {url} is not accepted here: {_last_words(error)}.",
        why="Browsers warn people who come back from PeeringDB, or stop them.",
        remedy="Install a valid certificate with its whole chain.",
    )


def _no_answer(url: str, error: Exception, *, is_local: bool) -> Finding:
    return Finding(
        check=_CHECK,
        status="warning" if is_local else "problem",
        seen=f"Nothing answers at {url}: {_last_words(error)}.",
        why="People who come back from PeeringDB see an error of their browser.",
        remedy="Start the application, or correct the redirect URI and its registration. If only"
        " this machine cannot reach it, all may be well.",
    )


def _of_status(url: str, answer: requests.Response) -> Finding:
    status, path = answer.status_code, urlsplit(url).path
    if status == 404:
        return Finding(
            check=_CHECK,
            status="problem",
            seen=f"The site has no page {path}: {url} is answered with 404.",
            why="People who come back from PeeringDB cannot be logged in.",
            remedy="Let the redirect URI end in the path of the application's callback, and"
            " register the same at PeeringDB.",
        )
    if 300 <= status < 400:
        there = urlsplit(answer.headers.get("Location", ""))
        return Finding(
            check=_CHECK,
            status="warning",
            seen=f"{url} redirects to {there.scheme}://{there.netloc}{there.path}.",
            why="The cookie of the login may belong to the other address, and the code is lost"
            " where the redirect drops the query.",
            remedy="Make the final address the redirect URI, and register it at PeeringDB.",
        )
    if status >= 500:
        return Finding(
            check=_CHECK,
            status="problem",
            seen=f"{url} is answered with {status}.",
            why="The application, or what is before it, is broken.",
            remedy="Look into its log.",
        )
    return ok(_CHECK, f"{url} is reached, and answers {status} to a callback without a login.")


def _last_words(error: Exception) -> str:
    """The end of a chain of errors, which says what has happened."""
    text = str(error).rpartition("Caused by ")[2]
    return text.strip("()'\"").rpartition(": ")[2].strip("()'\"") or type(error).__name__
