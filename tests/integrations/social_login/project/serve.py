"""Serve a project on a free port until standard input ends.

``serve.py social_core_settings``. Its settings are in the variable PROJECT, as JSON.
The first line of standard output is its address. Its log is on standard error.
"""

import os
import sys
import threading
import warnings

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
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
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    sys.stdout.write(f"http://127.0.0.1:{server.port}\n")
    sys.stdout.flush()
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown())).start()
    server.serve_forever(poll_interval=0.02)
    server.server_close()


main()
