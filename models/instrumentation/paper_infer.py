"""The trained models of the paper, run without torch: the LSTM by the C kernels, the others by numpy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ripieno.models.instrumentation import mlp, paper_weights
from ripieno.models.instrumentation import paper_inputs as inputs
from ripieno.models.instrumentation.baselines import Heard
from ripieno.models.instrumentation.corpus import Ints
from ripieno.models.instrumentation.paper_inputs import Notes
from ripieno.native.lstm import Lstm, LstmConfig

Singles = NDArray[np.float32]
Weights = dict[str, Singles]

_NORM_EPSILON, _BLOCK_EPSILON, _HEADS = 1e-3, 1e-6, 8
# The transformer learnt crops of 500 notes: it decides the last 250 of each 500, and the first 500 at once.
_WINDOW, _HOP = 500, 250


class PaperModel:
    """One trained model of the paper. predict(notes) gives the parts [n] of one piece's notes."""

    def __init__(self, stem: str, folder: Path = paper_weights.FOLDER) -> None:
        """Raises CorpusError when the weights are missing or damaged."""
        self.weights, self.card = paper_weights.read(folder, stem)
        self.parts = len(self.card["labels"])
        self.hints = next((hints for hints in ("entry", "pitch") if f"-{hints}-" in stem), "")
        kind = stem.split("-")[1]
        self.scores: Callable[[Singles], Singles] = _lstm(self.weights) if kind == "lstm" else self._transformer

    def predict(self, notes: Notes) -> Ints:
        return np.asarray(self.scores(self.embed(notes)).argmax(axis=1), dtype=np.int64)

    def embed(self, notes: Notes) -> Singles:
        """The input vectors [n, width]."""
        pitches, positions = self.weights["embedding.pitch.weight"], self.weights["embedding.position.weight"]
        columns = [pitches[notes.pitch + 1], _BEATS[notes.beat], positions[notes.position]]
        columns.append(inputs.frequency(notes.pitch)[:, None])
        if self.hints == "entry":
            columns.append(notes.entry.astype(np.float32))
        elif self.hints == "pitch":
            columns.append(
                np.broadcast_to(pitches[notes.centre].ravel(), (len(notes), len(notes.centre) * inputs.WIDTH))
            )
        return np.ascontiguousarray(np.concatenate(columns, axis=1), dtype=np.float32)

    def _transformer(self, x: Singles) -> Singles:
        """Scores [n, K], window by window."""
        scores = [_window(self.weights, x[:_WINDOW])]
        for end in range(_WINDOW + _HOP, len(x) + _HOP, _HOP):
            begin = end - _WINDOW
            scores.append(_window(self.weights, x[begin:end])[_WINDOW - _HOP :])
        return np.concatenate(scores)


class PaperMlp:
    """The trained perceptron. predict(heard) gives the parts [n] of one piece's notes, from its own earlier choices."""

    def __init__(self, stem: str, folder: Path = paper_weights.FOLDER) -> None:
        self.weights, self.card = paper_weights.read(folder, stem)

    def predict(self, heard: Heard) -> Ints:
        return mlp.predict(self.weights, heard, len(self.card["labels"]))


_BEATS = inputs.sinusoid(inputs.BEATS + 1, inputs.WIDTH)


def _lstm(weights: Weights) -> Callable[[Singles], Singles]:
    """The LSTM on the C kernels, from a state of zeros for each piece."""
    layers = sum(name.startswith("norms.") and name.endswith(".weight") for name in weights)
    arrays: Weights = {name: weights[name] for name in ("output.weight", "output.bias")}
    for layer in range(layers):
        for ours, theirs in (
            ("w_ih", "weight_ih_l0"),
            ("w_hh", "weight_hh_l0"),
            ("b_ih", "bias_ih_l0"),
            ("b_hh", "bias_hh_l0"),
        ):
            arrays[f"lstm.{layer}.{ours}"] = weights[f"layers.{layer}.{theirs}"]
        for kind in ("weight", "bias"):
            arrays[f"lstm.{layer}.norm_{kind}"] = weights[f"norms.{layer}.{kind}"]
    width, hidden = arrays["lstm.0.w_ih"].shape[1], arrays["lstm.0.w_hh"].shape[1]
    config = LstmConfig(width, hidden, layers, len(arrays["output.bias"]), norm_epsilon=_NORM_EPSILON)
    network = Lstm(arrays, config)

    def scores(x: Singles) -> Singles:
        network.reset()
        return network.run(x)

    return scores


def _window(weights: Weights, x: Singles) -> Singles:
    """The transformer's scores [n, K] for up to 500 notes."""
    x = _linear(weights, "input", x)
    x = x + inputs.sinusoid(len(x), x.shape[1])
    block = 0
    while f"blocks.{block}.norm1.weight" in weights:
        x = _block(weights, f"blocks.{block}.", x)
        block += 1
    return _linear(weights, "output", x)


def _block(weights: Weights, at: str, x: Singles) -> Singles:
    notes, width = x.shape
    split = _linear(weights, at + "attention_in", x).reshape(notes, 3, _HEADS, width // _HEADS).transpose(1, 2, 0, 3)
    query, key, value = split
    mixed = _causal(query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(width // _HEADS))) @ value
    mixed = mixed.transpose(1, 0, 2).reshape(notes, width)
    x = _norm(weights, at + "norm1", x + _linear(weights, at + "attention_out", mixed))
    wide = np.maximum(0.0, _linear(weights, at + "wide", x))
    return _norm(weights, at + "norm2", x + _linear(weights, at + "narrow", wide))


def _causal(score: Singles) -> Singles:
    """Attention [heads, n, n]: each note looks at itself and those before."""
    score = np.where(np.tri(score.shape[1], dtype=bool), score, -np.inf)
    share = np.exp(score - score.max(axis=-1, keepdims=True))
    return np.asarray(share / share.sum(axis=-1, keepdims=True))


def _linear(weights: Weights, name: str, x: Singles) -> Singles:
    return np.asarray(x @ weights[name + ".weight"].T + weights[name + ".bias"])


def _norm(weights: Weights, name: str, x: Singles) -> Singles:
    x = x - x.mean(axis=-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + np.float32(_BLOCK_EPSILON))
    return np.asarray(x * weights[name + ".weight"] + weights[name + ".bias"])
