#!/bin/sh
# What recordings teach without labels: run.sh VOICES [FLAGS OF ssl pretrain]. VOICES: a folder a speaker, in them the same names of
# files for the same words. 90 sentences are held out. Runs: voices-masked, voices-ahead, voices-first (hubert), voices-second and
# voices-apart-SEED (disentangle), each probed for who speaks and what is said, the last for its conversions too; what the first speaker
# says in held-out recordings is said in the second one's voice in voices-spoken. SEEDS="1 2" are those of the last objective, STEPS=2
# makes every training so many steps long, HELD_OUT=3 holds out so many sentences.
set -eu
voices=$1 here=$(dirname "$0")
shift
runs=${SSLCLI_RUNS_DIR:-runs} steps=${STEPS:-600} batch=16
parted=$runs/voices-parted
python "$here/apart.py" "$voices" "$parted" "${HELD_OUT:-90}"
learn() {
    name=$1
    shift
    ssl pretrain --data "$parted/train" --eval-data "$parted/held-out" --batch-size "$batch" --lr 2e-3 \
        --max-steps "$steps" --no-plot --name "voices-$name" "$@"
    ssl probe voices --model "voices-$name" --sentences 90
}
learn masked --objective mask-frames --arch tiny "$@"
learn ahead --objective clm --arch tiny "$@"
learn first --objective hubert --arch tiny "$@"
learn second --objective hubert --model voices-first --targets features "$@"
steps=${STEPS:-4000} batch=8
for seed in ${SEEDS:-1 2 3}; do
    learn "apart-$seed" --objective disentangle --arch tiny --codes bits --code 8 --set options.disentangle.spread=1 \
        --seed "$seed" --eval-every "$steps" --set training.eval_samples=40 "$@"
    ssl probe conversion --model "voices-apart-$seed" --sentences 90
done
first=$(ls "$parted/train" | sed -n 1p) second=$(ls "$parted/train" | sed -n 2p)
ssl generate --model "voices-apart-$seed" --content "$parted/held-out/$first" --style "$parted/train/$second" --out "$runs/voices-spoken"
