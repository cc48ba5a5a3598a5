"""Runs flows with answers that a test gives, without a network."""

import functools
import json
from urllib.parse import urlsplit

from recordings import read_recording

from peeringdb_oauth.messages import HTTPResponse
from peeringdb_oauth.steps import ApplicationCall, Charge, Later, Pause, Shared


class FlowDriver:
    """Runs flows.

    ``sent``: the requests of all flows. ``charged``: which payer took over which cost.
    ``later``: the steps with what is to be done behind the answer. ``pause``: called
    with the seconds in place of waiting.
    """

    def __init__(self, answers):
        self._answers = answers
        self.sent, self.charged, self.later = [], [], []
        self.pause = lambda _: None

    def run(self, flow):
        proceed = functools.partial(next, flow)
        while True:
            try:
                step = proceed()
            except StopIteration as done:
                return done.value
            try:
                proceed = functools.partial(flow.send, self._perform(step))
            except Exception as error:  # noqa: BLE001 - the flow is thrown any error
                proceed = functools.partial(flow.throw, error)

    def settle(self):
        """Do what is to be done behind the answers."""
        while self.later:
            self.run(self.later.pop(0).flow)

    def _perform(self, step):
        if isinstance(step, Charge):
            self.charged.append((step.cost, step.payer))
            return None
        if isinstance(step, Later):
            self.later.append(step)
            return None
        if isinstance(step, Pause):
            return self.pause(step.seconds)
        if isinstance(step, ApplicationCall):
            return step.function()
        return self.run(step.flow) if isinstance(step, Shared) else self._answer(step)

    def _answer(self, request):
        self.sent.append(request)
        answer = self._answers[urlsplit(request.url).path]
        if isinstance(answer, list):  # the answers in turn
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, HTTPResponse):
            return answer
        if isinstance(answer, int):
            return HTTPResponse(status=answer, headers={}, body=b"")
        if isinstance(answer, str):
            recorded = read_recording(answer)
            return HTTPResponse(
                status=recorded.status, headers=recorded.headers, body=recorded.body
            )
        return HTTPResponse(
            status=200,
            headers={"content-type": "application/json"},
            body=json.dumps(answer).encode(),
        )

    def paths(self):
        return [urlsplit(request.url).path for request in self.sent]
