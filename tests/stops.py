"""A stop at a chosen moment, without a signal."""

from sslcli.engine.stopping import Stopper


class StopAtPoll(Stopper):
    """Asks to stop when it is polled so often: between micro-batches, between steps and between
    batches of an evaluation.
    """

    def __init__(self, polls):
        super().__init__()
        self.polls = polls

    def poll(self):
        self.polls -= 1
        if self.polls == 0:
            self.asked = "preempted"
        super().poll()
