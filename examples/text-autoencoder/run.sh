#!/bin/sh
# Documents of demo:world as short texts, over seeds: run.sh FOLDER [SEED...]. FOLDER takes the texts; runs go to runs/short-sSEED, and
# runs/judge is the language model that reads codes without having been trained on any. A run that is there stays.
# STEPS=2 makes every training so many steps long: to see whether all of it runs.
set -eu
here=$(dirname "$0")
folder=$1
shift
[ $# -gt 0 ] || set -- 0
runs=${SSLCLI_RUNS_DIR:-runs}
[ -f "$folder/train.jsonl" ] || python "$here/documents.py" "$folder"
for seed; do
    [ -d "$runs/short-s$seed" ] || ssl pretrain -c "$here/short.yaml" --data "$folder/train.jsonl" --seed "$seed" --name "short-s$seed" \
        ${STEPS:+--max-steps "$STEPS"}
    mkdir -p "$folder/s$seed"
    cp "$folder/test.txt" "$folder/summaries.txt" "$folder/s$seed"
    ssl generate --data "$folder/test.txt" --model "short-s$seed" --json > "$folder/s$seed/codes.json"
    python "$here/measure.py" "$folder/s$seed" > "$folder/s$seed/summary.csv"
    cat "$folder/s$seed/summary.csv"
    [ -d "$runs/judge" ] ||
        ssl pretrain --objective clm --data "$folder/others.txt" --seq-len 64 --arch tiny -s model.shape.width=64 \
            -s model.shape.feedforward_width=256 --tokenizer-from "short-s$seed" --optimizer muon --lr 1e-2 \
            --max-steps "${STEPS:-600}" --name judge
    for text in codes lead words first-sentence summary; do
        [ -d "$runs/judge-$text-s$seed" ] || # one step that changes nothing: its first evaluation counts
            ssl pretrain --objective clm --model judge --data "$folder/s$seed/$text.txt" --eval-data "$folder/s$seed/$text.txt" \
                --seq-len 64 --max-steps 1 --lr 1e-9 --no-plot --name "judge-$text-s$seed"
    done
done
