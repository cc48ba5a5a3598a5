"""`Reason`: why a person is refused, as a sentence that programs can read too."""

from functools import partial
from typing import Any, Self

REFUSED = "refused"  # the code of a reason that an application gave as plain text


class Reason(str):
    """One reason for a refusal: a sentence for the person, with a code for programs.

    ``text``: the sentence. It holds nothing that only an operator can act on. ``code``:
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

    __slots__ = ("asn", "cause", "code")

    asn: int | None
    cause: str
    code: str

    def __new__(
        cls, text: str, *, code: str = REFUSED, asn: int | None = None, cause: str = ""
    ) -> Self:
        """A reason, see the class."""
        reason = super().__new__(cls, text)
        reason.code, reason.asn, reason.cause = code, asn, cause
        return reason

    @classmethod
    def of(cls, text: str) -> "Reason":
        """The reason that ``text`` is; plain text gets the code ``refused``."""
        return text if isinstance(text, Reason) else cls(text)

    @property
    def sentence(self) -> "Reason":
        """The reason with a capital letter at its start."""
        text = self[:1].upper() + self[1:]
        return Reason(text, code=self.code, asn=self.asn, cause=self.cause)

    def __reduce__(self) -> tuple[Any, ...]:
        # For copy and pickle: str itself knows nothing of the other arguments.
        make = partial(type(self), code=self.code, asn=self.asn, cause=self.cause)
        return make, (str(self),)
