"""``make gateway-demo``: the gateway with a page behind a proxy, in one command."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from proxies import PATIENCE, listens, wait_until

DEMO = Path(__file__).parents[3] / "examples" / "gateway_demo.py"


@pytest.mark.parametrize("proxy", ["nginx", "caddy"])
def test_one_person_sees_the_page_and_another_reads_why_not(proxy):
    ended = subprocess.run(
        [sys.executable, DEMO, "--once", "--proxy", proxy],
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(ended.stdout)
    assert (told["proxy"], told["orgadmin"]["status"], told["nonets"]["status"]) == (
        proxy,
        200,
        403,
    )
    assert "AS64500" in told["nonets"]["page"]


def test_everything_ends_with_the_demo():
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    with subprocess.Popen(
        [sys.executable, DEMO], stdout=subprocess.PIPE, text=True, env=environment
    ) as demo:
        text = ""
        while "Ctrl-C" not in text:
            line = demo.stdout.readline()
            assert line, "the demo has ended"
            text += line
        ports = [int(port) for port in re.findall(r"http://127\.0\.0\.1:([0-9]+)/? ", text)]
        gateway = int(re.search("kill -HUP ([0-9]+)", text)[1])
        assert all(map(listens, ports))
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(PATIENCE) == 0
    assert ports
    wait_until(lambda: not any(map(listens, ports)) and not Path(f"/proc/{gateway}").exists())
