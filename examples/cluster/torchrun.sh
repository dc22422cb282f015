#!/bin/bash
# The same without Slurm: start this line on every machine, with the name of the first one.
#   HEAD=machine-0 NODES=2 GPUS=8 bash examples/cluster/torchrun.sh
# A rank that dies or hangs ends all of them; torchrun starts them again, and --resume goes on from the newest checkpoint.
set -euo pipefail
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1  # every restart has a store of its own, without addresses of the dead
export TORCH_ELASTIC_SHUTDOWN_TIMEOUT=600    # seconds for the last checkpoint when torchrun is asked to stop
exec python -m torch.distributed.run \
    --nnodes="${NODES:-1}" --nproc-per-node="${GPUS:-2}" --max-restarts=3 \
    --rdzv-backend=c10d --rdzv-endpoint="${HEAD:-localhost}:29400" --rdzv-id="${RUN:-first}" \
    -m sslcli pretrain --config "${CONFIG:-examples/cluster/run.yaml}" --name "${RUN:-first}" --timeout 5m --resume "$@"
