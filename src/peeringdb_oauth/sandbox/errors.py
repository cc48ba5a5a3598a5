"""The error of a sandbox that runs, but cannot do what a test asks for."""


class SandboxError(RuntimeError):
    """The sandbox cannot do what was asked; the message says why."""
