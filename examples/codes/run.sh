#!/bin/sh
# Images as 24 codes of 256 values, and as one of 10 classes with three seeds; then what these stand for and how small they are:
# run.sh TRAIN DEV [FLAGS OF ssl pretrain]. Runs: runs/codes-24, runs/codes-class-SEED. STEPS=2 makes every training so many steps long.
set -eu
train=$1 dev=$2
shift 2
learn() {
    name=$1 steps=$2
    shift 2
    ssl pretrain --objective vq --data "$train" --eval-data "$dev" --arch tiny --lr 2e-3 --batch-size 128 --max-steps "${STEPS:-$steps}" \
        --set training.eval_samples=2000 --no-plot --name "$name" "$@"
}
learn codes-24 1000 --positions 24 "$@"
ssl probe compress --model codes-24
ssl probe reconstruct --model codes-24
for seed in 1 2 3; do
    learn "codes-class-$seed" 300 --codes one-hot --positions 1 --codebook-size 10 --seed "$seed" "$@"
    ssl probe codes --model "codes-class-$seed"
done
