"""How each field of an event is drawn: chosen on the valid split, by how near continuations come to the true pieces
(``ripieno eval continuation --tune``) and by ear."""

from ripieno.native.transformer import Sampling

DEFAULT = {
    "type": Sampling(1.0, 1.0),
    "beat": Sampling(1.0, 0.98),
    "position": Sampling(1.0, 0.98),
    "instrument": Sampling(1.0, 0.98),
    "pitch": Sampling(1.0, 0.98),
    "duration": Sampling(1.0, 0.98),
    "velocity": Sampling(1.0, 0.98),
}
