"""A project with an account model of its own, which the environment chooses."""
