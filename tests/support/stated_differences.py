"""Where the sandbox answers otherwise than PeeringDB, with the reasons.

Tests and ``scripts/compare`` read the lists. Everything else must be the same.
"""

import re

_NO_PASSWORDS = "the sandbox has no passwords; a click answers 302 to a page for the second factor"

# By the name of the recording.
OF_RECORDINGS = {
    "api-with-oauth-bearer": (
        "the sandbox has no /api/: nothing of PeeringDB's database but people and their networks"
    ),
    "login-switch-account-3-login-password": _NO_PASSWORDS,
    "login-switch-account-no-oauth-cookie-3-login-password": _NO_PASSWORDS,
    "login-same-account-3-login-password": _NO_PASSWORDS,
    "token-race-3-server-error": (
        "one in thirty requests of a race, by chance; the fault error_500 gives it at will"
    ),
}
# By a pattern for the whole line of `wire_replay.compare`.
OF_LINES = {
    "content-language: '.+' there, '.+' here": (
        "PeeringDB has translations for Accept-Language; the sandbox has English"
    )
}
# Nobody recorded these, but they were measured.
OTHERS = {
    "refusals of tokens of staff and superusers": (
        "PeeringDB neither remembers nor counts them; the sandbox has no such role"
    ),
    "upper and lower case of client_id, codes and refresh tokens": (
        "PeeringDB's MariaDB does not tell them apart; SQLite does, so that a wrong one is found"
    ),
    "the page of a 404": "PeeringDB's own page of 13 kB is left out",
    "pages at /oauth2/applications/, /oauth2/authorized_tokens/ and /oauth2/device/": (
        "404 in the sandbox: applications are registered at its own pages, and nobody logs in by"
        " device code, because PeeringDB names no page where a person could enter it"
    ),
    "a refresh that races with a revocation": "SQLite runs one after the other",
}


def reason_for(name: str, request: str, line: str) -> str | None:
    """Why this difference is stated, or None if it is not."""
    for known in (name, request.partition(":")[0]):  # of a family the request has the name
        if known in OF_RECORDINGS:
            return OF_RECORDINGS[known]
    return next((why for pattern, why in OF_LINES.items() if re.fullmatch(pattern, line)), None)
