"""PeeringDB's recorded answers, which are in tests/wire."""

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

WIRE = Path(__file__).parents[1] / "wire"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One request and its answer. Header names are in lower case."""

    method: str
    path: str
    sent_headers: dict
    form: dict
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def bearer(self):
        return self.sent_headers.get("authorization", "").removeprefix("Bearer ") or None


def read_recording(name):
    """Return the recording in the file ``name``.http."""
    text = (WIRE / f"{name}.http").read_text("utf-8")
    sent, _, received = text.partition("\n< HTTP ")
    head, _, form = sent.partition("\n>\n")
    first, *lines = [line.removeprefix("> ") for line in head.strip().splitlines()]
    status_line, _, rest = received.partition("\n")
    head, _, body = rest.partition("\n\n")
    method, _, path = first.partition(" ")
    return Recording(
        method=method,
        path=path,
        sent_headers=_headers(lines),
        form=dict(parse_qsl(form.strip().removeprefix("> "), keep_blank_values=True)),
        status=int(status_line.split()[0]),
        headers=_headers(line.removeprefix("< ") for line in head.splitlines()),
        body=body.removesuffix("\n").encode(),
    )


def _headers(lines):
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
