#!/bin/sh
# Every noise alone and together, spans, MASS and masked words, on one language, all in runs of one length; how many masked words each
# model tells, and what each is worth to parts of speech: run.sh NAME POS TEXT...
# POS holds brown-{train,dev}.conllu.gz or, for NAME=chinese, zh-{train,dev}.conllu.gz. Runs go to runs/NAME-NOISE, runs/NAME-NOISE-masked
# (one step that changes nothing: its first evaluation counts) and runs/NAME-NOISE-pos; summary.py reads them. A run that is there stays.
# NOISES='mask mlm' run.sh ... runs these alone; STEPS=2 makes every training so many steps long: to see whether all of it runs.
set -eu
name=$1 pos=$2
shift 2
case $name in chinese*) tags=zh ;; *) tags=brown ;; esac
runs=${SSLCLI_RUNS_DIR:-runs}
for text; do
    set -- "$@" --data "$text"
    shift
done

learn() {
    what=$1 objective=$2 noise=$3
    shift 3
    case " ${NOISES:-$what} " in *" $what "*) ;; *) return ;; esac
    shape= asked=denoise mask=mask=0.15
    [ "$objective" != mlm ] || { shape='--arch tiny --set options.mlm.mask_rate=0.3' asked=mlm mask=; }
    [ -d "$runs/$name-$what" ] ||
        ssl pretrain -c examples/denoising/noises.yaml --name "$name-$what" --objective "$objective" ${noise:+--noise "$noise"} $shape \
            "$@" ${STEPS:+--max-steps "$STEPS"}
    [ "$what" = spans ] || [ "$what" = mass ] || [ -d "$runs/$name-$what-masked" ] ||
        ssl pretrain -c examples/denoising/noises.yaml --name "$name-$what-masked" --model "$name-$what" --objective "$asked" \
            ${mask:+--noise "$mask"} "$@" --max-steps 1 --lr 1e-9 --no-plot
    [ -d "$runs/$name-$what-pos" ] ||
        ssl finetune pos --model "$name-$what" --data "$pos/$tags-train.conllu.gz" --eval-data "$pos/$tags-dev.conllu.gz" \
            --name "$name-$what-pos" --seq-len 128 --batch-size 32 --eval-every "${STEPS:-50}" --max-steps "${STEPS:-100}" \
            --set training.eval_samples=1000 $scratch
}

scratch=--compare-scratch
learn mask denoise mask=0.3 "$@"
scratch=
learn delete denoise delete=0.3 "$@"
learn infill denoise infill=0.3 "$@"
learn permute denoise permute "$@"
learn rotate denoise rotate "$@"
learn infill-permute bart '' "$@"
learn all bart mask=0.3,delete=0.3,infill=0.3,permute,rotate "$@"
learn spans denoise spans "$@"
learn mass mass '' "$@"
learn mlm mlm '' "$@"
