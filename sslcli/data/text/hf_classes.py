"""Tokenizer classes of transformers that rebuild a tokenizer from tokenizer_config.json.

`AutoTokenizer` (transformers 5.24) does not read tokenizer.json as it is where the directory's
class has rules of its own: it takes the vocabulary, the merges and perhaps the post-processor out
of the file, and writes normalizer, pre-tokenizer and special tokens anew from the options in
tokenizer_config.json. A `TokenizerClass` holds those rules. All components are JSON, as in
tokenizer.json.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tokenizers
from tokenizers import normalizers, pre_tokenizers

Json = dict[str, Any]
Options = Mapping[str, Any]  # tokenizer_config.json
Roles = Mapping[str, str]  # "cls_token" -> "[CLS]"
Ids = Callable[[str], int | None]  # the id of a token, None where it has none

BACKEND = "TokenizersBackend"  # reads tokenizer.json as it is
SPACE = "\u2581"
# Languages that mBART was pretrained on, and those that mBART-50 has beside them.
_OF_MBART = """
ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT lv_LV
my_MM ne_NP nl_XX ro_RO ru_RU si_LK tr_TR vi_VN zh_CN
"""
_OF_MBART50 = """
af_ZA az_AZ bn_IN fa_IR he_IL hr_HR id_ID ka_GE km_KH mk_MK ml_IN mn_MN mr_IN pl_PL ps_AF pt_XX
sv_SE sw_KE ta_IN te_IN th_TH tl_XX uk_UA ur_PK xh_ZA gl_ES sl_SI
"""
MBART_CODES = tuple(_OF_MBART.split())
MBART50_CODES = (*MBART_CODES, *_OF_MBART50.split())
_SPACES = tokenizers.Regex(r" {2,}")
_QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True, slots=True)
class TokenizerClass:
    """`roles`: the special tokens that hold where tokenizer_config.json names none.

    `model`: the kind of model that it can take out of a tokenizer.json. `build` gives the parts of
    tokenizer.json that it writes anew, `close` the post-processor; None where it keeps the file's,
    as it does with `keeps_file`, where the file has one. `gives_types`: whether its type ids reach
    the model (its default for `model_input_names`). `extra`: special tokens without a role.
    `adds_again`: it adds its special tokens once more, without the flags that files give them.
    `keeps_extra`: it has its own extra tokens also where a file names others.
    """

    roles: Roles
    model: str
    build: Callable[[Json, Options, Roles], Json]
    close: Callable[[Options, Roles, Ids], Json | None] | None = None
    gives_types: bool = False
    keeps_file: bool = False
    adds_again: bool = False
    extra: tuple[str, ...] = ()
    keeps_extra: bool = False


def as_json(component: Any) -> Json | None:
    """A component of the tokenizers library as tokenizer.json has it."""
    return None if component is None else json.loads(component.__getstate__())


def template(single: str, pair: str, names: Mapping[str, str], ids: Ids) -> Json | None:
    """Build a TemplateProcessing of "cls $A sep"; `names` maps these words to tokens."""
    found = {token: ids(token) for token in names.values()}
    if any(token is None for token in found.values()):
        return None
    tokens = {
        token: {"id": token, "ids": [number], "tokens": [token]} for token, number in found.items()
    }
    parts = {
        kind: [_part(word, names) for word in text.split()]
        for kind, text in (("single", single), ("pair", pair))
    }
    return {"type": "TemplateProcessing", **parts, "special_tokens": tokens}


def _part(word: str, names: Mapping[str, str]) -> Json:
    name, _, type_id = word.partition(":")
    if name.startswith("$"):
        return {"Sequence": {"id": name[1:], "type_id": int(type_id or 0)}}
    return {"SpecialToken": {"id": names[name], "type_id": int(type_id or 0)}}


def _truth(options: Options, name: str, default: bool) -> bool:
    value = options.get(name, default)
    return default if value is None else bool(value)


def _bert(description: Json, options: Options, roles: Roles) -> Json:
    model = {
        "type": "WordPiece",
        "unk_token": roles.get("unk_token", "[UNK]"),
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": description["model"]["vocab"],
    }
    normalizer = {
        "type": "BertNormalizer",
        "clean_text": True,
        # Given as null they are off: only what is left out is as by default.
        "handle_chinese_chars": bool(options.get("tokenize_chinese_chars", True)),
        "strip_accents": options.get("strip_accents"),
        "lowercase": bool(options.get("do_lower_case", True)),
    }
    return {
        "model": model,
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    }


def _close_bert(options: Options, roles: Roles, ids: Ids) -> Json | None:
    names = {"cls": roles.get("cls_token", ""), "sep": roles.get("sep_token", "")}
    return template("cls $A sep", "cls $A sep $B:1 sep:1", names, ids)


def _bytes_model(description: Json) -> Json:
    model = description["model"]
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "",
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": model["vocab"],
        "merges": model.get("merges") or [],
    }


def _bytes(description: Json, options: Options, roles: Roles) -> Json:
    spaced = bool(options.get("add_prefix_space", False))
    return {
        "model": _bytes_model(description),
        "normalizer": None,
        "pre_tokenizer": as_json(pre_tokenizers.ByteLevel(add_prefix_space=spaced)),
        "decoder": _BYTE_DECODER,
    }


_BYTE_DECODER = {
    "type": "ByteLevel",
    "add_prefix_space": True,
    "trim_offsets": True,
    "use_regex": True,
}


def _close_roberta(options: Options, roles: Roles, ids: Ids) -> Json | None:
    first, last = (roles.get(role, "") for role in ("cls_token", "sep_token"))
    if ids(first) is None or ids(last) is None:
        return None
    return {
        "type": "RobertaProcessing",
        "sep": [last, ids(last)],
        "cls": [first, ids(first)],
        "trim_offsets": bool(options.get("trim_offsets", True)),
        "add_prefix_space": bool(options.get("add_prefix_space", False)),
    }


def _qwen(description: Json, options: Options, roles: Roles) -> Json:
    spaced = _truth(options, "add_prefix_space", False)
    steps = [
        pre_tokenizers.Split(tokenizers.Regex(_QWEN_WORDS), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=spaced, use_regex=False),
    ]
    return {
        "model": _bytes_model(description),
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": as_json(pre_tokenizers.Sequence(steps)),
        "decoder": _BYTE_DECODER,
    }


def _llama(description: Json, options: Options, roles: Roles) -> Json:
    spaced = _truth(options, "add_prefix_space", True)
    scheme = ("always" if options.get("legacy", False) else "first") if spaced else "never"
    decoder = [
        {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        *([{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if spaced else []),
    ]
    model = {
        **_bytes_model(description),
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": True,
        "byte_fallback": True,
    }
    pieces = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme=scheme, split=False)
    return {
        "model": model,
        "normalizer": None,
        "pre_tokenizer": as_json(pieces),
        "decoder": {"type": "Sequence", "decoders": decoder},
    }


def _pieces(description: Json, options: Options, unknown: int, *before: Any) -> Json:
    """A SentencePiece Unigram model: what stands before its character map, and its word marks."""
    spaced = bool(options.get("add_prefix_space", True))
    scheme = "always" if spaced else "never"
    marks = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme=scheme)
    steps = [*map(as_json, before), *filter(None, [_character_map(description)])]
    normalizer = {"type": "Sequence", "normalizers": steps} if before else next(iter(steps), None)
    model = {
        "type": "Unigram",
        "unk_id": unknown,
        "byte_fallback": False,
        "vocab": description["model"]["vocab"],
    }
    words = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), marks])
    return {
        "model": model,
        "normalizer": normalizer,
        "pre_tokenizer": as_json(words),
        "decoder": as_json(marks),
    }


def _character_map(description: Json) -> Json | None:
    normalizer = description.get("normalizer") or {}
    steps = normalizer.get("normalizers", [normalizer])
    return next((step for step in steps if step.get("type") == "Precompiled"), None)


def _xlm(description: Json, options: Options, roles: Roles) -> Json:
    return _pieces(description, options, 3)


def _camembert(description: Json, options: Options, roles: Roles) -> Json:
    pieces = [piece for piece, _ in description["model"]["vocab"]]
    unknown = roles.get("unk_token", "<unk>")
    return _pieces(description, options, pieces.index(unknown) if unknown in pieces else 0)


def _close_xlm(options: Options, roles: Roles, ids: Ids) -> Json | None:
    names = {"bos": roles.get("bos_token", ""), "eos": roles.get("eos_token", "")}
    return template("bos $A eos", "bos $A eos eos $B eos", names, ids)


def _mbart(description: Json, options: Options, roles: Roles) -> Json:
    """The file's character map has no place in it."""
    return {**_pieces(description, {}, 3), "normalizer": None}


def _mbart50(description: Json, options: Options, roles: Roles) -> Json:
    steps = [_character_map(description), as_json(normalizers.Replace(_SPACES, " "))]
    marks = as_json(pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always"))
    parts = _pieces(description, {}, 3)
    vocabulary = parts["model"]["vocab"]
    if not {piece for piece, _ in vocabulary} & {*MBART50_CODES}:  # as SentencePiece has it
        first = [roles.get(f"{role}_token", "") for role in ("cls", "pad", "eos", "unk")]
        last = [*MBART50_CODES, roles.get("mask_token", "<mask>")]
        vocabulary = [
            *([piece, 0.0] for piece in first),
            *vocabulary[3:],
            *([piece, 0.0] for piece in last),
        ]
    return {
        "model": {**parts["model"], "vocab": vocabulary},
        "normalizer": {"type": "Sequence", "normalizers": [step for step in steps if step]},
        "pre_tokenizer": marks,
        "decoder": marks,
    }


def _source_code(options: Options, roles: Roles, ids: Ids) -> str:
    """The code of the language of sources, English where none is named."""
    code = options.get("src_lang")
    code = "en_XX" if code is None else code
    return code if isinstance(code, str) and ids(code) is not None else roles.get("unk_token", "")


def _close_mbart(options: Options, roles: Roles, ids: Ids) -> Json | None:
    names = {"eos": roles.get("eos_token", ""), "code": _source_code(options, roles, ids)}
    return template("$A eos code", "$A $B eos code", names, ids)


def _close_mbart50(options: Options, roles: Roles, ids: Ids) -> Json | None:
    names = {"eos": roles.get("eos_token", ""), "code": _source_code(options, roles, ids)}
    return template("code $A eos", "code $A $B eos", names, ids)


def _albert(description: Json, options: Options, roles: Roles) -> Json:
    steps: list[Any] = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
    if not options.get("keep_accents", False):
        steps += [normalizers.NFKD(), normalizers.StripAccents()]
    if options.get("do_lower_case", True):
        steps.append(normalizers.Lowercase())
    return _pieces(description, options, 1, *steps)


def _roles(bos: str, eos: str, unk: str, sep: str, pad: str, cls: str, mask: str) -> Roles:
    names = {"bos": bos, "eos": eos, "unk": unk, "sep": sep, "pad": pad, "cls": cls, "mask": mask}
    return {f"{role}_token": token for role, token in names.items() if token}


_BERT = _roles("", "", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")
_ROBERTA = _roles("<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>")
_ALBERT = _roles("[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]")
_GPT = _roles("<|endoftext|>", "<|endoftext|>", "<|endoftext|>", "", "", "", "")
_LLAMA = _roles("<s>", "</s>", "<unk>", "", "", "", "")
_QWEN = _roles("", "<|endoftext|>", "<|endoftext|>", "", "<|endoftext|>", "", "")
_MBART50 = _roles("", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>")
_NOT_USED = ("<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED")

_BERT_CLASS = TokenizerClass(_BERT, "WordPiece", _bert, _close_bert, gives_types=True)
_ROBERTA_CLASS = TokenizerClass(_ROBERTA, "BPE", _bytes, _close_roberta)
# Other names of the same class.
_AS_BERT = ("Bert", "Electra", "LayoutLM", "Lxmert", "MobileBert", "SqueezeBert")
_AS_ROBERTA = ("Bart", "LED", "Longformer", "Mvp", "Roberta")
# By the names that tokenizer_config.json may give them, without an ending "Fast".
CLASSES: Mapping[str, TokenizerClass] = {
    **{f"{name}Tokenizer": _BERT_CLASS for name in _AS_BERT},
    "DistilBertTokenizer": TokenizerClass(_BERT, "WordPiece", _bert, _close_bert),
    **{f"{name}Tokenizer": _ROBERTA_CLASS for name in _AS_ROBERTA},
    "XLMRobertaTokenizer": TokenizerClass(_ROBERTA, "Unigram", _xlm, _close_xlm),
    "CamembertTokenizer": TokenizerClass(
        _ROBERTA, "Unigram", _camembert, _close_xlm, extra=_NOT_USED
    ),
    "MBartTokenizer": TokenizerClass(
        _ROBERTA, "Unigram", _mbart, _close_mbart, extra=MBART_CODES, keeps_extra=True
    ),
    "MBart50Tokenizer": TokenizerClass(
        _MBART50, "Unigram", _mbart50, _close_mbart50, extra=MBART50_CODES, keeps_extra=True
    ),
    "AlbertTokenizer": TokenizerClass(_ALBERT, "Unigram", _albert, _close_bert, keeps_file=True),
    "GPT2Tokenizer": TokenizerClass(_GPT, "BPE", _bytes),
    "LlamaTokenizer": TokenizerClass(_LLAMA, "BPE", _llama),
    "Qwen2Tokenizer": TokenizerClass(_QWEN, "BPE", _qwen, adds_again=True),
}
# The class of a model_type; BACKEND where no class is taken from the directory at all.
CLASS_OF_MODEL: Mapping[str, str] = {
    **dict.fromkeys(("bert", "distilbert", "electra"), "BertTokenizer"),
    "roberta": "RobertaTokenizer",
    "bart": "RobertaTokenizer",
    "xlm-roberta": "XLMRobertaTokenizer",
    "camembert": "CamembertTokenizer",
    "albert": "AlbertTokenizer",
    "mbart": "MBartTokenizer",
    "gpt2": "GPT2Tokenizer",
    "qwen2": "Qwen2Tokenizer",
    "mistral": BACKEND,
    "modernbert": BACKEND,
}
# Of these the class holds whatever tokenizer_config.json says.
FORCED_MODELS = frozenset({"qwen2"})
