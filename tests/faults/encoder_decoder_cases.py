"""What can be wrong with an encoder-decoder's line, data, model or run, and what is answered.

Words in braces stand for models and runs: `bart`, `coded` (whose tokenizer has en_XX and zh_CN),
`bert` and `gpt` are model directories, `denoised`, `masked` and `tuned` runs of bart, mlm and
rewrite, `empty` is a run without checkpoints, `no-mask` and `no-sep` are tokenizers.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sslcli.models.line_checks import may_have_gpus

MADE = ("bart", "coded", "bert", "gpt", "denoised", "masked", "tuned", "empty", "no-mask", "no-sep")
SENTENCES = [
    f"the {animal} {verb} the dog in the {place} ."
    for animal in ("cat", "dog", "bird", "fish", "horse", "mouse")
    for verb in ("sees", "likes")
    for place in ("garden", "house")
]
DOCUMENTS = [" ".join(SENTENCES[start : start + 3]) for start in range(0, 24, 2)]
RECORDS = [{"source": text, "target": text.split()[1]} for text in SENTENCES]
FILES = {
    "corpus.txt": "\n\n".join(DOCUMENTS) + "\n",
    "pairs.jsonl": "".join(f"{json.dumps(record)}\n" for record in RECORDS),
    "a.en": "".join(f"{text}\n" for text in SENTENCES),
    "b.zh": "".join(f"{text.split()[1]}\n" for text in SENTENCES),
}


@dataclass(frozen=True)
class Case:
    """A line that is refused.

    `says` and `hints` must stand in sentence and hint. `files` stand beside the usual ones,
    `damaged` is a model, one of its files and what stands in it instead, which the line names as
    "damaged". `reads`: what may have been opened by then, data, model or both. `whole`: the line
    gets no usual flags.
    """

    name: str
    line: str
    says: Sequence[str] = ()
    hints: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    damaged: Sequence[str] = ()
    reads: str = ""
    code: int = 2
    whole: bool = False

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def lines(*records: object) -> str:
    return "".join(f"{json.dumps(record)}\n" for record in records)


BART = "pretrain --objective bart --data corpus.txt"
NOISES = [
    Case(f"noise {given}", f"{BART} --noise '{given}'", says)
    for given, *says in (
        ("mask=", "share of mask"),
        ("=0.3", "'=0.3' names no noise"),
        ("=", "'=' names no noise"),
        ("", "names no noise"),
        (",", "names no noise"),
        ("mask,", "'mask,' leaves a place empty"),
        ("mask,,infill", "'mask,,infill' leaves a place empty"),
        ("infill=0.3,infill=0.2", "'infill' is named twice"),
        ("permute,permute", "'permute' is named twice"),
        ("mask=1", "leaves nothing"),
        ("delete=1.0", "leaves nothing"),
        ("infill=1.0", "leaves nothing"),
        ("mask=0", "above 0"),
        ("mask=-0.1", "above 0"),
        ("mask=1.5", "at most 1"),
        ("permute=2", "at most 1"),
        ("mask=nan", "not nan"),
        ("mask=inf", "not inf"),
        ("mask=30%", "not '30%'"),
        ("mask=0,3", "above 0"),
        ("mask=0.3=0.4", "not '0.3=0.4'"),
        ("maks=0.3", "there is no noise 'maks'"),
        ("Mask", "there is no noise 'Mask'"),
        ("drop", "there is no noise 'drop'"),
        ("spans", "there is no noise 'spans'"),
    )
]
OPTIONS = [
    Case(name, f"pretrain --data corpus.txt {line}", says)
    for name, line, *says in (
        ("several noises of denoise", "--objective denoise --noise mask,delete", "several noises"),
        ("noise of denoise", "--objective denoise --noise spans=1", "leaves nothing"),
        ("lambda 0", "--objective bart --span-mean 0", "--span-mean"),
        ("lambda -3", "--objective bart --span-mean -3", "--span-mean"),
        ("lambda nan", "--objective bart --span-mean nan", "--span-mean"),
        ("lambda inf", "--objective bart --span-mean inf", "--span-mean"),
        ("lambda of nothing", "--objective bart --noise mask --span-mean 5", "changes nothing"),
        ("random share 1.5", "--objective bart --random-share 1.5", "--random-share"),
        ("random share nan", "--objective bart --random-share nan", "--random-share"),
        (
            "random share of nothing",
            "--objective bart --noise delete --random-share 0.1",
            "changes nothing",
        ),
        (
            "whole words of nothing",
            "--objective denoise --noise permute --whole-words",
            "changes nothing",
        ),
        ("run share 0", "--objective mass --run-share 0", "--run-share"),
        ("run share 1", "--objective mass --run-share 1", "--run-share"),
        ("run share nan", "--objective mass --run-share nan", "--run-share"),
        ("noise of mass", "--objective mass --noise mask", "--noise"),
        ("noise of mlm", "--objective mlm --noise mask", "--noise"),
        ("bart,mlm", "--objective bart,mlm", "there is no objective 'bart,mlm'"),
        ("bart mlm", "--objective 'bart mlm'", "there is no objective 'bart mlm'"),
        ("bart+", "--objective bart+", "'bart+' is not an objective"),
        ("bart+bart", "--objective bart+bart", "'bart+bart' is not an objective"),
        ("bart+mlm", "--objective bart+mlm", "different kinds of Transformer"),
        ("clm+mass", "--objective clm+mass", "different kinds of Transformer"),
        ("bart+nsp", "--objective bart+nsp", "different kinds of Transformer"),
        ("bart with a preset of GPT-2", "--objective bart --arch gpt2", "'gpt2' is a decoder"),
        ("bart with a preset of BERT", "--objective bart --arch bert-base", "is an encoder"),
        ("bart with a modern preset", "--objective bart --arch modern", "is an encoder"),
        ("mlm with a preset of BART", "--objective mlm --arch bart-base", "is an encoder-decoder"),
        ("decoder depth 0", "--objective bart -s model.shape.decoder_depth=0", "decoder_depth"),
        ("decoder depth -1", "--objective bart -s model.shape.decoder_depth=-1", "decoder_depth"),
        (
            "decoder heads that do not divide",
            "--objective bart -s model.shape.decoder_heads=3",
            "not divisible by 3 heads",
        ),
        (
            "decoder of no width",
            "--objective bart -s model.shape.decoder_feedforward_width=0",
            "decoder_feedforward_width",
        ),
        ("decoder depth of mlm", "--objective mlm -s model.shape.decoder_depth=2", "decoder_depth"),
        ("stack of pretrain", "--objective bart --stack encoder", "--stack"),
        (
            "Muon under fsdp",
            "--objective bart --optimizer muon --gpus 2 --device cpu --parallel fsdp",
            "Muon needs whole matrices, and FSDP shards them",
        ),
    )
]
GPUS = [
    Case(f"{gpus} GPUs", f"{BART} --gpus {gpus}", ["there is no CUDA GPU here"], whole=True)
    for gpus in ("1", "8", "all")
    if not may_have_gpus()
]
MODELS = [
    Case(name, line, says, reads=reads)
    for name, line, reads, *says in (
        ("bart from BERT", f"{BART} --model {{bert}}", "", "'bart' needs an encoder-decoder"),
        ("bart from GPT-2", f"{BART} --model {{gpt}}", "", "'bart' needs an encoder-decoder"),
        (
            "mass from BERT",
            "pretrain --objective mass --data corpus.txt --model {bert}",
            "",
            "'mass' needs an encoder-decoder",
        ),
        (
            "bart from a run of mlm",
            f"{BART} --model {{masked}}",
            "model",
            "'bart' needs an encoder-decoder",
        ),
        (
            "mlm from BART",
            "pretrain --objective mlm --data corpus.txt --model {bart}",
            "",
            "'mlm' needs an encoder",
        ),
        (
            "clm from BART",
            "pretrain --objective clm --data corpus.txt --model {bart}",
            "",
            "'clm' needs a decoder",
        ),
        ("rewrite from BERT", "finetune rewrite --model {bert} --data pairs.jsonl", "", "rewrite"),
        ("rewrite from GPT-2", "finetune rewrite --model {gpt} --data pairs.jsonl", "", "rewrite"),
        (
            "rewrite from nothing",
            "finetune rewrite --data pairs.jsonl",
            "",
            "no pretraining run in",
            "is an encoder-decoder",
        ),
        (
            "another depth than the model's",
            f"{BART} --model {{bart}} -s model.shape.depth=3",
            "model",
            "model.shape.depth would be 3, and is 1 in the model",
        ),
        (
            "another dropout than the model's",
            "finetune rewrite --model {bart} --data pairs.jsonl -s model.shape.dropout=0.5",
            "model",
            "model.shape.dropout would be 0.5",
        ),
        (
            "tokenizer without a mask",
            f"{BART} --tokenizer-from {{no-mask}}",
            "",
            "needs a mask token",
        ),
        (
            "tokenizer without a separator",
            f"{BART} --tokenizer-from {{no-sep}}",
            "",
            "needs a separator token",
        ),
        (
            "mass without a mask",
            "pretrain --objective mass --data corpus.txt --tokenizer-from {no-mask}",
            "",
            "needs a mask token",
        ),
        ("pieces without a mask", f"{BART} --tokenizer bpe", "", "needs a mask token"),
        (
            "no tokenizer there",
            f"{BART} --tokenizer-from none",
            "",
            "no run, folder or tokenizer.json 'none'",
        ),
        (
            "stack middle",
            "probe similarity cat --model {bart} --stack middle",
            "",
            "not 'middle'",
        ),
        (
            "decoder of BERT",
            "probe similarity cat --model {bert} --stack decoder",
            "model",
            "no halves",
        ),
        (
            "encoder of GPT-2",
            "probe similarity cat --model {gpt} --stack encoder",
            "model",
            "no halves",
        ),
    )
]
REWRITING = "finetune rewrite --model {bart} --data"
LENGTHS = [
    Case(name, f"{REWRITING} pairs.jsonl {line}", says, reads="data model")
    for name, line, *says in (
        ("targets longer than the model", "--max-length 33", "longer than the 32 positions"),
        ("sources longer than the model", "--seq-len 33", "longer than the 32 positions"),
        ("targets of one token", "--max-length 1", "--max-length"),
        ("targets of no token", "--max-length 0", "--max-length"),
        ("sources of no room", "--seq-len 2", "leave no room"),
        ("least above most", "--min-length 9 --max-length 4", "(--min-length)"),
        ("least above the model", "--min-length 40", "--min-length"),
        ("no beam", "--beams 0", "--beams"),
        ("half a beam", "--beams 1.5", "--beams"),
        ("more beams than tokens", "--beams 1000", "1000 beams are more than the 25 tokens"),
        ("smoothing 1", "--label-smoothing 1", "--label-smoothing"),
        ("smoothing -0.1", "--label-smoothing -0.1", "--label-smoothing"),
        ("smoothing nan", "--label-smoothing nan", "--label-smoothing"),
        ("penalty nan", "--beams 2 --length-penalty nan", "--length-penalty"),
        ("penalty inf", "--beams 2 --length-penalty inf", "--length-penalty"),
        ("penalty 1e9", "--beams 2 --length-penalty 1e9", "--length-penalty"),
        ("stopping maybe", "--early-stopping maybe", "--early-stopping"),
    )
]
ASKED = [
    Case(name, line, says, reads="data model", damaged=damaged)
    for name, line, damaged, *says in (
        ("no text", "generate --model {bart}", (), "text is needed"),
        ("an empty text", "generate '' --model {bart}", (), "text"),
        ("a text of blanks", "generate ' ' --model {bart}", (), "no token"),
        ("no beam for a text", "generate 'a cat' --model {bart} --beams 0", (), "--beams"),
        ("65 beams for a text", "generate 'a cat' --model {bart} --beams 65", (), "--beams"),
        (
            "more beams than tokens for a text",
            "generate 'a cat' --model {bart} --beams 64",
            (),
            "64 beams",
        ),
        ("clm's flag for a text", "generate 'a cat' --model {denoised} --top-k 3", (), "--top-k"),
        ("a text for a run of rewrite", "generate 'a cat' --model {tuned}", (), "fine-tuned"),
        (
            "a text longer than the model",
            f"generate '{'cat ' * 40}' --model {{bart}}",
            (),
            "32",
        ),
        (
            "a generation config that is cut off",
            "generate 'a cat' --model damaged",
            ("bart", "generation_config.json", '{"eos_token_id": 3'),
            "generation_config.json cannot be read",
        ),
        (
            "a generation config that is a list",
            "generate 'a cat' --model damaged",
            ("bart", "generation_config.json", "[1, 2]"),
            "generation_config.json",
        ),
        (
            "an end outside the vocabulary",
            "generate 'a cat' --model damaged",
            ("bart", "generation_config.json", '{"eos_token_id": 100000}'),
            "eos_token_id",
        ),
        (
            "an end that is a word",
            "generate 'a cat' --model damaged",
            ("bart", "generation_config.json", '{"eos_token_id": "x"}'),
            "eos_token_id",
        ),
        (
            "a first token outside the vocabulary",
            "finetune rewrite --model damaged --data pairs.jsonl",
            ("bart", "generation_config.json", '{"forced_bos_token_id": 100000}'),
            "forced_bos_token_id",
        ),
        (
            "a last token outside the vocabulary",
            "finetune rewrite --model damaged --data pairs.jsonl --beams 2",
            ("bart", "generation_config.json", '{"forced_eos_token_id": -3}'),
            "forced_eos_token_id",
        ),
        (
            "a start outside the vocabulary",
            "finetune rewrite --model damaged --data pairs.jsonl",
            ("bart", "generation_config.json", '{"decoder_start_token_id": 100000}'),
            "decoder_start_token_id",
        ),
        (
            "a start that is a word",
            "finetune rewrite --model damaged --data pairs.jsonl",
            ("bart", "generation_config.json", '{"decoder_start_token_id": "<s>"}'),
            "decoder_start_token_id",
        ),
        (
            "decoder layers that are not there",
            "generate 'a cat' --model damaged",
            ("bart", "config.json", '{"model_type": "bart", "is_encoder_decoder": true}'),
            "config.json",
        ),
    )
]
ANSWERING = [
    Case(name, line, says, reads="model")
    for name, line, *says in (
        ("no beam to predict", "predict rewrite 'a cat' --model {tuned} --beams 0", "--beams"),
        (
            "more beams than tokens to predict",
            "predict rewrite 'a cat' --model {tuned} --beams 1000",
            "1000 beams are more than the 25 tokens",
        ),
        (
            "smoothing to predict",
            "predict rewrite 'a cat' --model {tuned} --label-smoothing 0.2",
            "--label-smoothing",
        ),
        (
            "least above most to predict",
            "predict rewrite 'a cat' --model {tuned} --min-length 9 --max-length 4",
            "--min-length",
        ),
        (
            "most above the model to predict",
            "predict rewrite 'a cat' --model {tuned} --max-length 33",
            "32 positions",
        ),
        ("an empty text to predict", "predict rewrite '' --model {tuned}", "empty"),
        (
            "a run of bart to predict",
            "predict rewrite 'a cat' --model {denoised}",
            "denoised",
        ),
        (
            "a score that rewrite has not",
            "evaluate rewrite --data pairs.jsonl --model {tuned} --min f1=3",
            "f1",
        ),
    )
]
RUNS = [
    Case(name, line, says, reads="model")
    for name, line, *says in (
        ("a resume with other noise", "pretrain --resume {denoised} --noise mask=0.2", "noise"),
        ("a resume with another lambda", "pretrain --resume {denoised} --span-mean 5", "span_mean"),
        ("a resume of mass", "pretrain --resume {denoised} --objective mass", "objective"),
        ("a resume with wrong noise", "pretrain --resume {denoised} --noise mask=2", "at most 1"),
        (
            "a resume with other beams",
            "finetune rewrite --resume {tuned} --beams 3",
            "beams",
        ),
        ("a resume as another task", "finetune classify --resume {tuned}", "a run of rewrite"),
        ("an export without a checkpoint", "export {empty} hf", "no complete checkpoint"),
        ("text from no checkpoint", "generate 'a cat' --model {empty}", "no complete checkpoint"),
        (
            "rewrite from no checkpoint",
            "finetune rewrite --model {empty} --data pairs.jsonl",
            "no complete checkpoint",
        ),
        ("an export of a step", "export {denoised}:step-77 hf", "step-000077"),
        ("an export over itself", "export {denoised} {tuned}", "is not empty"),
        ("an export in another format", "export {denoised} hf --to onnx", "'onnx'"),
        ("an adapter of none", "export {tuned} hf --adapter", "adapter"),
    )
]
OTHERS = [*NOISES, *OPTIONS, *GPUS, *MODELS, *LENGTHS, *ASKED, *ANSWERING, *RUNS]
