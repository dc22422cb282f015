"""What type checkers see of `import sslcli`, whose names are imported when they are used."""

from sslcli.calls import Answers as Answers
from sslcli.calls import FinishedRun as FinishedRun
from sslcli.calls import evaluate as evaluate
from sslcli.calls import finetune as finetune
from sslcli.calls import load as load
from sslcli.calls import predict as predict
from sslcli.calls import pretrain as pretrain
from sslcli.calls import probe as probe
from sslcli.errors import SslError as SslError
from sslcli.errors import StopRequest as StopRequest
from sslcli.reports import Report as Report
from sslcli.reports import Score as Score

LOADED_AT: float
