#!/bin/sh
# Images through a code of 32 numbers, noisy ones through 256, and images of which three quarters are left out: run.sh TRAIN DEV
# [FLAGS OF ssl pretrain]. Runs: runs/images-32, runs/images-clean, runs/images-mae. STEPS=2 makes every training so many steps long.
set -eu
train=$1 dev=$2
shift 2
learn() {
    name=$1 steps=$2
    shift 2
    ssl pretrain --data "$train" --eval-data "$dev" --arch tiny --lr 2e-3 --batch-size 128 --max-steps "${STEPS:-$steps}" \
        --set training.eval_samples=2000 --no-plot --name "$name" "$@"
}
learn images-32 1000 --objective autoencoder "$@"
learn images-clean 2000 --objective autoencoder --code 256 --corrupt gaussian --corrupt-rate 0.3 --lr 3e-3 "$@"
learn images-mae 1000 --objective mae "$@"
