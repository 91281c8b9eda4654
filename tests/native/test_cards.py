"""Sound cards by what they are, not by their numbers; /sys is a folder of the test's."""

from pathlib import Path

from ripieno.native.cards import steady, usb_identity
from ripieno.native.links import Identity, Port


def card(root: Path, number: int, **lines: str) -> None:
    """A sound card as /sys shows it: a link to a folder below that of the USB device."""
    device = root / "devices" / f"usb{number}"
    (device / "interface").mkdir(parents=True)
    for name, text in lines.items():
        (device / name).write_text(text + "\n")
    place = root / "class" / f"card{number}"
    place.mkdir(parents=True)
    (place / "device").symlink_to(device / "interface")


def test_usb_tells_two_of_a_kind(tmp_path: Path) -> None:
    card(tmp_path, 1, idVendor="1235", idProduct="8210", serial="A1")
    card(tmp_path, 2, idVendor="1235", idProduct="8210")
    card(tmp_path, 3)
    root = tmp_path / "class"
    assert usb_identity("Scarlett: USB Audio (hw:1,0)", root) == "usb:1235:8210:A1"
    assert usb_identity("Scarlett: USB Audio (hw:2,0)", root) == "usb:1235:8210:"
    assert usb_identity("Built in (hw:3,0)", root) == ""
    assert usb_identity("None (hw:9,0)", root) == ""
    assert usb_identity("pulse", root) == ""


def speaker(*aliases: str) -> Port:
    return Port("system:playback_1", aliases, writes=False, reads=True, physical=True, ours=False)


def test_a_card_of_jack_is_known_under_another_number(tmp_path: Path) -> None:
    card(tmp_path, 1, idVendor="1235", idProduct="8210", serial="A1")
    card(tmp_path, 2, idVendor="1235", idProduct="8210", serial="B2")
    card(tmp_path, 4, idVendor="1235", idProduct="8210", serial="A1")
    root = tmp_path / "class"
    first, second, moved = (steady(speaker(f"alsa_pcm:hw:{number}:in1"), root) for number in (1, 2, 4))
    assert first.aliases == ("alsa_pcm:usb:1235:8210:A1:in1",)
    known = Identity(first.name, first.aliases)
    assert known.fits(moved)
    assert not known.fits(second)  # though both are system:playback_1
    assert known.key == "alsa_pcm:usb:1235:8210:A1:in1"


def test_a_card_that_is_built_in_has_a_name(tmp_path: Path) -> None:
    card(tmp_path, 3)
    root = tmp_path / "class"
    (root / "card3" / "id").write_text("PCH\n")
    assert steady(speaker("alsa_pcm:hw:3:in1", "other"), root).aliases == ("alsa_pcm:hw:PCH:in1", "other")
    assert steady(speaker("alsa_pcm:hw:9:in1"), root).aliases == ("alsa_pcm:hw:9:in1",)  # of another machine, maybe
    assert steady(speaker("alsa_pcm:hw:PCH:in1"), root).aliases == ("alsa_pcm:hw:PCH:in1",)
