"""The process of an isolated plugin: `python -m ripieno.plugins.hosts SHARED CONTROL PARENT`.

SHARED and CONTROL are inherited file descriptors: the memory of isolate.h and this end of the `Line`; PARENT is the
process id of the daemon. It confines itself, is told what to load, says hello, and then renders a block each time that
one is given. One thread does it all: what the daemon asks for is done between two blocks.
"""

from __future__ import annotations

import gc
import mmap
import os
import socket
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any

import numpy as np

from ripieno.native import isolate
from ripieno.native.unit import PARAMETERS_MAX
from ripieno.plugins import hosts
from ripieno.plugins.base import Event, PluginError
from ripieno.plugins.hosts import confine
from ripieno.plugins.hosts.errors import described
from ripieno.plugins.hosts.line import Gone, Line, Message, packed, unpacked

_IDLE_MS, _BLOCKS = 50, 8  # the daemon is listened to when there is no block for so long, and after so many blocks
_PATIENCE = 3600.0  # a spare process waits for its order
_PAUSE_S = 20e-6  # a plugin that is behind pauses between its blocks: others may run, and it does not count as hung
_LONGEST_EVENT = {0xC0: 2, 0xD0: 2}  # bytes of a channel message that has not three


class Host:
    """A plugin, its shared memory and its line to the daemon."""

    def __init__(self, memory: mmap.mmap, line: Line, order: Message) -> None:
        self.memory, self.line = memory, line
        self.rate, self.period = int(order["sample_rate"]), int(order["period"])
        self.hang, self.longest = float(order["hang"]), float(order["longest"])
        self.plugin = hosts.load(order["kind"], order["path"], self.rate, self.period)
        if order["state"]:
            self.restore(unpacked(order["state"]))
        self.names = [parameter.name for parameter in self.plugin.parameters]
        if len(self.names) > PARAMETERS_MAX or len(set(self.names)) < len(self.names):
            raise PluginError(f"{order['path']}: parameters are at most {PARAMETERS_MAX}, each with a name of its own")
        self.padding = Padding(int(self.plugin.latency if order["latency"] is None else order["latency"]))
        self.resets: int | None = None
        self.quits = False
        self._seat = isolate.Seat(memory, len(self.names))
        self._last: bytes | None = None
        self._values: Mapping[str, float] = {}

    def restore(self, state: bytes) -> None:
        """A state that the plugin does not take is no reason to be silent."""
        try:
            self.plugin.restore(state)
        except Exception as error:
            self.line.send(say="news", text=f"it does not take its state back ({described(error)}): it starts anew")

    def hello(self, holds: list[str]) -> None:
        """The blocks given from now on are this process's; the daemon is told what it has."""
        plugin = self.plugin
        table = [vars(parameter) for parameter in plugin.parameters]
        isolate.begin(self.memory)
        self.line.send(
            say="hello",
            name=str(getattr(plugin, "name", "")),
            role=plugin.role,
            latency=self.padding.latency,
            parameters=table,
            values=hosts.values(plugin),
            holds=holds,
        )

    def run(self) -> None:
        """Until the daemon has enough."""
        realtime = isolate.prioritise()
        self.line.send(say="plays", realtime=realtime)
        if realtime:
            confine.bound_hangs(self.hang, self.longest)
        gc.collect()
        gc.freeze()
        since = 0
        while not self.quits:
            block = self._seat.take(_IDLE_MS)
            if block is not None:
                self._play(block)
                if self._seat.behind():
                    time.sleep(_PAUSE_S)
            since += 1
            if block is None or since >= _BLOCKS:
                since = 0
                self._listen()

    def _listen(self) -> None:
        message = self.line.receive()
        if message is not None:
            self._obey(message)

    def _play(self, block: Any) -> None:
        frames, seat = block.frames, self._seat
        if frames > self.period:
            self._prepare(frames)
        if self.resets not in (None, block.resets):
            self.plugin.reset()
        self.resets = block.resets
        numbers = seat.values.tobytes()
        if numbers != self._last:
            self._last, self._values = numbers, dict(zip(self.names, seat.values.tolist(), strict=True))
        events = self._heard(block.events) if block.events else ()
        out = self._fit(self.plugin.render(seat.audio[:, :frames], events, self._values), frames)
        seat.give(self.padding.late(out, self.plugin.latency))
        if self.padding.news:
            self.line.send(say="news", text=self.padding.news)
            self.padding.news = ""

    def _prepare(self, period: int) -> None:
        """It may take its time."""
        self.line.send(say="busy")
        confine.bound_hangs(self.longest, self.longest)
        self.period = period
        self.plugin.prepare(self.rate, period)
        confine.bound_hangs(self.hang, self.longest)

    def _heard(self, count: int) -> list[Event]:
        return [
            (offset, bytes(data[: _LONGEST_EVENT.get(data[0] & 0xF0, 3)]))
            for offset, *data in self._seat.events[:count].tolist()
        ]

    @staticmethod
    def _fit(out: Any, frames: int) -> Any:
        out = np.asarray(out)
        if out.shape != (2, frames):
            raise PluginError(f"render gives an array shaped {out.shape}, where [2, {frames}] was asked for")
        return out

    def _obey(self, message: Message) -> None:
        """A state may take its time: longer than a block, and longer than a hang."""
        if message.get("do") == "quit":
            self.quits = True
        elif message.get("do") == "state":
            self.line.send(say="busy")  # or it would be taken for hung
            confine.bound_hangs(self.longest, self.longest)
            began = time.monotonic()
            state = self.plugin.state()
            self.line.send(say="state", state=packed(state), seconds=time.monotonic() - began)
            confine.bound_hangs(self.hang, self.longest)


class Padding:
    """What keeps a plugin's sound late by what it was said to be at first, since paths beside it are aligned to that.

    news: a sentence for the player, where it cannot.
    """

    def __init__(self, latency: int) -> None:
        self.latency, self.news = latency, ""
        self._past = np.zeros((2, latency), np.float32)
        self._grown = latency

    def late(self, out: Any, own: int) -> Any:
        """out: [2, frames], late by `own` frames."""
        if own > self._grown:
            self._grown = own
            self.news = f"its latency has grown from {self.latency} to {own} frames: load the preset again"
        if self.latency == 0:
            return out
        joined = np.concatenate([self._past, out], axis=1)
        self._past = joined[:, -self.latency :]
        start = min(own, self.latency)
        return joined[:, start : start + out.shape[1]]


def main(arguments: list[str]) -> int:
    shared, control, parent = map(int, arguments)
    tied = confine.tie(parent)
    line = Line(socket.socket(fileno=control))
    memory = mmap.mmap(shared, isolate.SIZE)
    os.close(shared)
    try:
        order = line.receive(_PATIENCE)
        while order is None:
            order = line.receive(_PATIENCE)
        holds = confine.confine(int(order["memory"])) + [confine.ORPHAN] * tied
        host = Host(memory, line, order)
        host.hello(holds)
        host.run()
    except (Gone, isolate.Closed):
        return 0  # the daemon is gone
    except Exception as error:
        traceback.print_exc()
        line.send(say="failed", why=described(error))
        return 1
    return 0


if __name__ == "__main__":
    STATUS = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(STATUS)  # some plugins hang or crash as they are unloaded
