"""The JSON documents of the peering API.

The names are those of draft-ietf-grow-peering-api-01, section 6.1: ``local`` is the
caller, ``peer`` is this server.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, IPvAnyAddress, SecretStr, WithJsonSchema, model_validator

ASN = Annotated[int, Field(ge=1, le=2**32 - 1)]
# Without a schema of our own the document would not say which texts are addresses.
Address = Annotated[
    IPvAnyAddress,
    WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]
# RFC 9234 section 4.1: 0 provider, 1 route server, 2 its client, 3 customer, 4 peer.
Role = Annotated[int, Field(ge=0, le=4)]
ROLE_PAIRS = {(0, 3), (3, 0), (1, 2), (2, 1), (4, 4)}  # section 4.2


class Location(BaseModel):
    """Where a session is: ``pdb:ix:`` and the id of an exchange at PeeringDB."""

    id: Annotated[str, Field(pattern="^pdb:ix:[0-9]{1,10}$")]
    type: Literal["public", "private"]


class SessionRequest(BaseModel):
    """A session that a caller wants."""

    local_asn: ASN
    local_ip: Address
    peer_asn: ASN
    peer_ip: Address
    local_bgp_role: Role = 4
    peer_bgp_role: Role = 4
    local_insert_asn: bool = True
    peer_insert_asn: bool = True
    local_monitoring_session: bool = False
    peer_monitoring_session: bool = False
    peer_type: Literal["public", "private"] = "public"
    # Never part of an answer: whoever reads it could fake the session.
    session_secret: Annotated[SecretStr | None, Field(exclude=True)] = None
    location: Location

    @model_validator(mode="after")
    def check_pairs(self) -> Self:
        """Check that both sides of the session fit together."""
        if (self.local_bgp_role, self.peer_bgp_role) not in ROLE_PAIRS:
            raise ValueError("these BGP roles do not fit together (RFC 9234 section 4.2)")
        if self.local_monitoring_session and self.peer_monitoring_session:
            raise ValueError("only one side can be a monitoring session")
        return self


class Session(SessionRequest):
    """A session that this server has accepted."""

    session_id: str
    request_id: str
    status: Literal["Approved", "Established", "Down"] = "Approved"


EXAMPLE = {
    "local_asn": 64500,
    "local_ip": "192.0.2.2",
    "peer_asn": 64511,
    "peer_ip": "192.0.2.1",
    "location": {"id": "pdb:ix:26", "type": "public"},
}


class SessionArray(BaseModel):
    """The body of ``POST /sessions``. The request ID comes from this server."""

    sessions: Annotated[
        list[SessionRequest], Field(min_length=1, max_length=100, examples=[[EXAMPLE]])
    ]


class FieldError(BaseModel):
    """What is wrong with one field of a request."""

    name: str
    errors: list[str]


class Errors(BaseModel):
    """What every answer is that is no success."""

    errors: list[FieldError]


class CreatedSessions(BaseModel):
    """Which sessions were accepted, and why others were not."""

    request_id: str
    sessions: list[Session]
    errors: list[FieldError]


class SessionPage(BaseModel):
    """One page of sessions. Without ``next_token`` it is the last one."""

    sessions: list[Session]
    next_token: str | None = None


class LocationPage(BaseModel):
    """One page of locations. Without ``next_token`` it is the last one."""

    locations: list[Location]
    next_token: str | None = None
