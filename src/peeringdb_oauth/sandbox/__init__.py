"""A PeeringDB of one's own: the engine that PeeringDB runs, on loopback, with people to
click on instead of accounts.

In tests::

    with Sandbox() as pdb:
        app = pdb.register("https://app.example.net/callback")
        # base URL pdb.url, certificate authority pdb.ca_file, app.client_id, app.client_secret
        client = ...
        callback_url = pdb.log_in("member", authorization_url)
        pdb.change("member", networks={64500: 15})
        ada = pdb.add_person("Ada Admin", networks={64500: 15})
        pdb.reset()  # everybody as at first, for the next test

By hand: ``peeringdb-oauth sandbox``. What it does not have: passwords, /api/, anything
of PeeringDB's database but people and the networks they belong to. It answers on
loopback only, runs in a process of its own and ends with the one that started it.

**A file of one's own people**, JSON (name ends in ``.json``) or TOML, takes the place
of the ones it has:

.. code-block:: toml

    [[networks]]
    id = 1                            # PeeringDB's id of the network, which is not its ASN
    asn = 64500
    name = "Example Net One"

    [[people]]
    login = "ada"                     # small letters, digits, "_", ".", "-"
    id = 1
    given_name = "Ada"
    family_name = "Admin"
    email = "ada@example.net"
    about = "may do everything"       # optional, as all that follows; shown on the login page
    verified_user = true              # the default
    verified_email = true             # the default
    mfa = true                        # has a second factor: the default
    active = true                     # the account is enabled: the default

    [[people.networks]]               # the networks Ada is affiliated with; none: leave it out
    asn = 64500                       # one of those above
    perms = 15                        # READ 1 + UPDATE 2 + CREATE 4 + DELETE 8
    manage_peering_sessions = 15      # the same bits; default: as perms
"""

from peeringdb_oauth.sandbox.errors import SandboxError
from peeringdb_oauth.sandbox.handle import Account, Application, Sandbox
from peeringdb_oauth.sandbox.options import Options, Started
from peeringdb_oauth.sandbox.serving import serve

__all__ = ["Account", "Application", "Options", "Sandbox", "SandboxError", "Started", "serve"]
