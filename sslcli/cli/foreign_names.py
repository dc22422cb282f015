"""What other tools and papers call objectives and tasks."""

# Models by the name of what they were trained with; "" where no objective here does that.
FOREIGN_OBJECTIVES = {
    **dict.fromkeys(
        [
            "bert",
            "roberta",
            "distilbert",
            "modernbert",
            "masked",
            "masked-lm",
            "fill-mask",
            "cloze",
        ],
        "mlm",
    ),
    **dict.fromkeys(
        [
            "gpt",
            "gpt2",
            "gpt-2",
            "llama",
            "causal",
            "causal-lm",
            "lm",
            "autoregressive",
            "next-token",
            "apc",
        ],
        "clm",
    ),
    "albert": "mlm+sop",
    "next-sentence": "nsp",
    "sentence-order": "sop",
    **dict.fromkeys(("vit-mae", "vitmae", "simmim"), "mae"),
    **dict.fromkeys(("ae", "auto-encoder"), "autoencoder"),
    **dict.fromkeys(("dae", "denoising-autoencoder"), "autoencoder --corrupt gaussian"),
    **dict.fromkeys(("vqvae", "vq-vae", "vector-quantized"), "vq"),
    **dict.fromkeys(("beta-vae", "variational-autoencoder"), "vae"),
    "simvq": "vq --codebook linear",
    "fsq": "vq --codes fsq",
    **dict.fromkeys(("simclr", "nt-xent", "ntxent", "moco"), "contrastive"),
    "vicreg": "contrastive --loss vicreg",
    **dict.fromkeys(("dino", "byol", "self-distillation"), "distil-self"),
    **dict.fromkeys(("mockingjay", "tera", "masked-frames"), "mask-frames"),
    **dict.fromkeys(("adain-vc", "autovc", "voice-conversion"), "disentangle"),
    **dict.fromkeys(("mbart", "denoising", "seq2seq"), "bart"),
    **dict.fromkeys(("t5", "span-corruption"), "denoise --noise spans"),
    **dict.fromkeys(
        ["electra", "xlnet", "simcse", "gan", "rtd", "jepa", "wav2vec", "wav2vec2", "barlow"], ""
    ),
}
FOREIGN_TASKS = {
    **dict.fromkeys(("squad", "question-answering", "mrc"), "qa"),
    **dict.fromkeys(("ner", "token-classification", "conll"), "tag"),
    **dict.fromkeys(("mnli", "xnli", "snli", "entailment"), "nli"),
    **dict.fromkeys(("text-classification", "sequence-classification"), "classify"),
    **dict.fromkeys(("sst", "sst2", "imdb"), "sentiment"),
    **dict.fromkeys(("summarization", "translation", "text2text", "seq2seq"), "rewrite"),
}
