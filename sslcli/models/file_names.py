"""Names of the files in model directories of others. Without torch."""

from sslcli.core.settings import MODEL_CONFIG

CONFIG, SINGLE, INDEX = MODEL_CONFIG, "model.safetensors", "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack", "*.gguf")
ARCHIVES = ("*.zip", "*.7z", "*.tar", "*.tar.*", "*.tgz")
# What directories had before there was tokenizer.json, which is all that is read here.
OLDER_TOKENIZERS = (
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "spiece.model",
)
