"""What the library's pages say, in English and in each language that has a catalogue.

The catalogues are those of gettext. ``catalogues`` has a directory for each language,
with the ``.po`` and the ``.mo`` that ``scripts/translations`` compiles from it.
"""

import gettext
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from pathlib import Path

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.texts import Text
from peeringdb_oauth.web.failures import Failure

DOMAIN = "peeringdb_oauth"
CATALOGUES = Path(__file__).parent / "catalogues"
ENGLISH = "en"
# Of an Accept-Language header: more than a person reads.
_MAX_LANGUAGES = 32
_WEIGHT = re.compile(r"\s*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*")

# What the templates say.
LABELS = {
    "log_in": "Log in with PeeringDB",
    "log_in_again": "Log in again",
    "log_out": "Log out",
    "other_account": "Use another PeeringDB account",
    "start_page": "Back to the start page",
    "log_out_there": "Log out at PeeringDB",
    "new_tab": "This opens a new tab, and PeeringDB does not lead back. Close that tab and go on"
    " here.",
    "choose_account": "Choose the other account there. If PeeringDB shows an error page, you are"
    " still logged in there: begin with step 1.",
    "private_window": "Or open this site in a private window of your browser, and log in there."
    " Both accounts then stay logged in.",
    "connection": "Your account and PeeringDB",
    "connect": "Connect with PeeringDB",
    "why_connect": "Once it is connected, you can log in with PeeringDB, and this site knows your"
    " networks. PeeringDB asks for your password.",
    "disconnect": "Disconnect",
    "what_ends": "Disconnecting ends your logins with PeeringDB here. After that you log in with"
    " your password.",
    "not_staff": "This account has no staff rights here. Ask the people who run this site for"
    " them.",
    "connect_first": "If you have an account with a password here, log in to it. Then connect"
    " PeeringDB to it, and the next login with PeeringDB leads to it.",
    "cause": "For developers",
    "debug_only": "Only an application in debug mode shows this.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """Says texts in one language.

    ``code``: as in the attribute ``lang`` of HTML. ``labels``: what the templates say,
    by the names in `LABELS`. ``translate``: returns the template of a text in this
    language; the English one where the catalogue has none.
    """

    code: str
    labels: Mapping[str, str]
    translate: Callable[[str], str]

    @classmethod
    def of(cls, name: str, catalogues: Path = CATALOGUES) -> "Language":
        """The language of a directory of ``catalogues``; English needs none."""
        catalogue = gettext.translation(DOMAIN, catalogues, [name], fallback=name == ENGLISH)
        return cls(
            code=name.replace("_", "-"),
            labels={name: catalogue.gettext(text) for name, text in LABELS.items()},
            translate=catalogue.gettext,
        )

    def say(self, text: str) -> str:
        """``text`` in this language."""
        return Text.of(text).say(self.translate)

    def failure(self, failure: Failure) -> Failure:
        """A failure with its texts in this language."""
        return failure._replace(title=self.say(failure.title), advice=self.say(failure.advice))

    def reason(self, reason: Reason) -> Reason:
        """A reason in this language, as a sentence."""
        text = reason.text.say(self.translate)
        return Reason(text, code=reason.code, asn=reason.asn, cause=reason.cause).sentence


@cache
def languages() -> Mapping[str, Language]:
    """All languages by their codes in lower case. English is the first."""
    names = (ENGLISH, *sorted(path.name for path in CATALOGUES.iterdir() if path.is_dir()))
    found = map(Language.of, names)
    return {language.code.lower(): language for language in found}


def choose(accepted: str) -> Language:
    """The language that a person likes best; English if there is none of theirs.

    ``accepted``: as in the header Accept-Language (RFC 9110 section 12.5.4). If the
    language of a region is missing, the language alone counts (RFC 4647 section 3.4).
    """
    preferences = []
    for item in accepted.split(",")[:_MAX_LANGUAGES]:
        tag, _, parameter = item.partition(";")
        weight = _weight(parameter)
        if weight:
            preferences.append((weight, tag.strip().lower()))
    preferences.sort(key=itemgetter(0), reverse=True)
    for _, preferred in preferences:
        for tag in _from_longest(preferred):
            if tag in languages():
                return languages()[tag]
    return languages()[ENGLISH]


def _from_longest(tag: str) -> Iterator[str]:
    """``de-de-1996``, ``de-de`` and ``de``."""
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]


def check_language(code: object) -> None:
    """Raise an error if there is no such language.

    Raises:
        ConfigurationError: there is none.
    """
    if not (isinstance(code, str) and code.lower() in languages()):
        codes = ", ".join(language.code for language in languages().values())
        raise ConfigurationError(f"language: must be None or one of {codes}")


def _weight(parameter: str) -> float:
    """How much a person likes a language (RFC 9110 section 12.4.2): from 0 to 1."""
    if not parameter:
        return 1.0
    found = _WEIGHT.fullmatch(parameter)
    return float(found[1]) if found else 0.0
