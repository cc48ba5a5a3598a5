"""The forms of OAuth's texts, each under the ABNF that it stands for.

RFC 6749 appendix A and RFC 7636 section 4.1. Every pattern is meant for ``fullmatch``.
Where a pattern is narrower than its ABNF, the comment says why.

A text that was checked against its pattern has a type of its own. So a type checker
refuses a text that nobody checked, and nothing is checked twice.
"""
# ruff: noqa: ERA001 - the comments hold ABNF

import re
from typing import NewType

# RFC 6749 appendix A:
#   VSCHAR  = %x20-7E
#   NQSCHAR = %x20-21 / %x23-5B / %x5D-7E
_VSCHAR = r"[\x20-\x7e]"
_VSCHAR_BUT_SPACE = r"[\x21-\x7e]"
_NQSCHAR = r"[\x20\x21\x23-\x5b\x5d-\x7e]"

# RFC 7636 section 4.1:
#   unreserved = ALPHA / DIGIT / "-" / "." / "_" / "~"
_UNRESERVED = r"[A-Za-z0-9._~-]"

# RFC 6749 appendices A.1 and A.2:
#   client-id     = *VSCHAR
#   client-secret = *VSCHAR
# Not empty. A space at an end is a slip in pasting.
CLIENT_CREDENTIAL = re.compile(rf"{_VSCHAR_BUT_SPACE}({_VSCHAR}*{_VSCHAR_BUT_SPACE})?")

# RFC 6749 appendix A.6:
#   redirect-uri = URI-reference
# These are only its characters. Its parts are read with ``urlsplit``.
URI_REFERENCE = re.compile(rf"{_VSCHAR_BUT_SPACE}+")

# RFC 6749 appendix A.7:
#   error = 1*NQSCHAR
# At most 64 characters, because our messages repeat it.
ENDPOINT_ERROR = re.compile(rf"{_NQSCHAR}{{1,64}}")

# The same in a callback, where anybody can write it. All registered words fit.
CALLBACK_ERROR = re.compile(r"[a-z0-9_]{1,64}")

# RFC 6749 appendix A.11:
#   code = 1*VSCHAR
# PeeringDB's codes are 30 letters and digits. Anybody can make one up, and a firewall
# may refuse a request with markup or a path in it: that would count against everybody.
CODE = re.compile(r"[A-Za-z0-9._-]{1,128}")
AuthorizationCode = NewType("AuthorizationCode", str)  # only `checked_code` makes one

# RFC 6749 appendices A.12 and A.17:
#   access-token  = 1*VSCHAR
#   refresh-token = 1*VSCHAR
# Without spaces, and so short that it fits into a header.
TOKEN = re.compile(rf"{_VSCHAR_BUT_SPACE}{{1,4096}}")
# What a stranger sends is as narrow as a code, for the same reason.
UNKNOWN_ACCESS_TOKEN = CODE
BearerToken = NewType("BearerToken", str)  # only `checked_token` makes one

# RFC 7636 section 4.1:
#   code-verifier = 43*128unreserved
# Our states and nonces have the same form.
CODE_VERIFIER = re.compile(rf"{_UNRESERVED}{{43,128}}")
