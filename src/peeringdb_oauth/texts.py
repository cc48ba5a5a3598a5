"""`Text`: a text that can be said in another language."""

from collections.abc import Callable
from functools import partial
from typing import Any, Self


class Text(str):
    """An English text that remembers what it was made of.

    Programs and logs read it as a plain ``str``.
    ``template``: the text, with ``{name}`` where a value stands. ``values``: numbers,
    words, and other texts by name. A template without values may have braces.

    >>> from peeringdb_oauth.texts import Text
    >>> text = Text("You may read AS{asn}", asn=64500)
    >>> text
    'You may read AS64500'
    >>> text.say({"You may read AS{asn}": "Sie dürfen AS{asn} lesen"}.__getitem__)
    'Sie dürfen AS64500 lesen'
    """

    __slots__ = ("template", "values")

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, /, **values: Any) -> Self:
        """A text, see the class."""
        text = super().__new__(cls, template.format(**values) if values else template)
        text.template, text.values = str(template), values
        return text

    @classmethod
    def of(cls, text: str) -> "Text":
        """The text that a ``str`` is."""
        return text if isinstance(text, Text) else cls(text)

    def say(self, translate: Callable[[str], str]) -> str:
        """The text in the language that ``translate`` translates templates into."""
        template = translate(self.template) if self.template else ""
        values = {
            name: value.say(translate) if isinstance(value, Text) else value
            for name, value in self.values.items()
        }
        return template.format(**values) if values else template

    def to_json(self) -> list[Any]:
        """The text as JSON can store it. `from_json` reads it."""
        values = {
            name: value.to_json() if isinstance(value, Text) else value
            for name, value in self.values.items()
        }
        return [self.template, values]

    @classmethod
    def from_json(cls, stored: list[Any]) -> Self:
        """The text that `to_json` has stored."""
        template, values = stored
        return cls(
            template,
            **{
                name: cls.from_json(value) if isinstance(value, list) else value
                for name, value in values.items()
            },
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # For copy and pickle: str itself knows nothing of the values.
        return partial(type(self), **self.values), (self.template,)
