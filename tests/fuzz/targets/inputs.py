"""What the targets share: odd JSON, a secret that no error may tell, and the bounds."""

import json
from copy import deepcopy
from time import process_time

CANARY = "c4NARY-5ecret-0123456789"  # stands for a token, a code or another secret
LONGEST = 2.0  # seconds of processor time for one input
_MAX_EDITS = 4
_DELETED, _TWICE = object(), object()
_ODD = (
    *(_DELETED, _TWICE, None, True, False, [], {}, "", CANARY),
    *(0, 1, 2, 15, 16, -1, 64500, 2**32 - 1, 2**32, 2**63, 10**40, 1.5, -0.0, 1e308, 1e999),
    *("1", "01", " 1", "true", "Bearer", "a b", "/", "\x00", "\u202e", "\ud800", "x" * 1001),
    *(["a"], [[]], [{}], [None], {"a": 1}),
)


def json_of(data, valid):
    """Return JSON: the bytes themselves, or a valid value with edits.

    Bytes that do not begin as an object or list say what to edit, two for each edit.
    ``valid``: JSON texts, of which the first byte chooses one.
    """
    if data[:1] in (b"{", b"["):
        return data
    value = json.loads(valid[data[0] % len(valid)] if data else valid[0])
    edits = zip(data[1::2], data[2::2], strict=False)
    for (where, what), _ in zip(edits, range(_MAX_EDITS), strict=False):
        value = _edited(value, where, _ODD[what % len(_ODD)])
    return json.dumps(value).encode()


def _edited(value, where, what):
    places = _places(value)
    if not places:
        return value
    container, key = places[where % len(places)]
    if what is _DELETED:
        del container[key]
    elif what is _TWICE and isinstance(container, list):
        container.append(deepcopy(container[key]))
    elif what is not _TWICE:
        container[key] = deepcopy(what)
    return value


def _places(value):
    """Return each member and each element, as what it is in and its key."""
    places, todo = [], [value]
    while todo:
        container = todo.pop()
        keys = container if isinstance(container, dict) else range(len(container))
        for key in keys:
            places.append((container, key))
            if isinstance(container[key], dict | list):
                todo.append(container[key])
    return places


def assert_tells_no_secret(error, *secrets):
    """Check what a log would hold of an error, and of those that caused it."""
    while error is not None:
        told = f"{error}{error!r}{vars(error)}"
        for secret in (CANARY, *secrets):
            assert secret not in told, f"{type(error).__name__} tells a secret"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def run(check, data):
    """Check one input, and that it does not take long."""
    started = process_time()
    check(data)
    seconds = process_time() - started
    assert seconds < LONGEST, f"{len(data)} bytes took {seconds:.1f} s of processor time"
