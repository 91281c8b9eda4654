"""The networks of Dong et al. 2021 ("Towards Automatic Instrumentation by Learning to Separate Parts", ISMIR).

In torch, for training only: ``paper_infer`` runs their weights without torch.
"""

import numpy as np
import torch
from torch import Tensor, nn

from ripieno.models.collection import TICKS_PER_QUARTER
from ripieno.models.instrumentation import mlp
from ripieno.models.instrumentation import paper_inputs as inputs

HIDDEN, LAYERS, DROPOUT = 128, 3, 0.2
NORM_EPSILON = 1e-3  # of the LSTM's layer normalisation
HEADS, FEED_FORWARD, BLOCK_EPSILON, MAX_NOTES = 8, 256, 1e-6, 2000
HINTS = ("", "entry", "pitch")


class Embedding(nn.Module):
    """A note's input vector: pitch 16, beat 16 (fixed), position 16, frequency 1, then the hints' columns.

    entry hints: one column a part. pitch hints: the part's mean pitch through the notes' own embedding, 16 a part.
    """

    def __init__(self, parts: int, hints: str) -> None:
        super().__init__()
        self.hints = hints
        self.pitch = nn.Embedding(inputs.PITCHES, inputs.WIDTH)
        self.position = nn.Embedding(TICKS_PER_QUARTER, inputs.WIDTH)
        self.beat: Tensor
        self.register_buffer(
            "beat", torch.from_numpy(inputs.sinusoid(inputs.BEATS + 1, inputs.WIDTH)), persistent=False
        )
        self.width = 3 * inputs.WIDTH + 1 + {"": 0, "entry": parts, "pitch": parts * inputs.WIDTH}[hints]

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """[batch, notes, width] from pitch, beat, position [batch, notes], entry [.., K] and centre [batch, K]."""
        pitch = batch["pitch"]
        frequency = 440.0 * torch.exp2((pitch - 69) / 12.0) / inputs.HIGHEST_HZ
        columns = [self.pitch(pitch + 1), self.beat[batch["beat"]], self.position(batch["position"])]
        columns.append(frequency.unsqueeze(-1).float())
        if self.hints == "entry":
            columns.append(batch["entry"].float())
        elif self.hints == "pitch":
            centre = self.pitch(batch["centre"]).flatten(1)
            columns.append(centre.unsqueeze(1).expand(-1, pitch.shape[1], -1))
        return torch.cat(columns, dim=-1)


class PaperLstm(nn.Module):
    """The online LSTM: 3 x [LSTM 128, layer normalisation, dropout 0.2], then one score a part."""

    def __init__(self, parts: int, hints: str = "") -> None:
        super().__init__()
        self.embedding = Embedding(parts, hints)
        widths = [self.embedding.width] + [HIDDEN] * (LAYERS - 1)
        self.layers = nn.ModuleList(nn.LSTM(width, HIDDEN, batch_first=True) for width in widths)
        self.norms = nn.ModuleList(nn.LayerNorm(HIDDEN, eps=NORM_EPSILON) for _ in widths)
        self.dropout = nn.Dropout(DROPOUT)
        self.output = nn.Linear(HIDDEN, parts)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Scores [batch, notes, K]."""
        x = self.embedding(batch)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = self.dropout(norm(layer(x)[0]))
        return self.output(x)


class Block(nn.Module):
    """A causal transformer block, normalised after each of its halves."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_in = nn.Linear(HIDDEN, 3 * HIDDEN)
        self.attention_out = nn.Linear(HIDDEN, HIDDEN)
        self.norm1 = nn.LayerNorm(HIDDEN, eps=BLOCK_EPSILON)
        self.wide = nn.Linear(HIDDEN, FEED_FORWARD)
        self.narrow = nn.Linear(FEED_FORWARD, HIDDEN)
        self.norm2 = nn.LayerNorm(HIDDEN, eps=BLOCK_EPSILON)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        batch, notes, _ = x.shape
        query, key, value = (
            part.view(batch, notes, HEADS, HIDDEN // HEADS).transpose(1, 2)
            for part in self.attention_in(x).chunk(3, dim=-1)
        )
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        mixed = self.attention_out(mixed.transpose(1, 2).reshape(batch, notes, HIDDEN))
        x = self.norm1(x + self.dropout(mixed))
        return self.norm2(x + self.dropout(self.narrow(torch.relu(self.wide(x)))))


class PaperTransformer(nn.Module):
    """The transformer decoder: 3 causal blocks of width 128, 8 heads, 256 in between."""

    def __init__(self, parts: int, hints: str = "") -> None:
        super().__init__()
        self.embedding = Embedding(parts, hints)
        self.input = nn.Linear(self.embedding.width, HIDDEN)
        self.index: Tensor
        self.register_buffer("index", torch.from_numpy(inputs.sinusoid(MAX_NOTES, HIDDEN)), persistent=False)
        self.dropout = nn.Dropout(DROPOUT)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.output = nn.Linear(HIDDEN, parts)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Scores [batch, notes, K]; at most 2000 notes."""
        x = self.input(self.embedding(batch))
        x = self.dropout(x + self.index[: x.shape[1]])
        for block in self.blocks:
            x = block(x)
        return self.output(x)


class PaperMlp(nn.Module):
    """The perceptron of ``mlp``, with an activation and dropout between its layers."""

    def __init__(self, parts: int) -> None:
        super().__init__()
        widths = [mlp.width(parts)] + [mlp.HIDDEN] * (mlp.LAYERS - 1)
        self.layers = nn.ModuleList(nn.Linear(width, mlp.HIDDEN) for width in widths)
        self.dropout = nn.Dropout(DROPOUT)
        self.output = nn.Linear(mlp.HIDDEN, parts)

    def forward(self, x: Tensor) -> Tensor:
        """Scores [notes, K] of features [notes, 9 + 4 K]."""
        for layer in self.layers:
            x = self.dropout(torch.relu(layer(x)))
        return self.output(x)


NETWORKS: dict[str, type[PaperLstm] | type[PaperTransformer]] = {"lstm": PaperLstm, "transformer": PaperTransformer}
MODELS = (*NETWORKS, "mlp")


def collate(pieces: list[inputs.Notes]) -> dict[str, Tensor]:
    """Notes of several pieces as one padded batch; the label of padding is -1."""
    longest = max(map(len, pieces))
    parts = len(pieces[0].centre)
    arrays = {name: np.zeros((len(pieces), longest), dtype=np.int64) for name in ("pitch", "beat", "position")}
    arrays["label"] = np.full((len(pieces), longest), -1, dtype=np.int64)
    arrays["entry"] = np.zeros((len(pieces), longest, parts), dtype=np.int8)
    arrays["centre"] = np.stack([piece.centre for piece in pieces])
    for row, piece in enumerate(pieces):
        for name in ("pitch", "beat", "position", "label", "entry"):
            arrays[name][row, : len(piece)] = getattr(piece, name)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
