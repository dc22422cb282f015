"""Settings of whole workflows: the trees that run files hold. Without torch."""

from typing import Any

from sslcli.config import Config, setting
from sslcli.core.settings import TransformerSettings
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.engine.settings import HardwareSettings, OptimizerSettings, ScheduleSettings, TrainingSettings


class ModelSettings(Config):
    preset: str | None = setting(
        None, "tiny, mini, small, bert-base, bert-large, gpt2 or modern; mini when not given", "--arch", panel="Model"
    )
    source: str | None = setting(None, "start from the weights of this run or model directory", "--model", "-m", panel="Model")
    shape: dict[str, Any] = setting(
        {}, "fields of the Transformer that differ from the preset (--set model.shape.depth=3)", part_of=TransformerSettings
    )


class RunSettings(Config):
    folder: str | None = setting(None, "run folder; runs/OBJECTIVE-DATE-TIME when not given", "--out", "-o", panel="Output")
    name: str | None = setting(None, "name of the run folder under runs/", "--name", panel="Output")
    plot: bool = setting(True, "draw the loss curve as PNG", "--plot/--no-plot", panel="Output")


class PretrainSettings(Config):
    """Everything that decides a pretraining run; saved resolved as config.yaml, it replays the run to the bit."""

    objective: str = setting("mlm", "objective plugin, or two joined: mlm, clm, nsp, sop, mlm+nsp, mlm+sop", "--objective", panel="Model")
    options: dict[str, dict[str, Any]] = setting({}, "options by plugin name (--set options.mlm.mask_rate=0.3)")
    model: ModelSettings = ModelSettings()
    data: DataSettings = DataSettings()
    tokenizer: TokenizerSettings = TokenizerSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    training: TrainingSettings = TrainingSettings()
    hardware: HardwareSettings = HardwareSettings()
    run: RunSettings = RunSettings()


class TokenizeSettings(Config):
    """What `ssl tokenize` needs: the same groups as in a run file of `ssl pretrain`."""

    data: DataSettings = DataSettings()
    tokenizer: TokenizerSettings = TokenizerSettings()
