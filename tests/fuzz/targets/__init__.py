"""What is fuzzed: a module each, with one property.

``check(data)`` does nothing if the property holds for these bytes, and raises something
if it does not. The other arguments of ``check`` are what is tested, so that a test can
put something wrong in its place.
"""

TARGETS = (
    "return_path",
    "forwarded_address",
    "callback",
    "session_cookie",
    "metadata",
    "token",
    "profile",
    "session_record",
    "id_token",
    "key_set",
    "gateway_rule",
)
