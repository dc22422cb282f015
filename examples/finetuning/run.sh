#!/bin/sh
# Every task from a pretrained model and from random weights on the same batches: run.sh MODEL NAME DATA
# DATA holds sentiment/en-{train,dev}.jsonl.gz, pos/brown-{train,dev}.conllu.gz, nli/{train,dev}.jsonl.gz, qa/{train,dev}.json and
# dna/{train,dev}.jsonl. Runs go to runs/NAME-TASK and runs/NAME-TASK-random; plots/comparison.png of the first has both curves.
# STEPS=2 run.sh ... makes every training so many steps long: to see whether all of it runs.
set -eu
model=$1 name=$2 data=$3

tune() {
    task=$1 train=$2 dev=$3
    shift 3
    ssl finetune "$task" --model "$model" --data "$data/$train" --eval-data "$data/$dev" --compare-scratch --name "$name-$task" \
        --batch-size 16 --precision fp32 --set training.eval_samples=400 "$@" \
        ${STEPS:+--max-steps "$STEPS" --eval-every "$STEPS"}
}

tune sentiment sentiment/en-train.jsonl.gz sentiment/en-dev.jsonl.gz --max-steps 120 --eval-every 30 --seq-len 128
tune pos pos/brown-train.conllu.gz pos/brown-dev.conllu.gz --max-steps 60 --eval-every 15 --seq-len 128
tune nli nli/train.jsonl.gz nli/dev.jsonl.gz --max-steps 60 --eval-every 20 --seq-len 128
tune qa qa/train.json qa/dev.json --max-steps 50 --eval-every 25 --seq-len 192
tune dna dna/train.jsonl dna/dev.jsonl --max-steps 60 --eval-every 20
