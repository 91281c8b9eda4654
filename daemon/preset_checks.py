"""Checks of a preset's keys against each other, and against what is there."""

from collections.abc import Callable
from pathlib import Path

from ripieno.daemon import schema
from ripieno.daemon.cast import likely_programs, model_code
from ripieno.daemon.chain_checks import CHAIN_CHECKS
from ripieno.daemon.clock_keys import CLOCK_PORT
from ripieno.daemon.errors import UserError, did_you_mean
from ripieno.daemon.gm import program_name
from ripieno.daemon.input_checks import INPUT_CHECKS
from ripieno.daemon.latencies import named
from ripieno.daemon.learn_checks import LEARN_CHECKS
from ripieno.daemon.preset_document import CLOCK, CONTINUATION, SINGING, Checked
from ripieno.daemon.schema import slug
from ripieno.daemon.weights import (
    UNTRAINED,
    answer_weights,
    model_labels,
    shipped_singer,
    shipped_weights,
    singer_voices,
    weights_file,
)

# What a voice leaves on: its sound, and its line as notes. On JACK no two ports have one name, of whatever kind.
VOICE_PORTS = VOICE, MELODY = ("voice", "melody")
OUTPUT = "out"  # the only MIDI output of an ensemble on channels
EVERYONE = "all"  # whose notes the player's are, where the instrumentation model gives them out


def _check_size(c: Checked) -> None:
    rows = len(c.ensemble)
    if c.values.get("route") == "ensemble" and rows == 0:
        c.wrong(("ensemble",), 'nobody plays: add [[ensemble]] tables, or write route = "thru"')
    if c.values.get("route") == "thru" and rows:
        c.wrong(("route",), "passes everything on untouched, so it can have no ensemble")
    if rows > schema.MAX_INSTRUMENTS:
        c.wrong(("ensemble", schema.MAX_INSTRUMENTS), f"an ensemble has at most {schema.MAX_INSTRUMENTS} instruments")


def _check_names(c: Checked) -> None:
    seen: dict[str, str] = {}
    for i, row in enumerate(c.ensemble):
        name = row.get("name", "")
        if name and not slug(name):
            c.wrong(("ensemble", i, "name"), f"{name!r} needs a letter or a digit")
        elif name and slug(name) in seen:
            c.wrong(("ensemble", i, "name"), f"{name!r} and {seen[slug(name)]!r} would be called the same")
        seen[slug(name)] = name


def _check_when(c: Checked) -> None:
    if c.have("when", "chord_window_ms") and c.values["when"] == "window" and not c.values["chord_window_ms"]:
        c.wrong(("when",), "needs chord_window_ms, the milliseconds to wait for the rest of a chord (25 is good)")


def _check_centres(c: Checked) -> None:
    for i, row in enumerate(c.ensemble):
        if "range" in row and row.get("centre") is not None and not row["range"][0] <= row["centre"] <= row["range"][1]:
            c.wrong(("ensemble", i, "centre"), "its hand would lie outside of its own range")


def _check_channels(c: Checked) -> None:
    """Give every instrument without a channel the next free one; then no two may share one on the same port."""
    shared = [(i, row) for i, row in enumerate(c.ensemble) if not row.get("mpe")]
    taken = {row["channel"] for _, row in shared if row.get("channel")}
    free = [n for n in range(1, 17) if n not in taken and n != schema.DRUM_CHANNEL] + [schema.DRUM_CHANNEL]
    owner: dict[int, str] = {}
    for i, row in shared:
        if row.get("channel") == 0:
            row["channel"] = free.pop(0) if free else schema.DRUM_CHANNEL
        channel = row.get("channel")
        if channel in owner and c.values.get("outputs") == "channels":
            c.wrong(
                ("ensemble", i, "channel"),
                f'{owner[channel]} leaves on channel {channel}, too: choose another, or write outputs = "ports"',
            )
        if channel:
            owner.setdefault(channel, row.get("name", f"instrument {i + 1}"))


def _check_mpe(c: Checked) -> None:
    """An instrument with MPE manages its zone from the first channel or the last, on a port of its own."""
    shares = c.values.get("outputs") == "channels" and not all(row.get("mpe") for row in c.ensemble)
    for i, row in enumerate(c.ensemble):
        if not row.get("mpe"):
            continue
        row["channel"] = row.get("channel") or 1
        if row["channel"] not in (1, 16):
            c.wrong(("ensemble", i, "channel"), "with mpe = true it is 1 or 16, and its notes have all the others")
        if shares and slug(row.get("name", "")) == OUTPUT:
            c.wrong(("ensemble", i, "name"), f"{row['name']!r} is the port of the others: choose another name")


def _check_model(c: Checked) -> None:
    if not c.have("model"):
        return
    model = c.values["model"]
    beside = Path() if ("model",) in c.source.options else Path(c.source.file).parent
    try:
        path = None if model in UNTRAINED else weights_file(model, beside)
        labels = model_labels(path) if path else ()
    except UserError as error:
        c.wrong(("model",), str(error))
        return
    if path and path.parent != shipped_weights():
        c.values["model"] = str(path)
    _check_parts(c, labels)


def _check_parts(c: Checked, labels: tuple[str, ...]) -> None:
    """Every instrument plays a part of the model, and no two the same. Without a model, each plays its own place."""
    player: dict[str, str] = {}
    for i, row in enumerate(c.ensemble):
        name = row.get("name", f"instrument {i + 1}")
        part = row.get("part") or (slug(name) if slug(name) in labels or not labels else "")
        part = part or (labels[i] if i < len(labels) else "")
        if labels and part not in labels:
            wrong = f"the model has no part {part!r}" if part else f"the model has only {len(labels)} parts"
            c.wrong(("ensemble", i, "part"), f"{wrong}; {did_you_mean(part, list(labels))}")
        elif part in player and labels:
            c.wrong(("ensemble", i, "part"), f"{player[part]} plays the model's part {part!r} already")
        player[part] = name
        row["part"] = part


def _check_player(c: Checked) -> None:
    """The player has an instrument of the ensemble, and in a band somebody else is left to play."""
    if c.continuation is None or not c.ensemble:
        if c.continuation is not None and c.values.get("route") == "thru":
            c.wrong((CONTINUATION,), "needs an ensemble to play, and this preset passes everything on")
        return
    names = [row["name"] for row in c.ensemble if "name" in row]
    wanted = c.continuation.get("player") or (names[0] if names else "")
    found = [name for name in (*names, EVERYONE) if slug(name) == slug(wanted)]
    if names and not found:
        told = did_you_mean(wanted, [*names, EVERYONE])
        c.wrong((CONTINUATION, "player"), f"nobody in the ensemble is called {wanted!r}; {told}")
    c.continuation["player"] = found[0] if found else ""
    if found == [EVERYONE] and c.continuation.get("mode") == "band":
        c.wrong((CONTINUATION, "player"), 'with mode = "band" one instrument is the player\'s: name it')
    if c.continuation.get("mode") == "band" and len(c.ensemble) == 1:
        c.wrong((CONTINUATION, "mode"), "a band needs an instrument beside the player's: add [[ensemble]] tables")


def _check_singing(c: Checked) -> None:
    """The weights are there, and the voice is one of theirs."""
    if c.singing is None or not {"weights", "voice"} <= c.singing.keys():
        return
    weights, voice = c.singing["weights"], c.singing["voice"]
    beside = Path() if (SINGING, "weights") in c.source.options else Path(c.source.file).parent
    folder = (beside / Path(weights).expanduser()).absolute() if weights else shipped_singer()
    try:
        names = singer_voices(folder)
    except UserError as error:
        c.wrong((SINGING, "weights"), str(error))
        return
    c.singing["weights"] = str(folder) if weights else ""
    if voice and voice not in names:
        c.wrong((SINGING, "voice"), f"nobody is called {voice!r}; {did_you_mean(voice, list(names))}")


def _check_voice_port(c: Checked) -> None:
    """With a port an instrument, none of them is called as the voice's own ports are."""
    for i, name in c.own_ports() if c.singing is not None else []:
        if slug(name) in VOICE_PORTS:
            c.wrong(("ensemble", i, "name"), f"{name!r} is a port of the voice that sings: choose another name")


def _check_instruments(c: Checked) -> None:
    """Every instrument is one that the continuation knows."""
    for i, row in enumerate(c.ensemble if c.continuation is not None else []):
        if "program" in row and model_code(row["program"], row.get("channel", 0)) is None:
            lacks = f"the model has no {program_name(row['program'])}; it has {likely_programs(row['program'])}"
            c.wrong(("ensemble", i, "program"), f"{lacks}: choose another sound, or leave this instrument out")


def _check_answer_weights(c: Checked) -> None:
    if c.continuation is None or "weights" not in c.continuation:
        return
    beside = Path() if (CONTINUATION, "weights") in c.source.options else Path(c.source.file).parent
    try:
        c.continuation["weights"] = answer_weights(c.continuation["weights"], beside)
    except UserError as error:
        c.wrong((CONTINUATION, "weights"), str(error))


def _check_latencies(c: Checked) -> None:
    """They are of outputs that this preset has; each is written as that is called."""
    own = [name for _, name in c.own_ports()]
    shared = [OUTPUT] if not own or len(own) < len(c.ensemble) else []
    names = [*shared, *own, *([MELODY] if c.singing is not None else [])]
    sounds = bool(c.chain) or c.singing is not None
    for port in c.values.get("latency_ms", {}):
        try:
            named({port: 0.0}, names, sounds)
        except UserError as error:
            c.wrong(("latency_ms", port), str(error))
    if not c.problems and "latency_ms" in c.values:
        c.values["latency_ms"] = named(c.values["latency_ms"], names, sounds)


def _check_clock(c: Checked) -> None:
    """Where MIDI clock is heard is an input, written as that is called; no input is called as the clock's own output.

    Where it leaves may be another preset's output: whoever has them all checks that (clock.py).
    """
    if c.clock is None or "inputs" not in c.values or not {"in", "out"} <= c.clock.keys():
        return
    there = {slug(name): name for name in c.values["inputs"]}
    for name in c.clock["in"]:
        if slug(name) not in there:
            c.wrong((CLOCK, "in"), f"no input is called {name!r}; {did_you_mean(name, list(there.values()))}")
    c.clock["in"] = tuple(there.get(slug(name), name) for name in c.clock["in"])
    if CLOCK_PORT in map(slug, c.clock["out"]) and CLOCK_PORT in there:
        c.wrong(("inputs",), f"{there[CLOCK_PORT]!r} is called as the clock's own output: choose another name")


CHECKS: tuple[Callable[[Checked], None], ...] = (
    _check_size,
    _check_names,
    _check_when,
    _check_centres,
    _check_channels,
    _check_mpe,
    _check_model,
    _check_player,
    _check_voice_port,
    _check_singing,
    _check_instruments,
    _check_answer_weights,
    *CHAIN_CHECKS,
    _check_latencies,
    _check_clock,
    *INPUT_CHECKS,
    *LEARN_CHECKS,
)
