"""`Reason`: why a person is refused, as a sentence that programs can read too."""

from typing import Any, Self

from peeringdb_oauth.texts import Text

REFUSED = "refused"  # the code of a reason that an application gave as plain text


class Reason(str):
    """One reason for a refusal: a sentence for the person, with a code for programs.

    ``text``: the sentence; a `Text` can be said in another language. It holds nothing
    that only an operator can act on. ``code``:
    a word that stays the same in later versions, when the sentence may change. ``asn``:
    the network that the reason is about; None for none. ``cause``: what the operator
    has to do, for the log; empty for nothing. No page shows it.

    >>> from peeringdb_oauth import Reason
    >>> reason = Reason("AS64500 has no port here", code="no_port", asn=64500)
    >>> reason
    'AS64500 has no port here'
    >>> reason.code, reason.asn
    ('no_port', 64500)
    """

    __slots__ = ("asn", "cause", "code", "text")

    asn: int | None
    cause: str
    code: str
    text: Text

    def __new__(
        cls, text: str, *, code: str = REFUSED, asn: int | None = None, cause: str = ""
    ) -> Self:
        """A reason, see the class."""
        reason = super().__new__(cls, text)
        reason.text = Text.of(text)
        reason.code, reason.asn, reason.cause = code, asn, cause
        return reason

    @classmethod
    def of(cls, text: str) -> "Reason":
        """The reason that ``text`` is; plain text gets the code ``refused``."""
        return text if isinstance(text, Reason) else cls(text)

    @property
    def sentence(self) -> "Reason":
        """The reason with a capital letter at its start."""
        return _restore(self[:1].upper() + self[1:], self.text, self.code, self.asn, self.cause)

    def __reduce__(self) -> tuple[Any, ...]:
        # For copy and pickle: str itself knows nothing of the other arguments.
        return _restore, (str(self), self.text, self.code, self.asn, self.cause)


def _restore(text: str, source: Text, code: str, asn: int | None, cause: str) -> Reason:
    """A reason whose sentence was changed. ``source``: what it was made of."""
    reason = Reason(text, code=code, asn=asn, cause=cause)
    reason.text = source
    return reason
