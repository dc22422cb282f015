#!/bin/sh
# What a decoder answers behind 0, 1 and 4 worked examples, without being trained: run.sh MODEL DATA OUT
# DATA holds sentiment/{en,zh}-{train,dev}.jsonl.gz, nli/{train,dev}.jsonl.gz, qa/{train,dev}.json and dict/en-zh.txt.gz (a word and
# its translation, with a tab between them). OUT gets a folder for each table; summary.py reads them. One that is there stays.
# TABLES='words qa' run.sh ... makes these alone; STEPS=2 asks so many questions of each: to see whether all of it runs.
set -eu
model=$1 data=$2 out=$3
here=$(dirname "$0")
k=0,1,4
[ -z "${STEPS:-}" ] || k=0,1
mkdir -p "$out/data"

ask() {
    table=$1 task=$2 test=$3 train=$4 count=$5
    shift 5
    case " ${TABLES:-$table} " in *" $table "*) ;; *) return 0 ;; esac
    [ ! -f "$out/$table/report.json" ] || return 0
    case $test in *.json) kind=json ;; *.jsonl.gz) kind=jsonl ;; *) kind=tsv ;; esac
    if [ "$test" = "$train" ]; then
        python "$here/sample.py" "$data/$test" "${STEPS:-$count}" "$out/data/$table.$kind" "$out/data/$table-others.$kind"
        train=$out/data/$table-others.$kind
    else
        python "$here/sample.py" "$data/$test" "${STEPS:-$count}" "$out/data/$table.$kind"
        train=$data/$train
    fi
    ssl evaluate "$task" --in-context --model "$model" --data "$out/data/$table.$kind" --examples "$train" --k "$k" \
        --draws 3 --precision fp32 --out "$out/$table" "$@"
}

ask sentiment-en sentiment sentiment/en-dev.jsonl.gz sentiment/en-train.jsonl.gz 80
ask sentiment-zh sentiment sentiment/zh-dev.jsonl.gz sentiment/zh-train.jsonl.gz 40
ask nli nli nli/dev.jsonl.gz nli/train.jsonl.gz 24
ask words rewrite dict/en-zh.txt.gz dict/en-zh.txt.gz 200 --max-length 12 --template "$here/words.txt"
ask qa qa qa/dev.json qa/train.json 12 --longest-answer 20
