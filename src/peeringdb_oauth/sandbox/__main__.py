"""``python -m peeringdb_oauth.sandbox``: a sandbox in the foreground, or (``--child``)
the process behind `Sandbox`.
"""

import argparse
import sys
from dataclasses import asdict

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox.options import Options, Started
from peeringdb_oauth.sandbox.serving import serve, serve_for_parent, stop_on_signals


def main() -> int:
    """Run it; the exit status."""
    options = _arguments().parse_args()
    if options.child:
        return serve_for_parent()
    stop_on_signals()
    try:
        serve(
            ready=_say,
            options=Options(
                host=options.host,
                port=options.port,
                tls=options.tls,
                strict=options.strict,
                limits=not options.no_limits,
                people=options.people,
                database=options.database,
                redirect_uris=tuple(options.redirect_uri),
                log=True,
            ),
        )
    except ConfigurationError as error:
        for problem in error.problems:
            print(f"sandbox: {problem}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m peeringdb_oauth.sandbox",
        description="A PeeringDB of one's own, on loopback.",
    )
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="loopback address to listen on (default %(default)s)",
    )
    parser.add_argument("--port", type=int, default=0, help="port (default: a free one)")
    parser.add_argument(
        "--tls",
        action="store_true",
        help="https, with a certificate made on the spot",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="http redirect URIs fail, as at PeeringDB",
    )
    parser.add_argument(
        "--no-limits",
        action="store_true",
        help="no rate limit, no remembered refusals",
    )
    parser.add_argument(
        "--people",
        metavar="FILE",
        help="JSON or TOML file with the people to log in as (format: the package's docstring)",
    )
    parser.add_argument("--database", metavar="FILE", help="SQLite file (default: in memory)")
    parser.add_argument(
        "--redirect-uri",
        action="append",
        default=[],
        metavar="URI",
        help="of the default application; may be repeated",
    )
    return parser


def _say(started: Started) -> None:
    for label, value in asdict(started).items():
        if isinstance(value, str):
            print(f"{label}: {value}", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
