#!/bin/sh
# What a model of two languages knows, for one seed: run.sh SEED [FLAGS OF ssl pretrain], some five minutes on two quiet cores.
# The run is called NAME-sSEED (NAME=world where it is not set); what is found lies below it, and in NAME-sSEED-qa.
# STEPS=2 run.sh ... makes both trainings so many steps long, the second on few examples: to see whether all of it runs.
set -eu
seed=$1 run=${NAME:-world}-s$1
shift

ssl pretrain --objective mlm --seed "$seed" --name "$run" "$@" ${STEPS:+--max-steps "$STEPS"}
ssl probe similarity --model "$run"
ssl probe similarity apple --model "$run"
ssl probe alignment --model "$run"
ssl probe languages --model "$run"
ssl translate-shift --evaluate --model "$run"
ssl probe embryology --model "$run"
ssl finetune qa --model "$run" --data en=demo:world --eval-data zh=demo:world --name "$run-qa" \
    ${STEPS:+--max-steps "$STEPS" --limit 64}
ssl report "$run"
