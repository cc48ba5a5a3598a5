"""The tables of identities."""
