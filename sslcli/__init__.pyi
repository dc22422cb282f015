"""What type checkers see of `import sslcli`, whose names are imported when they are used."""

from sslcli.calls.models import evaluate as evaluate
from sslcli.calls.models import fetch as fetch
from sslcli.calls.models import load as load
from sslcli.calls.models import predict as predict
from sslcli.calls.models import probe as probe
from sslcli.calls.results import Answers as Answers
from sslcli.calls.results import FinishedRun as FinishedRun
from sslcli.calls.training import compare as compare
from sslcli.calls.training import finetune as finetune
from sslcli.calls.training import pretrain as pretrain
from sslcli.errors import SslError as SslError
from sslcli.errors import StopRequest as StopRequest
from sslcli.reports import Report as Report
from sslcli.reports import Score as Score

LOADED_AT: float
