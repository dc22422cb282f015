#!/bin/sh
# A decoder of the built-in world before and after it is taught instructions: run.sh [FLAGS OF ssl pretrain]
# Runs: runs/world-clm and runs/world-instruct, and what was answered in evaluated/. A run that is there stays. STEPS=2 makes every training
# so many steps long, and LIMIT=16 reads so many conversations: to see whether all of it runs.
set -eu
runs=${SSLCLI_RUNS_DIR:-runs}
python examples/instruct/instructions.py instructions
[ -d "$runs/world-clm" ] || ssl pretrain --objective clm --name world-clm "$@" ${STEPS:+--max-steps "$STEPS"}
[ -d "$runs/world-instruct" ] ||
    ssl finetune instruct --model world-clm --name world-instruct --data instructions/train.jsonl --eval-data instructions/dev.jsonl \
        --test-data instructions/test.jsonl --lr 3e-3 --batch-size 64 --max-steps "${STEPS:-1500}" --eval-every "${STEPS:-500}" \
        ${LIMIT:+--limit "$LIMIT"}
for model in world-clm world-instruct; do
    for asked in test new; do
        ssl evaluate instruct --model "$model" --data "instructions/$asked.jsonl" --out "evaluated/$model-$asked" \
            ${LIMIT:+--limit "$LIMIT"}
    done
done
