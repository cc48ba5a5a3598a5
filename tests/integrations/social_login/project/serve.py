"""Serve a project on a free port until standard input ends.

``serve.py social_core_settings``. Its settings are in the variable PROJECT, as JSON.
The first line of standard output is its address. Its log is on standard error.

``serve.py social_core_settings --copies`` serves nothing at first. Each line of
standard input is a directory. A copy of the process, as it was at the beginning, then
serves the project with its database and its log there, until the named pipe ``end``
there is closed. It prints its address, or an empty line if it fails.
"""

import os
import shutil
import sys
import threading
import warnings
from pathlib import Path

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    """Logs no requests.

    An access log contains the URL of the callback, and our own log is to be tested.
    """

    def log_request(self, *_):
        pass


def main():
    os.environ["DJANGO_SETTINGS_MODULE"] = sys.argv[1]
    application = ProxyFix(get_wsgi_application())  # where visitors of a test come from
    warnings.simplefilter("error")  # not before: what they import gives warnings
    call_command("migrate", run_syncdb=True, verbosity=0)
    get_user_model().objects.create_user("local", "twoorgs@example.net", "password-of-a-local-user")
    if "--copies" in sys.argv:
        serve_copies(application)
    else:
        serve(application, sys.stdin)


def serve(application, end):
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    sys.stdout.write(f"http://127.0.0.1:{server.port}\n")
    sys.stdout.flush()
    threading.Thread(target=lambda: (end.read(), server.shutdown())).start()
    server.serve_forever(poll_interval=0.02)
    server.server_close()


def serve_copies(application):
    connection.close()
    copies = []
    for line in sys.stdin:
        copies.append(os.fork())
        if copies[-1] == 0:
            try:
                serve_in(Path(line.strip()), application)
            except BaseException:
                sys.stdout.write("\n")
                raise
            return
    for copy in copies:
        os.waitpid(copy, 0)


def serve_in(directory, application):
    settings = connection.settings_dict
    settings["NAME"] = shutil.copy(settings["NAME"], directory)
    log = os.open(directory / "log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(log, sys.stderr.fileno())
    with (directory / "end").open() as end:
        serve(application, end)


main()
