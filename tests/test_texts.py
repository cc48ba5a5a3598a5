"""A text is a plain ``str`` that can be said in another language."""

import copy
import json
import pickle

import pytest

from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.texts import Text

GERMAN = {
    "you may not read {network}": "Sie dürfen {network} nicht lesen",
    "{count} others": "{count} andere",
    "closed": "geschlossen",
}
TEXT = Text("you may not read {network}", network=Text("{count} others", count=3))


def german(template):
    return GERMAN.get(template, template)


def parts(text):
    return type(text), str(text), text.template, text.values


def test_a_text_is_english():
    assert TEXT == "you may not read 3 others"
    assert json.dumps([TEXT]) == '["you may not read 3 others"]'


def test_a_text_and_the_texts_in_it_are_said_in_another_language():
    assert TEXT.say(german) == "Sie dürfen 3 andere nicht lesen"
    assert TEXT.say(str) == "you may not read 3 others"


def test_a_plain_text_may_have_braces():
    text = Text.of("{closed} 100% {")
    assert (text.template, text.values, text.say(german)) == (text, {}, "{closed} 100% {")
    assert Text.of(TEXT) is TEXT


def test_a_value_may_have_braces():
    assert Text("{name}!", name="{0} {name}").say(str) == "{0} {name}!"


def test_the_empty_text_is_not_translated():
    """The gettext module would answer with the header of its catalogue."""
    assert Text("").say({}.__getitem__) == ""


@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        lambda text: Text.from_json(json.loads(json.dumps(text.to_json()))),
        *(
            lambda text, protocol=protocol: pickle.loads(pickle.dumps(text, protocol))  # noqa: S301
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
        ),
    ],
)
@pytest.mark.parametrize("text", [TEXT, Text("closed"), Text("{closed}")])
def test_a_text_can_be_copied_and_stored(text, duplicate):
    assert parts(duplicate(text)) == parts(text)


def test_a_reason_can_be_said_in_another_language_as_a_sentence_too():
    for reason in (Reason("closed"), Reason("closed").sentence, Reason(Text("closed"))):
        for same in (reason, pickle.loads(pickle.dumps(reason))):  # noqa: S301
            assert same == reason
            assert same.text.say(german) == "geschlossen"
