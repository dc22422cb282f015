"""Heads on hidden states: a language model, and classifiers of sequences and of rows.

Letters: N rows with a target, B sequences, D width, E width of the embeddings, V vocabulary, C
classes.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from sslcli.core.feedforward import ACTIVATIONS
from sslcli.core.inputs import Hidden
from sslcli.core.losses import TokenLoss, linear_cross_entropy
from sslcli.core.norms import build_norm
from sslcli.core.packing import Packing
from sslcli.core.settings import TransformerSettings
from sslcli.core.shape_buckets import pays, with_spare_rows
from sslcli.core.transformer import Transformer


class LanguageModelHead(nn.Module):
    """Logits over the vocabulary, only for the rows that carry a target.

    An encoder's head transforms the row first (BERT: dense, activation, norm) and has a trained
    bias per token; a decoder's is the matrix alone; an encoder-decoder's adds a vector that is not
    trained, zero in a new model (BART's final_logits_bias). A tied matrix is read from the backbone
    at every call, and is no parameter here.
    """

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        self.settings, self.multiply = settings, linear
        features, transforms = settings.features_of_embedding, settings.transforms_before_head
        self.activation = ACTIVATIONS[settings.activation]
        self.dense = (
            nn.Linear(settings.width, features, bias=settings.biases == "all")
            if transforms
            else None
        )
        self.norm = build_norm(settings, features) if transforms else None
        bias = torch.zeros(settings.vocabulary) if transforms or settings.shifts_logits else None
        if bias is not None and not transforms:
            self.register_buffer("bias", bias)
        else:
            self.bias = None if bias is None else nn.Parameter(bias)
        self.weight = (
            None if settings.tied else nn.Parameter(torch.zeros(settings.vocabulary, features))
        )

    def transform(self, hidden_ND: Tensor) -> Tensor:
        """[N, D] -> [N, E], the rows before the matrix."""
        if self.dense is None or self.norm is None:
            return hidden_ND
        return self.norm(self.activation(self.dense(hidden_ND)))

    def forward(self, hidden_ND: Tensor, backbone: Transformer) -> Tensor:
        """Return all logits [N, V]; meant for few rows."""
        return self.multiply(self.transform(hidden_ND), self._matrix(backbone), self.bias)

    def loss(
        self,
        hidden_ND: Tensor,
        targets_N: Tensor,
        backbone: Transformer,
        smoothing: float = 0.0,
    ) -> TokenLoss:
        """Return the summed loss of the targets (int64) in nats, with gradients, and the correct
        ones. `smoothing`: see `linear_cross_entropy`.
        """
        if pays(hidden_ND.device):
            hidden_ND = with_spare_rows(hidden_ND)
        matrix_VE, later = self._matrix(backbone), backbone.later if self.weight is None else None
        rows_NE = self.transform(hidden_ND)
        return linear_cross_entropy(rows_NE, matrix_VE, self.bias, targets_N, later, smoothing)

    def _matrix(self, backbone: Transformer) -> Tensor:
        return backbone.token_matrix if self.weight is None else self.weight


class PooledClassifier(nn.Module):
    """Classes of whole sequences, from one row and BERT's pooler: classifier(tanh(pooler(x))).

    The row is the first; where rows see only earlier ones, as of a decoder (Radford et al. 2018,
    "GPT", section 3.2) and of the second half of an encoder-decoder, the last, which has read all.
    """

    def __init__(self, settings: TransformerSettings, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.settings, self.dropout = settings, dropout
        self.pooler = nn.Linear(settings.width, settings.width)
        self.classifier = nn.Linear(settings.width, classes)

    def rows_of(self, packing: Packing) -> Tensor:
        """The row that is read of each sequence [B]."""
        starts_B1 = packing.starts_B1
        return starts_B1[1:] - 1 if self.settings.answers_causally else starts_B1[:-1]

    def forward(self, hidden: Hidden) -> Tensor:
        """Logits [B, C]"""
        read_BD = hidden.last_TD.index_select(0, self.rows_of(hidden.packing))
        pooled_BD = dropout(self.pooler(read_BD).tanh(), self.dropout, self.training)
        return self.classifier(pooled_BD)


class ItemClassifier(nn.Module):
    """Classes of whole items, such as images, through one linear layer from the class token or, of
    a model without one, from the mean of the rows (Dosovitskiy et al. 2021, "ViT", appendix D.3).
    """

    def __init__(self, settings: TransformerSettings, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.settings, self.dropout = settings, dropout
        self.classifier = nn.Linear(settings.width, classes)

    def forward(self, hidden: Hidden) -> Tensor:
        """Logits [B, C]"""
        return self.classifier(dropout(hidden.pooled_BD, self.dropout, self.training))


class RowClassifier(nn.Module):
    """Classes of single rows through one linear layer, as for part-of-speech tags.

    With two classes it scores the start and the end of a span.
    """

    def __init__(self, settings: TransformerSettings, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.settings, self.dropout = settings, dropout
        self.classifier = nn.Linear(settings.width, classes)

    def forward(self, rows_ND: Tensor) -> Tensor:
        """Logits [N, C]"""
        return self.classifier(dropout(rows_ND, self.dropout, self.training))
