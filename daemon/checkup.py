"""What works on this machine, and what to install for the rest."""

import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec

from ripieno.daemon.errors import UserError

SYSTEMS = {"Linux": "Debian", "Darwin": "macOS", "Windows": "Windows"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `state` is "works", "missing" or "limited"; `advice` says what to do, "" for nothing."""

    what: str
    state: str
    detail: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def _on(**advice: str) -> str:
    """The advice for this system; `other` where nothing particular is known."""
    system = SYSTEMS.get(platform.system(), "other")
    return advice.get(system.lower(), advice.get("other", ""))


def _core() -> Finding:
    try:
        from ripieno.native.lstm import kernels
    except ImportError as error:
        return Finding("native core", "missing", str(error), "install Ripieno again, with a C compiler: pip install .")
    return Finding("native core", "works", f"instruction set {kernels()}, Python {platform.python_version()}")


def _models() -> Finding:
    from ripieno.models.card import WeightsError
    from ripieno.models.continuation import stored
    from ripieno.models.instrumentation.ensemble import load, shipped
    from ripieno.models.singing import stored as singing

    try:
        names = [load(name).name for name in shipped()]
        bands = [f"{name} (continuation)" for name in stored.shipped() if stored.load(name)]
        voices = [f"{name} (singing)" for name in singing.voices(singing.read())]
    except WeightsError as error:
        return Finding("models", "missing", str(error), "install Ripieno again")
    told = ", ".join(names + bands + voices) or "none is installed"
    whole = bool(names and bands and voices)
    return Finding("models", "works" if whole else "missing", told, "" if whole else "install Ripieno again")


def _jack() -> Finding:
    from ripieno.native.drivers import jack_problem

    problem = jack_problem()
    if problem is None:
        return Finding("JACK", "works", "a server answers; --driver auto takes it")
    advice = _on(
        debian="apt install jackd2, then: jackd -d alsa -r 48000 -p 128 (PipeWire: apt install pipewire-jack)",
        macos="brew install jack, then: jackd -d coreaudio -r 48000 -p 128; CoreMIDI works without it",
        windows="install JACK from jackaudio.org, or use loopMIDI with --driver rtmidi",
    )
    return Finding("JACK", "missing", problem.split(";")[0], advice)


def _rtmidi() -> Finding:
    from ripieno.daemon.drivers.rtmidi import load, portable_api, problem

    why_not = problem()
    if why_not is not None:
        advice = _on(debian="apt install linux-modules-extra-$(uname -r); a container has no ALSA: use JACK there")
        installed = find_spec("rtmidi") is not None
        return Finding("python-rtmidi", "limited" if installed else "missing", why_not, advice if installed else "")
    rtmidi = load()
    return Finding("python-rtmidi", "works", str(rtmidi.get_api_display_name(portable_api(rtmidi))))


def _audio() -> Finding:
    """Sound for a voice where there is no JACK."""
    from ripieno.daemon.drivers.portaudio import devices

    try:
        found = devices()
    except UserError as error:
        detail, *advice = re.split("[:;] ", str(error), maxsplit=1)
        return Finding("PortAudio", "missing", detail, *advice)
    if not found:
        return Finding("PortAudio", "limited", "no audio output is here: a voice is heard on JACK alone")
    return Finding("PortAudio", "works", f"{len(found)} outputs, the usual one {found[0].name}")


def _sound() -> Finding:
    from ripieno.daemon.synth import INSTALL, find_soundfont

    try:
        font = find_soundfont()
    except UserError:
        return Finding("sound files", "missing", "no SoundFont", INSTALL)
    if find_spec("tinysoundfont") is None:
        return Finding("sound files", "missing", "no synthesizer", INSTALL)
    return Finding("sound files", "works", f"tinysoundfont with {font.name}")


def _soundfonts() -> Finding:
    """SoundFonts as plugins."""
    from ripieno.native.soundfont import available
    from ripieno.plugins.base import PluginError
    from ripieno.plugins.soundfont import find

    try:
        font = find()
    except PluginError as error:
        problem, *help_ = str(error).split("; ", maxsplit=1)
        return Finding("SoundFonts", "missing", problem, *help_)
    if available():
        return Finding("SoundFonts", "works", f"FluidSynth with {font.name}")
    detail = f"no FluidSynth: tinysoundfont plays {font.name}, a period late"
    advice = _on(debian="apt install libfluidsynth3", macos="brew install fluid-synth", other="install FluidSynth")
    return Finding("SoundFonts", "limited", detail, advice)


def _package(name: str, what: str, advice: str, distribution: str = "") -> Callable[[], Finding]:
    def check() -> Finding:
        if find_spec(name) is None:
            return Finding(what, "missing", f"{distribution or name} is not installed", advice)
        from importlib.metadata import version

        return Finding(what, "works", f"{distribution or name} {version(distribution or name)}")

    return check


_LOCKED_BYTES = 64 << 20


def _refusal() -> str:
    """Why the system gives this process no real-time priority, "" where it does; tried for a moment."""
    before, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        os.sched_setscheduler(0, before, parameters)
    except OSError as error:
        return f"it is refused ({error.strerror})"
    return ""


def _realtime() -> Finding:
    if sys.platform == "win32" or sys.platform == "darwin":
        return Finding("real-time priority", "works", "given by the system's audio")
    import resource

    priority = resource.getrlimit(resource.RLIMIT_RTPRIO)[0]
    locked = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    memory = "any" if locked == resource.RLIM_INFINITY else f"{locked // 1024} kB of"
    detail = f"priority up to {priority} (rtprio), {memory} locked memory (memlock)"
    refusal = _refusal()
    if not refusal:
        little = 0 <= locked < _LOCKED_BYTES and os.geteuid() != 0  # root may lock all
        advice = "memlock unlimited in /etc/security/limits.d, so that nothing is swapped out" if little else ""
        return Finding("real-time priority", "limited" if little else "works", detail, advice)
    if priority > 0:
        return Finding("real-time priority", "limited", f"{detail}, and yet {refusal}", "let the container have it")
    advice = _on(
        debian="dpkg-reconfigure jackd2 and say yes, join the group audio (usermod -aG audio NAME), log in again",
        other="allow your user real-time priority (rtprio 95, memlock unlimited in /etc/security/limits.d)",
    )
    return Finding("real-time priority", "limited", detail, advice)


def _service() -> Finding:
    """Who would let it run by itself, and how that does."""
    from ripieno.daemon.service import manager

    try:
        health = manager().health()
    except UserError as error:
        detail, *advice = re.split("[:;] ", str(error), maxsplit=1)
        return Finding("service", "missing", detail, *advice)
    return Finding("service", health.state, health.detail, health.advice)


CHECKS: tuple[Callable[[], Finding], ...] = (
    _core,
    _models,
    _jack,
    _rtmidi,
    _audio,
    _realtime,
    _service,
    _sound,
    _soundfonts,
    _package("pedalboard", "VST3 and AU", 'pip install "ripieno[vst]"'),
    _package("numba", "jit plugins", 'pip install "ripieno[jit]"'),
    _package("pyo", "pyo patches", 'pip install "ripieno[pyo]"'),
    _package("link", "Ableton Link", 'pip install "ripieno[link]"', "LinkPython-extern"),
    _package("uvicorn", "page", 'pip install "ripieno[ui]"'),
    _package("pythonosc", "OSC", 'pip install "ripieno[osc]"', "python-osc"),
    _package("matplotlib", "pictures", "pip install matplotlib"),
    _package("torch", "training", "only to train models: pip install torch (the CPU build is enough)"),
)


def examine() -> list[Finding]:
    """Look at everything; a check that fails in an unforeseen way is a finding, too."""
    findings = []
    for check in CHECKS:
        try:
            findings.append(check())
        except Exception as error:  # the doctor is called when things are broken: it must always finish
            findings.append(Finding(check.__name__.strip("_"), "missing", f"{type(error).__name__}: {error}"))
    return findings
