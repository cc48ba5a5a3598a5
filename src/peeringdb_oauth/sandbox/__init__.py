"""The sandbox: a local PeeringDB for development and tests.

It runs the OAuth server that PeeringDB runs, on this machine, in a process of its own.
Nobody needs an account or a password: the login page shows people to choose from. There
is one for every case that matters to an application.

By hand, start it with ``peeringdb-oauth sandbox``. In a test, use it like this::

    from peeringdb_oauth import Client, ClientConfig
    from peeringdb_oauth.sandbox import Sandbox

    with Sandbox() as sandbox:
        application = sandbox.register("https://app.example.net/callback")
        config = ClientConfig(
            client_id=application.client_id,
            client_secret=application.client_secret,
            redirect_uri="https://app.example.net/callback",
            base_url=sandbox.url,
            ca_file=sandbox.ca_file,
        )
        with Client(config) as client:
            request = client.authorization_request()
            callback_url = sandbox.log_in("member", request.url)
            user = client.log_in(request, callback_url).user
            print(user.name, user.asns)  # Mel Member (64500, 64501, 65550)

        sandbox.change("member", networks={64500: 15})  # give Mel other rights
        ada = sandbox.add_person("Ada Admin", networks={64500: 15})
        sandbox.fault("outage")  # PeeringDB is down
        sandbox.reset()  # everything as at the start, for the next test

In pytest, the fixture ``peeringdb`` does the same and needs fewer lines.

The sandbox listens on loopback addresses only, because it lets anybody log in as
anybody. It has no /api/ and no data of PeeringDB except people and their networks.

**Your own people.** A JSON file (its name ends in ``.json``) or a TOML file replaces
the people that the sandbox has. Give its path as ``people``. In TOML:

.. code-block:: toml

    [[networks]]
    id = 1                        # PeeringDB's id of the network; it is not the ASN
    asn = 64500
    name = "Example Net One"

    [[people]]
    login = "ada"                 # small letters, digits, "_", "." and "-"
    id = 1
    given_name = "Ada"
    family_name = "Admin"
    email = "ada@example.net"
    # The keys below are optional.
    about = "may do everything"   # shown on the login page
    verified_user = true          # PeeringDB has verified the account
    verified_email = true         # PeeringDB has confirmed the email address
    mfa = true                    # has a second factor
    active = true                 # the account is enabled

    [[people.networks]]           # one for each network that Ada is affiliated with
    asn = 64500                   # must be one of the networks above
    perms = 15                    # READ 1 + UPDATE 2 + CREATE 4 + DELETE 8
    manage_peering_sessions = 15  # the same bits; optional, without it as perms
"""

from peeringdb_oauth.sandbox.errors import SandboxError
from peeringdb_oauth.sandbox.handle import Account, Application, Sandbox, Tokens
from peeringdb_oauth.sandbox.options import Options, Started
from peeringdb_oauth.sandbox.serving import serve

__all__ = [
    "Account",
    "Application",
    "Options",
    "Sandbox",
    "SandboxError",
    "Started",
    "Tokens",
    "serve",
]
