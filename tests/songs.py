"""A piece of music with everything in it that a MIDI file may hold, and how to look into such files."""

import io

import mido


def song() -> mido.MidiFile:
    """Tempo changes, signatures, markers, lyrics in Latin-1, a pedal, SysEx, and notes on two tracks."""
    file = mido.MidiFile(type=1, ticks_per_beat=480)
    meta = mido.MetaMessage
    file.tracks.append(
        mido.MidiTrack(
            [
                meta("track_name", name="A song"),
                meta("time_signature", numerator=3, denominator=8),
                meta("key_signature", key="Ab"),
                meta("set_tempo", tempo=612_345),
                meta("marker", text="verse", time=480),
                meta("set_tempo", tempo=401_001, time=77),
                meta("end_of_track", time=5000),
            ]
        )
    )
    right = [meta("track_name", name="right"), meta("lyrics", text="Stra\xdfe", time=3)]
    for pitch in range(60, 72):
        right += [
            mido.Message("note_on", note=pitch, velocity=70, time=101),
            mido.Message("note_off", note=pitch, velocity=12, time=99),
        ]
    left = [
        mido.Message("control_change", channel=1, control=64, value=127, time=7),
        mido.Message("note_on", channel=1, note=40, velocity=50, time=500),
        mido.Message("sysex", data=(1, 2, 3), time=1),
        mido.Message("note_on", channel=1, note=40, velocity=0, time=1000),
    ]
    file.tracks += [mido.MidiTrack(right), mido.MidiTrack(left)]
    return file


def saved(file: mido.MidiFile) -> bytes:
    out = io.BytesIO()
    file.save(file=out)
    return out.getvalue()


def absolute(track: mido.MidiTrack) -> list[tuple[int, str]]:
    tick, found = 0, []
    for message in track:
        tick += message.time
        found.append((tick, str(message.copy(time=0))))
    return found


def struck(track: mido.MidiTrack) -> list[tuple[int, int, int]]:
    """(tick, pitch, velocity) of every note-on."""
    tick, found = 0, []
    for message in track:
        tick += message.time
        if message.type == "note_on" and message.velocity:
            found.append((tick, message.note, message.velocity))
    return found
