#!/bin/sh
# What views of images teach, and what few labels add: run.sh TRAIN DEV [FLAGS OF ssl pretrain]. Runs: runs/views-contrastive and
# views-mae with their probes, and of each, for 100, 300 and 1,000 labels, five fine-tunings beside five from random weights.
# STEPS=2 makes every training so many steps long, COUNTS="100 300" chooses numbers of labels, SEEDS=1 how many fine-tunings.
set -eu
train=$1 dev=$2 here=$(dirname "$0")
shift 2
learn() {
    name=$1
    shift
    ssl pretrain --data "$train" --eval-data "$dev" --patch 7 --arch tiny --lr 2e-3 --batch-size 256 --max-steps "${STEPS:-400}" \
        --set training.eval_samples=500 --no-plot --name "$name" "$@"
    ssl probe layers --model "$name" --data "$dev" --limit 12000
}
learn views-contrastive --objective contrastive "$@"
learn views-mae --objective mae "$@"
for count in ${COUNTS:-100 300 1000}; do
    python "$here/sample.py" "$train" "$count" "few-$count.npz"
    python "$here/pixels.py" "few-$count.npz" "$dev"
    for model in contrastive mae; do
        ssl finetune classify --model "views-$model" --data "few-$count.npz" --test-data "$dev" --max-steps "${STEPS:-150}" \
            --batch-size 32 --lr 1e-3 --eval-every 50 --compare-scratch --seeds "${SEEDS:-5}" --no-plot --name "views-$model-$count"
    done
done
