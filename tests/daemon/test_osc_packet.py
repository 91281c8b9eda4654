"""OSC packets: what is well formed is read as it was meant; what is not is told apart, whatever it is."""

import os
import random
import struct

import pytest
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder, build_msg

from ripieno.daemon.remote.osc_packet import MOST_ARGUMENTS, MOST_DEPTH, MOST_TEXT, Malformed, read, write

PACKETS = 1_000_000 if os.environ.get("RIPIENO_LONG") else 20_000
TEMPO = "/ripieno/clock/tempo"
ALL_TYPES = write("/a", "ifhdsTFN", [-5, 0.5, 2**40, 1 / 3, "Grüße", True, False, None])
AT_ONCE = struct.pack(">Q", 1)


def bundle(*elements: bytes, tag: bytes = AT_ONCE) -> bytes:
    return b"#bundle\0" + tag + b"".join(struct.pack(">i", len(one)) + one for one in elements)


def test_all_types_are_read_as_they_were_written() -> None:
    (message,) = read(ALL_TYPES)
    assert message.address == "/a"
    assert message.arguments == [-5, 0.5, 2**40, 1 / 3, "Grüße", True, False, None]
    assert message.due == 0


def test_python_osc_is_understood() -> None:
    builder = OscBundleBuilder(0)
    builder.add_content(build_msg(TEMPO, 96.5))
    builder.add_content(build_msg("/ripieno/band/register", [["C3", "C5"]]))
    found = [(one.address, one.arguments) for one in read(builder.build().dgram)]
    assert found == [(TEMPO, [96.5]), ("/ripieno/band/register", [["C3", "C5"]])]


def test_a_bang_and_a_symbol_of_max_and_no_type_tags() -> None:
    assert read(b"/go\0,I\0\0")[0].arguments == [True]
    assert read(b"/go\0,S\0\0word\0\0\0\0")[0].arguments == ["word"]
    assert read(b"/go\0")[0].arguments == []


@pytest.mark.parametrize("packet", [ALL_TYPES, bundle(ALL_TYPES, bundle(write("/b", "s", ["text"])))])
def test_whatever_is_cut_off_or_added_it_is_none(packet: bytes) -> None:
    assert read(packet)
    whole = {4} if packet.startswith(b"/") else {16, 16 + 4 + len(ALL_TYPES)}  # an address alone; fewer elements
    for end in range(len(packet)):
        if end not in whole:
            with pytest.raises(Malformed):
                read(packet[:end])
    for more in (b"\0", b"\0\0\0\0", b"/x\0\0"):
        with pytest.raises(Malformed):
            read(packet + more)


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"", "neither"),
        (b"hello world!", "neither"),
        (bundle(b""), "neither"),
        (bundle(write("/good", "i", [1]), b"bad\0"), "neither"),
        (b"/a\0\0,i\0\0\0\0", "as long as"),
        (b"/a\0\0,f\0\0", "as long as"),  # python-osc takes it for 0.0
        (b"/a\0\0,i\0\0\0\0\0\0\0\0\0\0", "as long as"),
        (b"/a\0\0,q\0\0", "no arguments of the type 'q'"),
        (b"/a\0\0,b\0\0\0\0\0\0", "no arguments of the type 'b'"),
        (b"/a\0\0ii\0\0\0\0\0\0\0\0\0\0", "no type tags"),
        (b"/a\0\0,[[]]\0\0\0", "within others"),
        (b"/a\0\0,[\0\0", "as long as"),
        (b"/a\0\0,]\0\0", "within others"),
        (b"/a\0b,i\0\0\0\0\0\0", "filled up"),
        (b"/\xc3\xa4\0,T\0\0", "plain ASCII"),
        (b"/a\nb\0\0\0\0,T\0\0", "plain ASCII"),
        (b"/a\0\0,s\0\0\xff\xff\0\0", "decode"),
        (b"/a\0\0,f\0\0" + struct.pack(">f", float("nan")), "a number of it is none"),
        (b"/a\0\0,d\0\0" + struct.pack(">d", float("inf")), "a number of it is none"),
        (b"/" + b"a" * MOST_TEXT + b"\0" * 3, "longer than"),
        (b"/a\0\0," + b"T" * (MOST_ARGUMENTS + 1) + b"\0" * 2, "more than"),
        (bundle(tag=b"\0\0\0\0"), "cut short"),
    ],
)
def test_what_is_none_is_told_why(packet: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read(packet)


def test_bundles_in_bundles_have_their_moment_and_an_end() -> None:
    inner = write("/in", "", [])
    later, sooner = struct.pack(">Q", (2_208_988_800 + 1000) << 32), struct.pack(">Q", (2_208_988_800 + 500) << 32)
    first, second = read(bundle(bundle(inner, tag=sooner), bundle(inner), tag=later))
    assert (first.due, second.due) == (1000.0, 1000.0)
    assert read(bundle(bundle(inner, tag=later), tag=sooner))[0].due == 1000.0
    for _ in range(MOST_DEPTH):
        inner = bundle(inner)
    assert len(read(inner)) == 1
    with pytest.raises(Malformed):
        read(bundle(inner))
    for _ in range(2000):
        inner = bundle(inner)
    with pytest.raises(Malformed):
        read(inner)


def test_random_packets_are_read_or_refused_and_nothing_else() -> None:
    chance, builder = random.Random(7), OscMessageBuilder(TEMPO)
    builder.add_arg(120.0)
    seeds = [ALL_TYPES, builder.build().dgram, bundle(ALL_TYPES, bundle(write("/ripieno/*/on", "F", [False])))]
    refused = 0
    for n in range(PACKETS):
        if n % 3:
            packet = bytearray(chance.choice(seeds))
            for _ in range(chance.randint(1, 6)):
                packet[chance.randrange(len(packet))] = chance.randrange(256)
        else:
            packet = bytearray(chance.choice((b"", b"/", b"#bundle\0")) + chance.randbytes(chance.randrange(200)))
        try:
            read(bytes(packet))
        except Malformed:
            refused += 1
    assert refused > PACKETS / 3
