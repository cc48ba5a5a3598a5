"""The Django project that a sandbox runs: PeeringDB's pages and endpoints on loopback."""
