"""The loss and the metrics of held-out data."""

from collections.abc import Callable

import torch

from sslcli.core.inputs import to_device
from sslcli.engine.learner import Learner
from sslcli.engine.loading import Loader, Work
from sslcli.engine.memory import is_out_of_memory, split_finer
from sslcli.engine.precision import Hardware
from sslcli.engine.tally import Tally


def evaluate(learner: Learner, loader: Loader, hardware: Hardware, agreed: Callable[[Work], Work]) -> Tally:
    """All of the loader's data, summed over all ranks. Where memory does not suffice, once more in finer micro-batches:
    those of the training have nothing to do with it. `agreed` is called for every batch, and may raise Stopping."""
    while True:
        tally, views = Tally(), []
        try:
            with torch.no_grad(), hardware.autocast():
                for work in loader.one_pass():
                    work = agreed(work)
                    views = work.views
                    for index, part in enumerate(views):
                        tally.add(learner(to_device(part, hardware.device)), part.counts, index < work.counted)
            return tally.over(loader.world)
        except Exception as error:
            if not is_out_of_memory(error) or not views:
                raise
        split_finer(loader, views)
