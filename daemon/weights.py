"""The models that a preset names: by the name of one that comes with Ripieno, or by a file."""

import json
from importlib.resources import files
from pathlib import Path

from ripieno.daemon.errors import UserError, did_you_mean

UNTRAINED = ("zone", "closest")
SHIPPED = ("small",)  # weights of a continuation that come with Ripieno
WEIGHTS = ".safetensors"


def shipped_weights() -> Path:
    """Where the instrumentation models that come with Ripieno are."""
    return Path(str(files("ripieno.models"))) / "instrumentation" / "weights"


def weights_file(model: str, beside: Path) -> Path:
    """The weights that a preset's `model` names: shipped ones by name, others by a path, from the folder `beside`."""
    shipped = {path.stem: path for path in sorted(shipped_weights().glob(f"*{WEIGHTS}"))}
    if model in shipped:
        return shipped[model]
    if not model.endswith(WEIGHTS):
        raise UserError(f"no model is called {model!r}; {did_you_mean(model, [*shipped, *UNTRAINED])}")
    path = (beside / Path(model).expanduser()).absolute()
    if not path.is_file():
        raise UserError(f"{path}: no such file of weights")
    return path


def answer_weights(weights: str, beside: Path) -> str:
    """The weights that a continuation names: shipped ones by their name, others by an absolute path, looked for from
    the folder `beside`. UserError where there are none."""
    if weights in SHIPPED:
        return weights
    if not weights.endswith(WEIGHTS):
        told = f"{did_you_mean(weights, list(SHIPPED))}; a file of your own ends in {WEIGHTS}"
        raise UserError(f"no model is called {weights!r}; {told}")
    path = (beside / Path(weights).expanduser()).absolute()
    if not path.is_file():
        raise UserError(f"{path}: no such file of weights")
    return str(path)


def model_labels(path: Path) -> tuple[str, ...]:
    """The parts that a model tells apart, from the card beside its weights."""
    return _of_card(path.with_suffix(".json"), "labels")


def shipped_singer() -> Path:
    """Where the singer that comes with Ripieno is."""
    return Path(str(files("ripieno.models"))) / "singing" / "weights"


def singer_voices(folder: Path) -> tuple[str, ...]:
    """The names of the voices that a folder of a singer's weights has. UserError where there is none."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of weights")
    return _of_card(folder / "codec.json", "voices")


def _of_card(card: Path, names: str) -> tuple[str, ...]:
    """Names that a model's card tells. UserError where it cannot be read."""
    try:
        return tuple(map(str, json.loads(card.read_text(encoding="utf-8"))[names]))
    except OSError:
        raise UserError(f"{card}: a model's weights need their card beside them, and it cannot be read") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{card}: this is no model's card (JSON with its {names})") from None
