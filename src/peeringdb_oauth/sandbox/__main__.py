"""``python -m peeringdb_oauth.sandbox``: run a sandbox in the foreground.

With ``--child`` it is the process behind `Sandbox`, which drives it.
"""

import argparse
import sys
from dataclasses import asdict

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox.options import Options, Started
from peeringdb_oauth.sandbox.serving import serve, serve_for_parent, stop_on_signals


def main() -> int:
    """Run the sandbox until it is interrupted, and return the exit status."""
    arguments = _parser().parse_args()
    if arguments.child:
        return serve_for_parent()
    options = Options(
        host=arguments.host,
        port=arguments.port,
        tls=arguments.tls,
        strict=arguments.strict,
        limits=not arguments.no_limits,
        people=arguments.people,
        database=arguments.database,
        redirect_uris=tuple(arguments.redirect_uri),
        log=True,
    )
    stop_on_signals()
    try:
        serve(options=options, ready=_print_settings)
    except ConfigurationError as error:
        for problem in error.problems:
            print(f"sandbox: {problem}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m peeringdb_oauth.sandbox",
        description="Run a local PeeringDB for development and tests.",
    )
    add = parser.add_argument
    add("--child", action="store_true", help=argparse.SUPPRESS)
    add("--host", default="127.0.0.1", help="loopback address (default: %(default)s)")
    add("--port", type=int, default=0, help="port (default: a free one)")
    add("--tls", action="store_true", help="use https, with a certificate made at the start")
    add("--strict", action="store_true", help="refuse http redirect URIs, as PeeringDB does")
    add("--no-limits", action="store_true", help="switch off the limits of PeeringDB")
    add(
        "--people",
        metavar="FILE",
        help="JSON or TOML file with the people to log in as (format: pydoc"
        " peeringdb_oauth.sandbox)",
    )
    add("--database", metavar="FILE", help="SQLite file (default: in memory)")
    add(
        "--redirect-uri",
        action="append",
        default=[],
        metavar="URI",
        help="redirect URI of the default application; can be repeated",
    )
    return parser


def _print_settings(started: Started) -> None:
    for name, value in asdict(started).items():
        if isinstance(value, str):
            print(f"{name}: {value}", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
