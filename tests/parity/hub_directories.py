"""Tiny tokenizer directories laid out as the hub's are: the same files, components and fields, with
small vocabularies that are trained here. `DIRECTORIES` maps a name to what writes one."""

import json

from hub_texts import CORPUS
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from sslcli.data.text.hf_classes import MBART50_CODES, MBART_CODES

SIZE = 900
LLAMA3_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_WORDS = LLAMA3_WORDS.replace(r"\p{N}{1,3}", r"\p{N}")
HUGE = 1000000000000000019884624838656
CHAT = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
CHAT += "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"


def added(content, **flags):
    plain = {
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
    return {**plain, **flags, "content": content}


def described(tokenizer, *tokens):
    """tokenizer.json of a trained tokenizer, with these added tokens."""
    content = json.loads(tokenizer.to_str())
    ids = {**tokenizer.get_vocab()}
    listed = []
    for token in tokens:
        ids.setdefault(token["content"], max(ids.values()) + 1)
        listed.append({"id": ids[token["content"]], **token})
    return {**content, "added_tokens": sorted(listed, key=lambda token: token["id"])}, ids


def write(folder, content, ids, tokenizer_config, model_config, **files):
    folder.mkdir(parents=True, exist_ok=True)
    model_config = {"vocab_size": max(ids.values()) + 1, **model_config}
    files = {
        "tokenizer.json": content,
        "tokenizer_config.json": tokenizer_config,
        "config.json": model_config,
        **{name.replace("_json", ".json"): value for name, value in files.items()},
    }
    for name, value in files.items():
        if value is not None:
            (folder / name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return folder


def word_pieces(specials, **normal):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(**normal)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.WordPieceTrainer(vocab_size=SIZE, special_tokens=specials, show_progress=False),
    )
    return tokenizer


BERT = ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def bert(folder, config, lowercase, **more):
    tokenizer = word_pieces(BERT, lowercase=lowercase)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 3), ("[SEP]", 4)],
    )
    content, ids = described(tokenizer, *(added(token) for token in BERT if token != "[unused1]"))
    return write(folder, content, ids, config, {"model_type": "bert", "type_vocab_size": 2}, **more)


def byte_pieces(specials, words=None, **normal):
    tokenizer = Tokenizer(models.BPE(**normal))
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False)
    split = [] if words is None else words
    bare = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = whole if words is None else pre_tokenizers.Sequence([*split, bare])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def roberta(folder):
    names = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = byte_pieces(names)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
    tokens = [added(name, normalized=True) for name in names[:-1]]
    content, ids = described(tokenizer, *tokens, added("<mask>", lstrip=True))
    config = {"model_max_length": 512}
    return write(
        folder,
        content,
        ids,
        config,
        {"model_type": "roberta", "type_vocab_size": 1, "pad_token_id": 1},
    )


def unigram(specials, normalizer):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizer
    marks = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), marks])
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=SIZE // 2, special_tokens=specials, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def two_separators(first, last):
    return processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", first), ("</s>", last)],
    )


def xlm_roberta(folder):
    names = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = unigram(names, normalizers.Sequence([normalizers.Replace(Regex(" {2,}"), " ")]))
    tokenizer.post_processor = two_separators(0, 2)
    content, ids = described(tokenizer, *map(added, names), added("<mask>", lstrip=True))
    content["model"]["vocab"].append(["<mask>", 0.0])
    config = {
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "mask_token": {"__type": "AddedToken", **added("<mask>", lstrip=True)},
        "model_max_length": 512,
        "tokenizer_class": "XLMRobertaTokenizer",
        "clean_up_tokenization_spaces": True,
    }
    return write(
        folder,
        content,
        ids,
        config,
        {"model_type": "xlm-roberta", "type_vocab_size": 1, "pad_token_id": 1},
    )


def mbart(folder, fifty=False, **more):
    """Language codes behind the pieces, and the mask behind them; mBART-50 has them in front."""
    names = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = unigram(names, normalizers.Sequence([normalizers.Replace(Regex(" {2,}"), " ")]))
    codes = MBART50_CODES if fifty else MBART_CODES
    ends = [*map(added, names), *map(added, codes), added("<mask>", lstrip=True)]
    content, ids = described(tokenizer, *ends)
    content["model"]["vocab"] += [[piece, 0.0] for piece in (*codes, "<mask>")]
    config = {
        **{f"{role}_token": "</s>" for role in ("eos", "sep")},
        **{"cls_token": "<s>", "unk_token": "<unk>", "pad_token": "<pad>"},
        "mask_token": {"__type": "AddedToken", **added("<mask>", lstrip=True)},
        "model_max_length": 1024,
        "tokenizer_class": "MBart50Tokenizer" if fifty else "MBartTokenizer",
        **({} if fifty else {"bos_token": "<s>"}),
        **more,
    }
    return write(folder, content, ids, config, {"model_type": "mbart", "pad_token_id": 1})


def camembert(folder):
    names = ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>"]
    tokenizer = unigram(names, None)
    tokenizer.post_processor = two_separators(5, 6)
    content, ids = described(tokenizer, *map(added, names), added("<mask>", lstrip=True))
    content["model"]["vocab"].append(["<mask>", 0.0])
    config = {"model_max_length": 512, "tokenizer_class": "CamembertTokenizer"}
    return write(
        folder,
        content,
        ids,
        config,
        {"model_type": "camembert", "type_vocab_size": 1, "pad_token_id": 1},
    )


def albert(folder, **more):
    names = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    steps = [
        normalizers.Replace("``", '"'),
        normalizers.Replace("''", '"'),
        normalizers.NFKD(),
        normalizers.StripAccents(),
    ]
    tokenizer = unigram(names, normalizers.Sequence([*steps, normalizers.Lowercase()]))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    content, ids = described(tokenizer, *map(added, names[:-1]), added("[MASK]", lstrip=True))
    return write(
        folder,
        content,
        ids,
        {"model_max_length": 512, **more},
        {"model_type": "albert", "type_vocab_size": 2},
    )


def modernbert(folder):
    tokenizer = byte_pieces(["|||IP_ADDRESS|||", "<|padding|>"])
    tokenizer.normalizer = normalizers.NFC()
    plain = [
        added("|||EMAIL_ADDRESS|||", normalized=True, special=False),
        added("  ", normalized=True, special=False),
    ]
    tokens = [
        added("<|endoftext|>"),
        *plain,
        *map(added, ["[UNK]", "[CLS]", "[SEP]", "[PAD]"]),
        added("[MASK]", lstrip=True),
    ]
    content, ids = described(tokenizer, added("<|padding|>"), *tokens)
    template = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    content["post_processor"] = json.loads(template.__getstate__())
    config = {
        "added_tokens_decoder": {str(token["id"]): {k: v for k,
        v in token.items() if k != "id"} for token in content["added_tokens"]},
        "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]",
        "mask_token": "[MASK]",
        "model_input_names": ["input_ids", "attention_mask"], "model_max_length": 8192,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }  # fmt: skip
    return write(
        folder,
        content,
        ids,
        config,
        {"model_type": "modernbert"},
        special_tokens_map_json={"cls_token": added("[CLS]")},
    )


def gpt2(folder, **more):
    tokenizer = byte_pieces(["<|endoftext|>"])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    content, ids = described(tokenizer, added("<|endoftext|>"))
    return write(folder, content, ids, {"model_max_length": 1024, **more}, {"model_type": "gpt2"})


def llama2(folder, model_type="llama", **more):
    """Pieces that begin with a mark for the space, and bytes for what has no piece."""
    names = ["<unk>", "<s>", "</s>"]
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    strip = decoders.Strip(content=" ", left=1)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), strip]
    )
    specials = [*names, *(f"<0x{byte:02X}>" for byte in range(256))]
    short = [word for text in CORPUS for word in text.split()]
    tokenizer.train_from_iterator(
        short, trainers.BpeTrainer(vocab_size=SIZE, special_tokens=specials, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    content, ids = described(tokenizer, *map(added, names))
    config = {
        "add_bos_token": True, "add_eos_token": False, "bos_token": {"__type": "AddedToken",
        **added("<s>")},
        "eos_token": {"__type": "AddedToken", **added("</s>")},
        "unk_token": {"__type": "AddedToken", **added("<unk>")},
        "pad_token": None, "legacy": False, "model_max_length": HUGE, "sp_model_kwargs": {},
        "tokenizer_class": "LlamaTokenizer",
        "clean_up_tokenization_spaces": False, **more,
    }  # fmt: skip
    return write(folder, content, ids, config, {"model_type": model_type})


def llama3(folder):
    words = pre_tokenizers.Split(Regex(LLAMA3_WORDS), behavior="isolated")
    tokenizer = byte_pieces([], [words], ignore_merges=True)
    names = [
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|reserved_special_token_0|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
    ]
    content, ids = described(tokenizer, *map(added, names))
    first = ids["<|begin_of_text|>"]
    template = processors.TemplateProcessing(
        single="<|begin_of_text|> $A",
        pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
        special_tokens=[("<|begin_of_text|>", first)],
    )
    content["post_processor"] = json.loads(
        processors.Sequence([processors.ByteLevel(), template]).__getstate__()
    )
    config = {
        "added_tokens_decoder": {str(ids[name]): added(name) for name in names},
        "bos_token": "<|begin_of_text|>",
        "eos_token": "<|eot_id|>", "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": 131072,
        "clean_up_tokenization_spaces": True, "tokenizer_class": "PreTrainedTokenizerFast",
    }  # fmt: skip
    return write(folder, content, ids, config, {"model_type": "llama"})


def qwen2(folder):
    words = pre_tokenizers.Split(Regex(QWEN_WORDS), behavior="isolated")
    tokenizer = byte_pieces([], [words])
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.post_processor = processors.ByteLevel(
        add_prefix_space=False, trim_offsets=False, use_regex=False
    )
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    content, ids = described(tokenizer, *map(added, names))
    config = {
        "add_prefix_space": False,
        "added_tokens_decoder": {str(ids[name]): added(name) for name in names},
        "additional_special_tokens": names[1:],
        "bos_token": None,
        "chat_template": CHAT,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "errors": "replace",
        "model_max_length": 32768,
        "pad_token": "<|endoftext|>",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    return write(folder, content, ids, config, {"model_type": "qwen2"})


def smollm2(folder, name="GPT2Tokenizer"):
    tokenizer = byte_pieces(["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>"])
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>"]
    content, ids = described(tokenizer, *map(added, names))
    config = {
        "add_prefix_space": False,
        "added_tokens_decoder": {str(ids[name]): added(name) for name in names},
        "additional_special_tokens": names[1:3],
        "bos_token": "<|im_start|>",
        "chat_template": CHAT,
        "eos_token": "<|im_end|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 8192,
        "pad_token": "<|im_end|>",
        "tokenizer_class": name,
        "unk_token": "<|endoftext|>",
        "vocab_size": 49152,
    }
    return write(folder, content, ids, config, {"model_type": "llama"})


DIRECTORIES = {
    "BERT uncased": lambda folder: bert(
        folder, {"do_lower_case": True, "model_max_length": 512}, True
    ),
    "BERT cased": lambda folder: bert(
        folder, {"do_lower_case": False, "model_max_length": 512}, False
    ),
    "BERT Chinese": lambda folder: bert(
        folder,
        {
            "do_lower_case": False,
            "tokenizer_class": "BertTokenizer",
            "tokenize_chinese_chars": True,
            "strip_accents": None,
        },
        False,
    ),
    "multilingual BERT": lambda folder: bert(
        folder,
        {"do_lower_case": False, "model_max_length": 512, "tokenizer_class": "BertTokenizerFast"},
        False,
        special_tokens_map_json={"mask_token": "[MASK]", "cls_token": "[CLS]"},
    ),
    "RoBERTa": roberta,
    "XLM-R": xlm_roberta,
    "CamemBERT": camembert,
    "mBART": mbart,
    "mBART, Chinese": lambda folder: mbart(folder, src_lang="zh_CN", tgt_lang="en_XX"),
    "mBART-50": lambda folder: mbart(folder, fifty=True, src_lang="fr_XX"),
    "ALBERT": albert,
    "ModernBERT": modernbert,
    "GPT-2": gpt2,
    "Llama 2": llama2,
    "Llama 3": llama3,
    "Mistral": lambda folder: llama2(folder, "mistral", legacy=True),
    "Qwen2": qwen2,
    "SmolLM2-Instruct": smollm2,
}
