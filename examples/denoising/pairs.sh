#!/bin/sh
# What pretraining is worth to translation: a BART of the built-in world, and random weights, learn to translate Chinese into English
# from 50, 200 and 1,000 pairs, with three seeds each: pairs.sh [FLAGS OF ssl pretrain]. Runs: runs/world-bart and runs/pairs-SIZE.
# SIZES='50' pairs.sh learns from so many alone, SEEDS=1 with one seed; STEPS=2 makes every training so many steps long: to see whether
# all of it runs.
set -eu
runs=${SSLCLI_RUNS_DIR:-runs}
python examples/denoising/pairs.py pairs
[ -d "$runs/world-bart" ] || ssl pretrain --objective bart --name world-bart "$@" ${STEPS:+--max-steps "$STEPS"}
for size in ${SIZES:-50 200 1000}; do
    ssl finetune rewrite --model world-bart --name "pairs-$size" --compare-scratch --seeds "${SEEDS:-3}" \
        --data "pairs/train-$size.tsv" --eval-data pairs/dev.tsv --test-data pairs/test.tsv \
        --batch-size 32 --max-steps "${STEPS:-400}" --eval-every "${STEPS:-100}"
done
