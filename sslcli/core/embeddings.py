"""Embeddings of tokens, segments and positions.

Letters: T rows, D width, E width of the embeddings, F features of an input row, V vocabulary.
"""

from math import sqrt

from torch import Tensor, nn

from sslcli.core.inputs import Inputs
from sslcli.core.norms import build_norm
from sslcli.core.positions import FixedPositions
from sslcli.core.settings import TransformerSettings
from sslcli.core.token_embedding import Embedding, TokenEmbedding


class Embeddings(nn.Module):
    """The sum of the embeddings, normed, then projected from E to D if embeddings are factorised
    (ALBERT).

    Parts that the settings do not ask for are None. Token embeddings may be multiplied by sqrt(E)
    first (Vaswani et al. 2017, section 3.4); a tied head is not. Input rows replace the token
    embeddings: of E numbers as they are, of F through a linear layer. A second stack has no token
    matrix of its own (`shares_tokens`) and is given the first one's. A class token takes the place
    of the first row of every sequence, which has position -1 (see `Inputs.with_first_rows`).
    """

    def __init__(self, settings: TransformerSettings, *, shares_tokens: bool = False) -> None:
        super().__init__()
        features, rows = (
            settings.features_of_embedding,
            settings.longest_tokens + settings.position_offset + settings.class_token,
        )
        self.position_offset = settings.position_offset + settings.class_token
        self.scale = sqrt(features) if settings.scale_embeddings else None
        self.token = (
            TokenEmbedding(settings.vocabulary, features)
            if settings.vocabulary and not shares_tokens
            else None
        )
        self.row = (
            nn.Linear(settings.row_features, features)
            if settings.row_features and not shares_tokens
            else None
        )
        self.position: Embedding | FixedPositions | None = None
        if settings.positions == "learned":
            self.position = Embedding(rows, features)
        elif settings.positions == "sincos":
            assert settings.grid is not None, "sincos positions are of a grid"
            self.position = FixedPositions(settings.grid, self.position_offset, features)
        self.class_token = Embedding(1, features) if settings.class_token else None
        self.segment = Embedding(settings.segments, features) if settings.segments else None
        self.norm = build_norm(settings, features) if settings.norm_embeddings else None
        self.project = nn.Linear(features, settings.width) if features != settings.width else None

    def forward(self, inputs: Inputs, token: TokenEmbedding | None = None) -> Tensor:
        """Return [T, D].

        All rows are in segment 0 if the inputs name none, or if the model, like RoBERTa, has only
        one. `token` replaces a matrix of its own.
        """
        if inputs.rows_TD is not None:
            x_TE = (
                inputs.rows_TD
                if self.row is None
                else self.row(inputs.rows_TD.to(self.row.weight.dtype))
            )
        else:
            token = self.token if token is None else token
            assert token is not None, "this backbone has no vocabulary: it reads ready rows"
            x_TE = token(inputs.tokens_T)
            if self.scale is not None:
                x_TE = x_TE * self.scale
        if self.class_token is not None:
            first_B = inputs.packing.starts_B1[:-1].long()
            first_BE = self.class_token.weight.to(x_TE.dtype).expand(len(first_B), -1)
            x_TE = x_TE.index_copy(0, first_B, first_BE)
        if self.segment is not None:
            told_apart = inputs.segments_T is not None and self.segment.num_embeddings > 1
            x_TE = x_TE + (
                self.segment(inputs.segments_T) if told_apart else self.segment.weight[0]
            )
        if self.position is not None:
            x_TE = x_TE + self.position(inputs.positions_T + self.position_offset)
        if self.norm is not None:
            x_TE = self.norm(x_TE)
        return x_TE if self.project is None else self.project(x_TE)
