"""nginx in the foreground, which needs no rights and writes into one directory only."""

import shutil

FRAME = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {error_log} warn;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
{http}
}}
"""


def nginx_command(directory, http, *, connections=512, error_log=None):
    """Write ``nginx.conf``; the command that runs it.

    ``http``: the lines of the http block. ``connections``: how many it takes at once.
    ``error_log``: a file, or ``stderr``; by default ``error.log`` in the directory.
    """
    error_log = error_log or f"{directory}/error.log"
    path = directory / "nginx.conf"
    path.write_text(
        FRAME.format(directory=directory, http=http, connections=connections, error_log=error_log)
    )
    return [shutil.which("nginx") or "/usr/sbin/nginx", "-e", error_log, "-c", str(path)]
