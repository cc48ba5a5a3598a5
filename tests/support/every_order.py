"""Tries every order of events in a small model, depth first.

A model is a function that takes `Choices` and asks it at each point where more than one
thing can happen. It runs from its start for each order. A state that was seen before is
not followed once more.
"""

import json
import os
import time
from hashlib import sha256
from pathlib import Path

# More finds more, and takes longer: make models BOUND=2.
BOUND = int(os.environ.get("MODEL_BOUND", "1"))


class SeenBefore(Exception):
    """The state was explored already."""


class Choices:
    """The choices of one run: first those that are given, then the first of each."""

    def __init__(self, given, seen):
        self._given, self._seen = given, seen
        self.made, self.names = [], []  # (which, of how many), and what each one was

    def choose(self, options, state=None, faults=0):
        """One of the options.

        ``state``: gives all that decides what happens from here on. It is asked only
        where nobody has been. Its text is what counts, of which a digest is kept.
        ``faults``: how many more there may be. A state that was seen with as many or
        more faults to come is not followed: all that can happen was seen.
        """
        number = len(self.made)
        if number < len(self._given):
            which = self._given[number]
        else:
            if state is not None:
                digest = sha256(repr(state()).encode()).digest()
                if self._seen.get(digest, -1) >= faults:
                    raise SeenBefore
                self._seen[digest] = faults
            which = 0
        self.made.append((which, len(options)))
        self.names.append(options[which])
        return options[which]


def explore(model):
    """Run a model in every order. Returns how many orders were tried, and states seen.

    A property that fails is raised with the events that led there.
    """
    given, seen, tried = [], {}, 0
    while given is not None:
        tried += 1
        choices = Choices(given, seen)
        try:
            model(choices)
        except SeenBefore:
            pass
        except AssertionError as error:
            error.add_note("after: " + ", ".join(map(str, choices.names)))
            raise
        given = _next(choices.made)
    return tried, len(seen)


def report(name, faults, model):
    """Run a model in every order, print what was tried, and return how many states.

    Also add it to the JSON file that MODEL_RESULTS names.
    """
    began = time.process_time()
    tried, states = explore(model)
    found = {"model": name, "faults": faults, "orders": tried, "states": states}
    found["seconds"] = round(time.process_time() - began, 1)
    print(*(f"{key}: {value}" for key, value in found.items()), sep="; ")  # noqa: T201 - with -s
    if file := os.environ.get("MODEL_RESULTS"):
        path = Path(file)
        made = json.loads(path.read_text("utf-8")) if path.exists() else {"results": []}
        command = "make models" + (f" BOUND={BOUND}" if BOUND > 1 else "")
        made |= {"date": time.strftime("%Y-%m-%d", time.gmtime()), "command": command}
        made["results"].append(found)
        path.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    return states


def _next(made):
    """The choices of the next run; None after the last one."""
    while made and made[-1][0] + 1 == made[-1][1]:
        made.pop()
    if not made:
        return None
    which, _ = made.pop()
    return [one for one, _ in made] + [which + 1]
