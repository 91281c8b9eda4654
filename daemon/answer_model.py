"""The weights of a band that answers, loaded once."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ripieno.daemon.errors import UserError

if TYPE_CHECKING:
    from ripieno.native.transformer import Sampling, Transformer

# Events that a model looks back on where its card does not say how many it has learnt with.
_WINDOW, _WINDOW_LEAST, _WINDOW_MOST = 512, 128, 8192
_USUAL_TAIL = 0.05  # what top_p leaves out as presets begin; then each field has just its own


@dataclass(frozen=True)
class AnswerModel:
    """A network ready to play. own: how each field is best drawn from it. window: events that it looks back on."""

    transformer: "Transformer"
    own: "tuple[Sampling, ...]"
    window: int

    def sampling(self, temperature: float, top_p: float) -> "tuple[Sampling, ...]":
        """How each field is drawn by the two knobs of a preset, each of which turns all fields at once."""
        from ripieno.native.transformer import Sampling

        tail = (1 - top_p) / _USUAL_TAIL
        return tuple(
            Sampling(one.temperature * temperature, max(0.01, 1 - (1 - one.top_p) * tail), one.top_k)
            for one in self.own
        )


@cache
def answer_model(name: str) -> AnswerModel:
    """The model of a preset's `weights`: a name or a path. UserError, naming the file, where it cannot be used."""
    from ripieno.models.continuation import stored
    from ripieno.models.continuation.stored import WeightsError

    try:
        read = stored.read(name)
        transformer, own = stored.network(read), stored.sampling(read)
    except WeightsError as error:
        raise UserError(str(error)) from None
    rows = int(read.card.get("training", {}).get("rows", _WINDOW))
    return AnswerModel(transformer, own, max(_WINDOW_LEAST, min(_WINDOW_MOST, rows)))
