"""The gateway: login with PeeringDB for anything behind a proxy."""
