"""Pages and JSON in the language of the visitor; logs and events in English."""

import shutil

import pytest

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import Permission
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web.answer_builder import AnswerBuilder
from peeringdb_oauth.web.failures import FORGED, LOGGED_OUT
from peeringdb_oauth.web.languages import (
    CATALOGUES,
    LABELS,
    Language,
    check_language,
    choose,
    languages,
)
from peeringdb_oauth.web.visit import Refused

URLS = {
    "redirect_uri": "https://portal.test/login/peeringdb/callback",
    "base_url": "https://auth.peeringdb.com",
}
LOGGED_OUT_IN_GERMAN = "Sie sind nicht angemeldet"


# --- the choice -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("", "en"),
        ("de", "de"),
        ("DE", "de"),
        ("de-AT", "de"),
        ("de-DE-1996", "de"),
        ("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", "de"),
        ("en-US,en;q=0.9,de;q=0.8", "en"),
        ("de;q=0.5, en;q=0.9", "en"),
        ("de, en", "de"),
        ("en, de", "en"),
        ("de;q=1, en", "de"),
        ("de ; q=1.000 , en ; q=0.9", "de"),
        ("xx, yy;q=0.9, de;q=0.1", "de"),
        ("xx", "en"),
        ("*", "en"),
        ("*,de;q=0.5", "de"),
        ("de;q=0", "en"),
        ("de;q=much", "en"),
        ("de;q=2", "en"),
        (";;,,-,;q=1", "en"),
        ("de-", "de"),
        ("dex", "en"),
        (f"{'xx,' * 40}de", "en"),  # nobody reads so many
    ],
)
def test_the_language_is_the_one_that_the_visitor_likes_best(accepted, code):
    assert choose(accepted).code == code


def test_english_needs_no_catalogue():
    assert list(languages()) == ["en", "de"]
    assert dict(languages()["en"].labels) == LABELS
    assert languages()["en"].say(LOGGED_OUT.title) == LOGGED_OUT.title


# --- texts ----------------------------------------------------------------------------


def test_a_failure_is_said_in_the_language_and_stays_the_same_otherwise():
    failure = languages()["de"].failure(LOGGED_OUT)
    assert failure == LOGGED_OUT._replace(
        title=LOGGED_OUT_IN_GERMAN, advice="Melden Sie sich mit PeeringDB an, um weiterzumachen."
    )


def test_a_reason_is_said_as_a_sentence_and_keeps_its_code():
    said = "you have no account at this site: ask the people who run it"
    reason = languages()["de"].reason(Reason(said, code="no_account", asn=64500, cause="disabled"))
    assert reason == "Sie haben auf dieser Website kein Konto: Fragen Sie die Betreiber"
    assert (reason.code, reason.asn, reason.cause) == ("no_account", 64500, "disabled")
    in_english = languages()["en"].reason(Reason(said))
    assert in_english == "You have no account at this site: ask the people who run it"


def test_what_the_catalogue_lacks_is_said_in_english():
    assert languages()["de"].say("Not in the catalogue") == "Not in the catalogue"


def test_the_catalogue_of_a_region_has_the_code_of_html(tmp_path):
    shutil.copytree(CATALOGUES / "de", tmp_path / "de_AT")
    language = Language.of("de_AT", tmp_path)
    assert (language.code, language.labels["log_out"]) == ("de-AT", "Abmelden")
    assert language.say(LOGGED_OUT.title) == LOGGED_OUT_IN_GERMAN


def test_a_catalogue_that_is_missing_is_an_error_and_not_english(tmp_path):
    with pytest.raises(FileNotFoundError):
        Language.of("de", tmp_path)


# --- pages and JSON -------------------------------------------------------------------


def test_a_page_is_in_the_language_of_the_visitor(browser):
    visit = browser.visit("/x", Accept_Language="de-DE,de;q=0.9")
    reason = Reason("you have no account at this site: ask the people who run it", code="no", asn=1)
    answer = AnswerBuilder(**URLS).failure(visit, LOGGED_OUT, (reason,), logged_in=True, name="Ada")
    page = answer.page
    assert (page.language, page.title) == ("de", LOGGED_OUT_IN_GERMAN)
    assert page.advice == "Melden Sie sich mit PeeringDB an, um weiterzumachen."
    assert page.account == "Sie sind als Ada angemeldet."
    assert page.labels["log_out"] == "Abmelden"
    assert page.reasons == ("Sie haben auf dieser Website kein Konto: Fragen Sie die Betreiber",)
    assert (page.reasons[0].code, page.reasons[0].asn) == ("no", 1)
    assert (answer.headers["Content-Language"], answer.headers["Vary"]) == ("de", "Accept-Language")


def test_the_page_for_another_account_is_in_the_language_of_the_visitor(browser):
    visit = browser.visit("/login/peeringdb?prompt=select_account", Accept_Language="de")
    answer = browser.flow.start(visit)
    assert (answer.page.language, answer.headers["Content-Language"]) == ("de", "de")
    assert answer.page.title == answer.page.labels["other_account"]
    assert answer.page.title == "Ein anderes PeeringDB-Konto benutzen"
    assert answer.page.advice.startswith("PeeringDB merkt sich")


@pytest.mark.parametrize("headers", [{"Accept": "application/json"}, {"Sec_Fetch_Mode": "cors"}])
def test_programs_get_the_texts_in_the_language_of_the_visitor(browser, headers):
    visit = browser.visit("/x", Accept_Language="de", **headers)
    answer = AnswerBuilder(**URLS).ask_to_log_in(visit)
    assert (answer.json["code"], answer.json["title"]) == ("logged_out", LOGGED_OUT_IN_GERMAN)
    assert (answer.headers["Content-Language"], answer.headers["Vary"]) == ("de", "Accept-Language")


def test_a_page_that_is_opened_with_get_only_says_so_in_the_language_of_the_visitor(browser):
    answer = browser.flow.start(browser.visit("/login/peeringdb", method="HEAD"))
    assert answer.json["title"] == "This page is opened with GET only"
    visit = browser.visit("/login/peeringdb", method="HEAD", Accept_Language="de")
    assert browser.flow.start(visit).json["title"] == "Diese Seite wird nur mit GET geöffnet"


@pytest.mark.parametrize("fixed", ["de", "DE"])
def test_an_application_can_fix_the_language(browser, fixed):
    builder = AnswerBuilder(**URLS, language=fixed)
    visit = browser.visit("/x", Accept_Language="en")
    answer = builder.failure(visit, FORGED, logged_in=False)
    assert answer.page.language == "de"
    assert "Vary" not in answer.headers
    assert builder.labels(visit)["log_in"] == "Mit PeeringDB anmelden"


@pytest.mark.parametrize("language", ["xx", "", 7, "de-AT"])
def test_a_language_without_a_catalogue_is_refused(language):
    with pytest.raises(ConfigurationError) as caught:
        check_language(language)
    assert caught.value.problems == ("language: must be None or one of en, de",)
    with pytest.raises(ConfigurationError):
        AnswerBuilder(**URLS, language=language)


@pytest.mark.parametrize("language", ["en", "de", "DE"])
def test_a_language_with_a_catalogue_may_be_set(language):
    assert check_language(language) is None


def test_the_login_of_an_application_has_its_language(make_browser):
    browser = make_browser(language="de")
    answer = browser.flow.start(browser.visit("/login/peeringdb?prompt=select_account"))
    assert answer.page.language == "de"
    assert browser.flow.page_context(browser.visit("/")).labels["log_out"] == "Abmelden"


def test_the_buttons_on_pages_of_the_application_do_not_follow_the_visitor(browser):
    """The rest of the page does not, and a cache may keep it."""
    context = browser.flow.page_context(browser.visit("/", Accept_Language="de"))
    assert context.labels["log_out"] == "Log out"


def test_events_and_logs_stay_english(browser, caplog):
    browser.log_in()
    visit = browser.visit("/x", Accept_Language="de")
    rule = AccessRule(asn=64511, perms=Permission.UPDATE)
    with pytest.raises(Refused) as caught:
        browser.client.run(browser.flow.require(visit, rule))
    page = caught.value.answer.page
    assert page.title == "Sie gehören nicht zu AS64511"
    assert page.reasons == ("Sie gehören bei PeeringDB nicht zu AS64511",)
    assert browser.events[-1].reasons == ("You are not affiliated with AS64511 at PeeringDB",)
    assert "not affiliated" in caplog.text


def test_a_reload_of_a_refusal_is_in_the_language_of_the_visitor(browser, profile):
    profile(networks=[])
    browser.flow._context.rule = AccessRule(asn=64511)
    asked = browser.start("?next=/x")
    browser.come_back(asked)
    page = browser.come_back(asked, Accept_Language="de").page
    assert page.reasons == ("Sie gehören bei PeeringDB nicht zu AS64511",)


def test_texts_within_texts_are_translated(browser):
    browser.log_in()
    [reason] = AccessRule(asn=(64510, 64511)).check(browser.user()).reasons
    assert languages()["de"].reason(reason) == (
        "Ein Netz genügt, aber Sie gehören bei PeeringDB nicht zu AS64510 oder AS64511"
    )
