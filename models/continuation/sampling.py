"""How each field of an event is drawn from our network, and how strongly the key that was heard draws a pitch.

Chosen on the valid split, by how near continuations come to the true pieces: ``ripieno eval continuation --split valid
--temperature T --top-p P --key-pull K``. A network's card has its own table; the pull is a preset's ``key_pull``.
"""

from ripieno.native.transformer import Sampling

KEY_PULL = 0.6
DEFAULT = {
    "type": Sampling(1.0, 1.0),
    "beat": Sampling(1.0, 0.99),
    "position": Sampling(1.0, 0.99),
    "instrument": Sampling(1.0, 0.99),
    "pitch": Sampling(0.9, 0.95),
    "duration": Sampling(1.0, 0.99),
    "velocity": Sampling(1.0, 0.99),
}
