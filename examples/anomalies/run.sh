#!/bin/sh
# Anomalies in generated payments, in Shuttle, and in Fashion-MNIST with one class as what is normal: run.sh [DATA], a folder with
# anomaly/shuttle-{train,dev}.csv.gz and images/fashion-{train,dev}.npz; SSLCLI_TEST_DATA when not given. Runs go to runs/anomalies-*.
# STEPS=2 makes every training so many steps long; SEEDS, CODES and CLASSES are which there are, PASSES how
# often rows are hidden.
set -eu
data=${1:-${SSLCLI_TEST_DATA:?which folder holds the data?}}
learn() {
    name=anomalies-$1
    shift
    ssl pretrain --arch tiny --set model.shape.width=64 --set data.held_out=0.1 --no-plot --quiet --name "$name" "$@"
}
find_them() {
    ssl probe anomaly --model "anomalies-$1" --data "$2" --passes "${PASSES:-16}" --quiet
}
for objective in autoencoder mae; do
    learn "payments-$objective" --objective "$objective" --data demo:payments --lr 2e-3 --batch-size 128 --max-steps "${STEPS:-600}"
    find_them "payments-$objective" demo:payments-test
done
for code in ${CODES:-1 2 4 8}; do
    for seed in ${SEEDS:-0}; do
        learn "shuttle-$code-$seed" --objective autoencoder --code "$code" --data "$data/anomaly/shuttle-train.csv.gz" \
            --lr 2e-3 --batch-size 128 --max-steps "${STEPS:-400}" --seed "$seed"
        find_them "shuttle-$code-$seed" "$data/anomaly/shuttle-dev.csv.gz"
    done
done
for class in ${CLASSES:-0 1 2 3 4 5 6 7 8 9}; do
    learn "fashion-$class" --objective autoencoder --code 8 --data "$data/images/fashion-train.npz" --only "$class" --patch 7 \
        --lr 2e-3 --batch-size 64 --max-steps "${STEPS:-300}"
    find_them "fashion-$class" "$data/images/fashion-dev.npz"
done
