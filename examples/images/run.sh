#!/bin/sh
# Images through a code of 32 numbers, noisy ones through 128, and images of which three quarters are left out: run.sh TRAIN DEV
# [FLAGS OF ssl pretrain]. Runs: runs/images-32, runs/images-clean, runs/images-mae. STEPS=2 makes every training so many steps long.
set -eu
train=$1 dev=$2
shift 2
learn() {
    name=$1
    shift
    ssl pretrain --data "$train" --eval-data "$dev" --arch tiny --lr 2e-3 --batch-size 128 --max-steps "${STEPS:-1000}" \
        --set training.eval_samples=2000 --no-plot --name "$name" "$@"
}
learn images-32 --objective autoencoder "$@"
learn images-clean --objective autoencoder --code 128 --corrupt gaussian --corrupt-rate 0.3 "$@"
learn images-mae --objective mae "$@"
