"""Parameters, FLOPs and memory of a shape, from its settings alone, without torch.

Letters in formulas: D width, F feed-forward width, H heads, G key and value heads, K features per
head, E width of the embeddings, V vocabulary, L layers.
"""

from sslcli.core.settings import TransformerSettings

TRAINING = 3  # one forward pass, and a backward pass of twice the operations
BYTES_PER_TRAINED_PARAMETER = 16  # float32: the weight, its gradient and AdamW's two moments


def parameters(settings: TransformerSettings) -> int:
    """Count the parameters of `Transformer(settings)`; shared layers count once."""
    features, width = settings.features_of_embedding, settings.width
    embeddings = settings.segments * features  # of each stack
    if settings.positions == "learned":
        embeddings += (
            settings.longest_tokens + settings.position_offset + settings.class_token
        ) * features
    embeddings += settings.class_token * features
    if settings.norm_embeddings:
        embeddings += _norm(settings, features)
    if features != width:
        embeddings += _linear(features, width, bias=True)
    stacks = [_block_parameters(settings) * _blocks(settings)]
    if settings.has_memory:
        own = settings.of_decoder()
        reading = _attention_weights(own) + _attention_biases(own) + _norm(own, width)
        stacks.append((_block_parameters(own) + reading) * _blocks(own))
    if settings.norm_place == "pre":
        # the final norm, less the first one
        embeddings += _norm(settings, width) * (1 if settings.norm_first else 0)
    rows = _linear(settings.row_features, features, bias=True) if settings.row_features else 0
    return settings.vocabulary * features + rows + len(stacks) * embeddings + sum(stacks)


def head_parameters(settings: TransformerSettings) -> int:
    """Count the parameters of `LanguageModelHead(settings)`; a tied matrix is the backbone's."""
    features = settings.features_of_embedding
    matrix = 0 if settings.tied else settings.vocabulary * features
    if not settings.transforms_before_head:
        return matrix
    return (
        matrix
        + _linear(settings.width, features, bias=settings.biases == "all")
        + _norm(settings, features)
        + settings.vocabulary
    )


def flops_per_token(
    settings: TransformerSettings, attended_tokens: float, target_share: float = 1.0
) -> float:
    """Floating-point operations of training per input token: 6 for each weight that it meets.

    `attended_tokens` is the sum of squared lengths over the sum of lengths: the keys of a token
    where all of its sequence is visible; causal attention sees half of it. `target_share`: share of
    tokens with a loss, which alone need the head. Norms, activations, softmax and embedding lookups
    are left out, as is usual (Chowdhery et al. 2022, "PaLM", appendix B); they count the full
    square also for causal attention, we do not. Of an encoder-decoder these are its encoder's, the
    rest is in `decoder_flops_per_token`.
    """
    features = settings.features_of_embedding
    weights = settings.depth * _block_weights(settings)
    if features != settings.width:
        weights += settings.width * features
    weights += settings.row_features * features
    attention = _score_products(settings, attended_tokens, causal=settings.causal)
    return TRAINING * 2 * (weights + attention + target_share * _head_weights(settings))


def decoder_flops_per_token(
    settings: TransformerSettings,
    attended_tokens: float,
    memory_tokens: float,
    memory_share: float,
    target_share: float = 1.0,
) -> float:
    """Operations of training per token that the decoder of an encoder-decoder reads.

    As `flops_per_token`, and for the attention to the memory: `memory_tokens` is the mean number of
    encoder rows that a decoder row sees, `memory_share` the number of encoder rows over that of
    decoder rows, since each memory row is a key and a value once.
    """
    own = settings.of_decoder()
    keys = 2 * (own.key_value_heads or own.heads) * own.features_per_head * own.width
    queries = _attention_weights(own) - keys
    reading = queries + memory_share * keys + 2 * memory_tokens * own.heads * own.features_per_head
    weights = own.depth * (_block_weights(own) + reading)
    if own.features_of_embedding != own.width:
        weights += own.width * own.features_of_embedding
    attention = _score_products(own, attended_tokens, causal=True)
    return TRAINING * 2 * (weights + attention + target_share * _head_weights(settings))


def training_bytes(settings: TransformerSettings) -> int:
    """Bytes of weights, gradients and AdamW's moments of backbone and LM head, all in float32."""
    return BYTES_PER_TRAINED_PARAMETER * (parameters(settings) + head_parameters(settings))


def activation_bytes(settings: TransformerSettings, rows: int, bytes_per_feature: int = 4) -> int:
    """Estimate the bytes that all layers keep for the backward pass of `rows` packed rows.

    A block keeps its input, both norms' input and output, query, key, value, the attention output,
    and inside the feed-forward layer each tensor of width F. The head's chunk of logits comes on
    top, at most `losses.CHUNK_BYTES` and its copies.
    Of an encoder-decoder these are its encoder's.
    """
    attention = (
        2
        * (settings.heads + (settings.key_value_heads or settings.heads))
        * settings.features_per_head
    )
    inside = (4 if settings.feedforward == "gated" else 2) * settings.feedforward_width
    rows_kept = 4  # both inputs and both outputs of the norms
    return (
        settings.depth
        * rows
        * bytes_per_feature
        * (rows_kept * settings.width + attention + inside)
    )


def _blocks(settings: TransformerSettings) -> int:
    """Blocks of a stack that have weights of their own."""
    return 1 if settings.shared_layers else settings.depth


def _block_parameters(settings: TransformerSettings) -> int:
    norms = 2 * _norm(settings, settings.width)
    return _block_weights(settings) + _block_biases(settings) + norms


def _head_weights(settings: TransformerSettings) -> int:
    features = settings.features_of_embedding
    transform = settings.width * features if settings.transforms_before_head else 0
    return features * settings.vocabulary + transform


def _score_products(
    settings: TransformerSettings, attended_tokens: float, *, causal: bool
) -> float:
    """Multiplications of a row with its keys, then of probabilities with values, in all layers."""
    scores = sum(
        _visible_tokens(settings, layer, attended_tokens, causal) for layer in range(settings.depth)
    )
    return 2 * scores * settings.heads * settings.features_per_head


def _block_weights(settings: TransformerSettings) -> int:
    """Entries of a block's matrices: D (2 H + 2 G) K + D F times two, or three where gated."""
    matrices = 3 if settings.feedforward == "gated" else 2
    return _attention_weights(settings) + settings.width * matrices * settings.feedforward_width


def _block_biases(settings: TransformerSettings) -> int:
    biases = _attention_biases(settings)
    if settings.biases == "all":
        biases += (
            settings.width
            + (2 if settings.feedforward == "gated" else 1) * settings.feedforward_width
        )
    return biases


def _attention_weights(settings: TransformerSettings) -> int:
    heads = 2 * settings.heads + 2 * (settings.key_value_heads or settings.heads)
    return settings.width * heads * settings.features_per_head


def _attention_biases(settings: TransformerSettings) -> int:
    heads = settings.heads + 2 * (settings.key_value_heads or settings.heads)
    biases = heads * settings.features_per_head if settings.biases != "none" else 0
    return biases + (settings.width if settings.biases == "all" else 0)


def _visible_tokens(
    settings: TransformerSettings, layer: int, attended_tokens: float, causal: bool
) -> float:
    window_tokens = settings.window_of(layer)
    visible = attended_tokens / 2 if causal else attended_tokens
    if window_tokens is None:
        return visible
    return min(visible, window_tokens if causal else 2 * (window_tokens // 2) + 1)


def _linear(inputs: int, outputs: int, *, bias: bool) -> int:
    return inputs * outputs + (outputs if bias else 0)


def _norm(settings: TransformerSettings, width: int) -> int:
    return 2 * width if settings.norm == "layer" and settings.biases == "all" else width
