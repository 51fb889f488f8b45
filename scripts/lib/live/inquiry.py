"""What is asked over a mesh, and what has not been answered yet."""

import time

from .. import time_scale
from . import questions


class Inquiry:
    """Asks all that is still without an answer, as often as it is told to."""

    def __init__(self, stack, asked):
        self.stack, self.all = stack, asked
        self.open = list(asked)
        self.failures = [f"{one.where} makes its data up: {one.query}" for one in asked if questions.made_up(one.query)]
        for one in asked:
            if one.language == "promql":
                one.asked = time_scale.promql(one.query, stack.scale) if stack.scale else one.query

    def remember(self):
        """What stands there before there is any traffic: that is no answer."""
        for one in self.all:
            if one.language == "promql":
                one.before = questions.finite(one.samples(self.stack))

    def ask(self):
        for one in self.open:
            if one.language == "promql":
                one.ask(self.stack)
        self.open = [one for one in self.open if one.answer is None]

    def ask_for(self, seconds, until=lambda: False):
        deadline = time.monotonic() + seconds
        while self.open and time.monotonic() < deadline and not until():
            self.ask()
            time.sleep(0.5)

    def missing(self, text):
        return any(text in one.query for one in self.open)

    def answered(self, language, text, answer):
        for one in self.open:
            if one.language == language and text in one.query and answer:
                one.answer = answer
        self.open = [one for one in self.open if one.answer is None]

    def problems(self):
        return self.failures + [f"no answer: {one.where}: {one.query}" for one in self.open]
