"""Where the gateway listens."""

import grp
import os
import socket
from contextlib import closing

import pytest
from gateway_settings import load_settings
from in_threads import Calls
from ports import free_port

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.addresses import Listen, read_mode
from peeringdb_oauth.gateway.listening import claim, give_to, listening, where


def test_a_free_port_can_be_had():
    claim("listen", Listen(host="127.0.0.1", port=free_port()))


def test_a_port_that_is_taken_is_refused_even_if_it_could_be_shared():
    with closing(socket.socket()) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"listen: 127.0.0.1:{port}: Address already"):
            claim("listen", Listen(host="127.0.0.1", port=port))


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_refused(host):
    with pytest.raises(ConfigurationError, match="metrics_listen: "):
        claim("metrics_listen", Listen(host=host, port=4181))


def test_the_server_is_told_an_address_where_a_name_was_given():
    assert where(Listen(host="localhost", port=4180)) in (
        {"address": "127.0.0.1", "port": 4180},
        {"address": "::1", "port": 4180},
    )
    assert where(Listen(host="::1", port=4180)) == {"address": "::1", "port": 4180}


def test_the_server_is_told_the_mode_of_a_socket(tmp_path):
    path = tmp_path / "a.sock"
    assert where(Listen(unix=path), mode=0o600) == {"uds": path, "uds_permissions": 0o600}


def bind(path):
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    return made


def test_the_socket_file_of_a_dead_gateway_is_removed(tmp_path):
    path = tmp_path / "a.sock"
    bind(path).close()
    claim("listen", Listen(unix=path))
    assert not path.exists()
    claim("listen", Listen(unix=path))


def test_several_may_remove_the_socket_file_of_a_dead_gateway_at_once(tmp_path):
    path = tmp_path / "gateway.sock"
    for _ in range(50):
        with closing(socket.socket(socket.AF_UNIX)) as dead:
            dead.bind(str(path))
        claims = Calls(lambda: claim("listen", Listen(unix=path)), 4, errors=Exception)
        assert claims.outcomes() == [None] * 4
        assert not path.exists()


def test_the_socket_file_of_a_living_program_is_not_touched(tmp_path):
    path = tmp_path / "a.sock"
    with closing(bind(path)) as other:
        other.listen()
        with pytest.raises(ConfigurationError, match="another program listens"):
            claim("listen", Listen(unix=path))
        assert path.exists()


def test_another_file_is_not_touched(tmp_path):
    path = tmp_path / "a.sock"
    path.write_text("mine")
    with pytest.raises(ConfigurationError, match="exists and is no socket"):
        claim("listen", Listen(unix=path))
    assert path.read_text() == "mine"


def test_a_directory_that_is_missing_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no such directory"):
        claim("listen", Listen(unix=tmp_path / "run" / "a.sock"))


def test_where_the_system_lets_nobody_listen_is_an_error_of_the_settings(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        for listen, problem in (
            (Listen(unix=tmp_path / ("a" * 120)), "path too long"),
            (Listen(host="127.0.0.1", port=other.getsockname()[1]), "Address already in use"),
        ):
            context = listening("metrics_listen", listen, mode=0o600, group=None)
            with pytest.raises(ConfigurationError, match=f"metrics_listen: .*{problem}"), context:
                pass


def answers(path):
    """Whether somebody listens at a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def share(path):
    return listening("metrics_listen", Listen(unix=path), mode=0o600, group=None, is_shared=True)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_several_workers_the_last_one_has_the_socket_until_its_end(tmp_path, order):
    path = tmp_path / "a.sock"
    workers = [share(path) for _ in range(2)]
    for worker in workers:
        worker.__enter__()
        assert (answers(path), path.stat().st_mode & 0o777) == (True, 0o600)
    workers[order[0]].__exit__(None, None, None)
    assert path.exists() is answers(path) is (order[0] == 0)
    with share(path):  # another worker takes its place
        assert answers(path)
    workers[order[1]].__exit__(None, None, None)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_touches_no_other_file(tmp_path):
    path = tmp_path / "a.sock"
    path.write_text("mine")
    with pytest.raises(ConfigurationError, match="exists and is no socket"), share(path):
        pass
    assert path.read_text() == "mine"


def test_a_worker_that_cannot_listen_leaves_nothing(tmp_path):
    listen = Listen(unix=tmp_path / "a.sock")
    context = listening("metrics_listen", listen, mode=0o600, group="no-such-group", is_shared=True)
    with pytest.raises(ConfigurationError, match="there is no group"), context:
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_socket_is_given_to_a_group(tmp_path):
    path = tmp_path / "a.sock"
    bind(path).close()
    group = grp.getgrgid(os.getgroups()[-1] if os.getgroups() else os.getgid())
    give_to(Listen(unix=path), group.gr_name)
    assert path.stat().st_gid == group.gr_gid


@pytest.mark.parametrize("listen", [Listen(host="127.0.0.1", port=4180), None])
def test_nothing_is_given_away_without_a_socket_or_a_group(tmp_path, listen):
    give_to(listen or Listen(unix=tmp_path / "missing"), None if listen is None else "nogroup")


@pytest.mark.parametrize(
    ("group", "problem"), [("no-such-group", "there is no group"), (None, "No such file")]
)
def test_a_group_that_cannot_have_it_is_refused(tmp_path, group, problem):
    group = group or grp.getgrgid(os.getgid()).gr_name
    with pytest.raises(ConfigurationError, match=f"socket_group: .*{problem}"):
        give_to(Listen(unix=tmp_path / "missing"), group)


@pytest.mark.parametrize(("text", "mode"), [("0660", 0o660), ("600", 0o600), ("0777", 0o777)])
def test_a_mode_is_written_in_octal_digits(text, mode):
    assert read_mode(text) == mode


@pytest.mark.parametrize("value", ["0o660", "66", "0668", "10660", "rw", 432, ""])
def test_another_mode_is_refused(value):
    with pytest.raises(ConfigurationError, match="in quotes"):
        read_mode(value)


def test_mode_and_group_of_the_socket_are_settings(tmp_path):
    assert load_settings(tmp_path).socket_mode == 0o660
    settings = load_settings(tmp_path, 'socket_mode = "0600"', 'socket_group = "www-data"')
    assert (settings.socket_mode, settings.socket_group) == (0o600, "www-data")
