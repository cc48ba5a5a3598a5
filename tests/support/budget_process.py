"""A process that asks the sandbox through a budget that it shares with others.

Standard input says how many requests to send. Standard output says how many of them the
client let through, and each answer with 429.
"""

import json
import sys

from peeringdb_oauth import Client, ClientConfig, PeeringDBOAuthError
from peeringdb_oauth.errors import RateLimited
from peeringdb_oauth.web import Sealer, Vault, open_records

SECRET = "portal-secret-0123456789"


def main(store, token, config):
    with Client(ClientConfig(**json.loads(config))) as client:
        client.share_budget(Vault(open_records(store), Sealer(SECRET)))
        say("ready")
        for line in sys.stdin:
            say(ask(client, token, int(line)))


def say(value):
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


def ask(client, token, times):
    passed, throttled = 0, 0
    for _ in range(times):
        try:
            client.fetch_user(token)
        except RateLimited as error:
            throttled += error.status == 429
        except PeeringDBOAuthError as error:
            raise SystemExit(f"{error}") from error
        else:
            passed += 1
    return [passed, throttled]


main(*sys.argv[1:])
