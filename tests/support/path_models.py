"""What servers do with a path, and what rules say of it: slow and obvious.

Each server may do some of `SERVERS`, in any order. None of it is the code under test.
"""

import re
from urllib.parse import unquote


def decode(text):
    return unquote(text)


def decode_slashes(text):
    return text.replace("%2F", "/").replace("%2f", "/")


def read_backslashes_as_slashes(text):
    return text.replace("\\", "/").replace("%5C", "/").replace("%5c", "/")


def read_decoded_backslashes_as_slashes(text):
    return text.replace("\\", "/")


def cut_decoded_parameters(text):
    return "/".join(segment.split(";")[0] for segment in text.split("/"))


def cut_parameters(text):
    segments = text.replace("%3B", ";").replace("%3b", ";").split("/")
    return "/".join(segment.split(";")[0] for segment in segments)


def merge_slashes(text):
    while "//" in text:
        text = text.replace("//", "/")
    return text


def take_a_host_for_the_path(text):
    if not text.startswith("//"):
        return text
    return "/" + text.lstrip("/").partition("/")[2]


def drop_slashes_at_the_start(text):
    return "/" + text.lstrip("/")


def end_at_a_question_mark(text):
    return re.split(r"\?|%3[fF]", text)[0]


def end_at_a_number_sign(text):
    return re.split("#|%23", text)[0]


SERVERS = [
    decode,
    decode_slashes,
    read_backslashes_as_slashes,
    read_decoded_backslashes_as_slashes,
    cut_parameters,
    cut_decoded_parameters,
    merge_slashes,
    take_a_host_for_the_path,
    drop_slashes_at_the_start,
    end_at_a_question_mark,
    end_at_a_number_sign,
]


def segments_of(text):
    parts = text.split("/")[1:]
    return tuple(parts[:-1] if parts and parts[-1] == "" else parts)


def slow_match(these, host, method, segments):
    """The obvious way: the rule and the number for one way to read a path."""
    for rule in these:
        if rule.host not in (None, host):
            continue
        if rule.methods is not None and method not in rule.methods:
            continue
        wanted = [name for name in rule.path.split("/") if name]
        given_ = list(segments)[: len(wanted)]
        if len(given_) < len(wanted):
            continue
        number = None
        for want, have in zip(wanted, given_, strict=True):
            if want == "{asn}":
                is_asn = have.isascii() and have.isdigit() and str(int(have)) == have
                number = int(have) if is_asn and 0 < int(have) < 2**32 else "none"
            elif want != have:
                break
        else:
            return rule, number
    return None, None
