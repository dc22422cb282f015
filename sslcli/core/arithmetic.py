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
        embeddings += (settings.longest_tokens + settings.position_offset) * features
    if settings.norm_embeddings:
        embeddings += _norm(settings, features)
    if features != width:
        embeddings += _linear(features, width, bias=True)
    block = _block_weights(settings) + _block_biases(settings) + 2 * _norm(settings, width)
    reading = _attention_weights(settings) + _attention_biases(settings) + _norm(settings, width)
    stacks = [settings.depth * block]
    if settings.has_memory:
        stacks.append(settings.layers_of_decoder * (block + reading))
    if settings.shared_layers:
        stacks = [block, block + reading][: len(stacks)]
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
    square also for causal attention, we do not. For an encoder-decoder it is the encoder alone: its
    decoder reads another stream, of other lengths.
    """
    features = settings.features_of_embedding
    weights = settings.depth * _block_weights(settings)
    if features != settings.width:
        weights += settings.width * features
    weights += settings.row_features * features
    scores = sum(
        _visible_tokens(settings, layer, attended_tokens) for layer in range(settings.depth)
    )
    # query by key, then probability by value
    attention = 2 * scores * settings.heads * settings.features_per_head
    head = features * settings.vocabulary
    if settings.transforms_before_head:
        head += settings.width * features
    return TRAINING * 2 * (weights + attention + target_share * head)


def training_bytes(settings: TransformerSettings) -> int:
    """Bytes of weights, gradients and AdamW's moments of backbone and LM head, all in float32."""
    return BYTES_PER_TRAINED_PARAMETER * (parameters(settings) + head_parameters(settings))


def activation_bytes(settings: TransformerSettings, rows: int, bytes_per_feature: int = 4) -> int:
    """Estimate the bytes that all layers keep for the backward pass of `rows` packed rows.

    A block keeps its input, both norms' input and output, query, key, value, the attention output,
    and inside the feed-forward layer each tensor of width F. The head's chunk of logits comes on
    top, at most `losses.CHUNK_BYTES` and its copies.
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


def _visible_tokens(settings: TransformerSettings, layer: int, attended_tokens: float) -> float:
    window_tokens, causal = settings.window_of(layer), settings.causal
    visible = attended_tokens / 2 if causal else attended_tokens
    if window_tokens is None:
        return visible
    return min(visible, window_tokens if causal else 2 * (window_tokens // 2) + 1)


def _linear(inputs: int, outputs: int, *, bias: bool) -> int:
    return inputs * outputs + (outputs if bias else 0)


def _norm(settings: TransformerSettings, width: int) -> int:
    return 2 * width if settings.norm == "layer" and settings.biases == "all" else width
