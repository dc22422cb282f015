#!/bin/sh
# What recordings teach without labels: run.sh VOICES [FLAGS OF ssl pretrain]. VOICES: a folder a speaker, in them the same names of
# files for the same words. 90 sentences are held out. Runs: voices-masked, voices-ahead, voices-first (hubert) and voices-second,
# each probed for who speaks and what is said. STEPS=2 makes every training so many steps long, HELD_OUT=3 holds out so many sentences.
set -eu
voices=$1 here=$(dirname "$0")
shift
parted=${SSLCLI_RUNS_DIR:-runs}/voices-parted
python "$here/apart.py" "$voices" "$parted" "${HELD_OUT:-90}"
learn() {
    name=$1
    shift
    ssl pretrain --data "$parted/train" --eval-data "$parted/held-out" --batch-size 16 --lr 2e-3 \
        --max-steps "${STEPS:-600}" --no-plot --name "voices-$name" "$@"
    ssl probe voices --model "voices-$name" --sentences 90
}
learn masked --objective mask-frames --arch tiny "$@"
learn ahead --objective clm --arch tiny "$@"
learn first --objective hubert --arch tiny "$@"
learn second --objective hubert --model voices-first --targets features "$@"
