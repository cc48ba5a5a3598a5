"""``peeringdb-oauth gateway``: login and rules for applications behind a proxy."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

import click

from peeringdb_oauth.cli import CORRECT, NO
from peeringdb_oauth.cli.output import json_option, plain_console, write_json
from peeringdb_oauth.cli.person import read_person
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.explain import Explanation, describe, explain, parse_url
from peeringdb_oauth.gateway.settings import CONFIG_VARIABLE, PLACES, Settings, find_settings
from peeringdb_oauth.gateway.snippets import PROXIES, check_options, print_snippet, print_unit
from peeringdb_oauth.profile import User

F = TypeVar("F", bound=Callable[..., Any])


def config_option(command: F) -> F:
    """Decorator of a command with the argument ``config``, a path or None."""
    return click.option(
        "--config",
        metavar="FILE",
        help=f"The TOML file with the settings. By default ${CONFIG_VARIABLE}, or what is there:"
        f" {' or '.join(PLACES)}.",
    )(command)


@click.group(invoke_without_command=True)
@config_option
@click.pass_context
def gateway(context: click.Context, *, config: str | None) -> None:
    """Let people in by their networks, for anything behind a proxy.

    Without a subcommand the gateway runs, until Ctrl-C or SIGTERM. SIGHUP reads the
    rules, roles, headers and files with AS numbers once more.
    """
    context.obj = config
    if context.invoked_subcommand is None:
        import_module("peeringdb_oauth.gateway.serving").serve(find_settings(config))


@gateway.command()
@config_option
@json_option
@click.pass_obj
def check(group_config: str | None, *, config: str | None, as_json: bool) -> None:
    """Check the settings, and say what they mean.

    The exit status is 2 if something is wrong. Each problem has its file and line.
    """
    path = find_settings(config or group_config)
    try:
        settings = Settings.load(path)
    except ConfigurationError as error:
        if not as_json:
            raise
        write_json({"problems": list(error.problems)})
        raise SystemExit(CORRECT) from None
    if as_json:
        write_json(_as_json(settings))
    else:
        _write_settings(settings)


@gateway.command("explain")
@click.argument("method", metavar="METHOD")
@click.argument("url", metavar="URL")
@click.option(
    "--as",
    "person",
    metavar="WHO",
    help="Who asks: a JSON file with a profile, or a PeeringDB id of somebody with a session. By"
    " default nobody is logged in.",
)
@click.option(
    "--sandbox",
    metavar="URL",
    help="A sandbox on this machine; --as is then the login name of a person there.",
)
@config_option
@json_option
@click.pass_obj
def explain_command(
    group_config: str | None,
    *,
    method: str,
    url: str,
    person: str | None,
    sandbox: str | None,
    config: str | None,
    as_json: bool,
) -> None:
    """Say which rule decides about a request, and why.

    The exit status is 0 if the request is allowed, 1 if it is refused, and 2 if
    something must be corrected.

    \b
    Try:  peeringdb-oauth gateway explain GET https://lg.example.net/members/64500/
          ... explain --as profile.json GET https://lg.example.net/members/64500/
          ... explain --sandbox http://127.0.0.1:8642 --as limited GET https://...
    """  # noqa: D301 - click does not wrap a paragraph that begins with \b
    parse_url(url)  # a mistyped argument is named before the settings
    load = cache(lambda: Settings.load(find_settings(config or group_config)))
    user = read_person(load, person, sandbox)
    found = explain(load(), method, url, user)
    if as_json:
        write_json(_explanation_json(found, user))
    else:
        _write_explanation(found, method, url, user)
    if not found.allowed:
        raise SystemExit(NO)


@gateway.command()
@click.argument("proxy", type=click.Choice(sorted(PROXIES)))
@click.option(
    "--upstream",
    "upstreams",
    multiple=True,
    metavar="APPLICATION",
    help="Where the application answers, such as http://127.0.0.1:3000, or a directory. With"
    " several URLs write URL=APPLICATION, once for each.",
)
@click.option(
    "--gateway",
    "address",
    metavar="ADDRESS",
    help="Where the proxy reaches the gateway, such as gateway:4180. By default as in listen.",
)
@click.option(
    "--php", metavar="SOCKET", help="The socket of PHP-FPM, for a directory with PHP pages."
)
@click.option(
    "--cache",
    "use_cache",
    is_flag=True,
    help="nginx remembers for up to a second what was allowed.",
)
@config_option
@click.pass_obj
def snippet(
    group_config: str | None,
    *,
    proxy: str,
    upstreams: tuple[str, ...],
    address: str | None,
    php: str | None,
    use_cache: bool,
    config: str | None,
) -> None:
    """Write a whole site configuration for a proxy. Fill in your certificates."""
    check_options(proxy, upstreams, gateway=address, php=php, cache=use_cache)
    settings = Settings.load(find_settings(config or group_config))
    text = print_snippet(settings, proxy, upstreams, gateway=address, php=php, cache=use_cache)
    click.echo(text, nl=False)


@gateway.command()
@config_option
@click.pass_obj
def systemd(group_config: str | None, *, config: str | None) -> None:
    """Write a unit of systemd that runs the gateway."""
    settings = Settings.load(find_settings(config or group_config))
    click.echo(print_unit(settings), nl=False)


def _as_json(settings: Settings) -> dict[str, Any]:
    return {
        "problems": [],
        "redirect_uris": [host.redirect_uri for host in settings.hosts],
        "rules": [rule.name for rule in settings.reloadable.rules],
        "roles": [role.name for role in settings.reloadable.roles],
        "headers": list(settings.reloadable.headers.names),
    }


def _write_settings(settings: Settings) -> None:
    console = plain_console()
    console.print(f"{settings.path} is right.")
    console.print("\nRegister these redirect URIs at PeeringDB:")
    for host in settings.hosts:
        console.print(f"  {host.redirect_uri}")
    console.print("\nThe first rule that matches decides. What no rule matches is refused.")
    for rule in settings.reloadable.rules:
        methods = f", {', '.join(sorted(rule.methods))} only" if rule.methods else ""
        console.print(f"  {rule.name}{methods}")
        for asked in describe(rule):
            console.print(f"    {asked}")
    for title, names in {
        "Roles": dict.fromkeys(role.name for role in settings.reloadable.roles),
        "The application is told in": settings.reloadable.headers.names,
    }.items():
        if names:
            console.print(f"\n{title}: {', '.join(names)}")


def _explanation_json(found: Explanation, user: User | None) -> dict[str, Any]:
    return {
        "allowed": found.allowed,
        "user": None if user is None else {"id": user.id, "name": user.name},
        "rule": found.rule,
        "asks": found.asks,
        "has": found.has,
        "reasons": [
            {"code": reason.code, "asn": reason.asn, "text": str(reason)}
            for reason in found.reasons
        ],
        "advice": found.advice,
        "headers": dict(found.headers),
    }


def _write_explanation(found: Explanation, method: str, url: str, user: User | None) -> None:
    console = plain_console()
    who = "Somebody who is not logged in"
    if user is not None:
        who = f"{user.name or 'Somebody without a name'} (PeeringDB id {user.id})"
    console.print(f"{who}: {method} {url}")
    console.print(_decision(found))
    sections = {
        "The rule asks for": found.asks,
        "The person has": found.has,
        "Refused because": [reason.sentence for reason in found.reasons],
        "What to do": found.advice,
        "The application is told": [f"{name}: {value}" for name, value in found.headers],
    }
    for title, lines in sections.items():
        if lines:
            console.print(f"\n{title}:")
            for line in lines:
                console.print(f"  {line}")


def _decision(found: Explanation) -> str:
    if found.rule is not None:
        return f"{'Allowed' if found.allowed else 'Refused'} by {found.rule}."
    if found.reasons[0].code == "no_rule":
        return "Refused: no rule is about this request."
    return "Refused, before any rule."
