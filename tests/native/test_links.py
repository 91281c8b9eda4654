"""Devices and their places, without a server: who comes back, who is somebody else, and what was undone on purpose."""

import pytest

from ripieno.native.links import GRACE, MOST, Identity, Link, Links, Port, Ports, lasting


def keyboard(name: str, *aliases: str) -> Port:
    return Port(name, aliases, writes=True, reads=False, physical=False, ours=False)


KEYS = keyboard("Keystation:keys")


def never(link: Link, port: Port) -> bool:
    return False


def with_keys(asked: bool = False) -> Links:
    links = Links()
    links.joined("in", KEYS, into=True, audio=False, asked=asked)
    return links


@pytest.mark.parametrize(
    ("name", "stays"),
    [
        ("a2j:Keystation [20] (capture): MIDI 1", "a2j:Keystation (capture): MIDI 1"),
        ("Keystation:Keystation MIDI 1 20:0", "Keystation:Keystation MIDI 1"),
        ("USB Audio: - (hw:2,0) (ALSA)", "USB Audio: - (hw:,0) (ALSA)"),
        ("Keystation 49", "Keystation 49"),
        ("system:playback_12", "system:playback_12"),
    ],
)
def test_numbers_given_anew_tell_nothing(name: str, stays: str) -> None:
    assert lasting(name) == stays


def test_a_device_is_known_wherever_it_comes_up() -> None:
    one = Identity("a2j:Keystation [20] (capture): MIDI 1")
    assert one.fits(keyboard("a2j:Keystation [28] (capture): MIDI 1"))
    assert not one.fits(keyboard("a2j:Keystation Pro [20] (capture): MIDI 1"))
    server = Identity("system:midi_capture_1", ("alsa_pcm:Keystation/midi_capture_1",))
    assert server.fits(keyboard("system:midi_capture_2", "alsa_pcm:Keystation/midi_capture_1"))
    assert not server.fits(keyboard("system:midi_capture_1", "alsa_pcm:LaunchPad/midi_capture_1"))
    assert not server.fits(keyboard("system:midi_capture_1"))  # who that is comes a moment later
    assert server.key == "alsa_pcm:Keystation/midi_capture_1"
    assert Identity("Synth:in", ("other",)).key == "Synth:in"


def twin(number: int) -> Port:
    return keyboard(f"a2j:Keystation [{number}] (capture): MIDI 1")


def with_twin(number: int, ours: str = "in") -> Links:
    links = Links()
    links.joined(ours, twin(number), into=True, audio=False)
    return links


def test_of_two_that_are_alike_the_whole_name_counts() -> None:
    links = with_twin(20)
    (link,) = links.links
    assert links.place(link, Ports([twin(20), twin(24)])) == twin(20)
    assert links.place(link, Ports([twin(24), twin(20)])) == twin(20)
    assert links.place(link, Ports([])) is None


def test_a_device_that_comes_up_under_another_number_is_known() -> None:
    links = with_twin(20)
    links.joined("in 2", twin(20), into=True, audio=False)
    wanted = links.missing([twin(28)], never, 0)
    assert [(link.ours, port) for link, port in wanted] == [("in", twin(28)), ("in 2", twin(28))]
    links.made(*wanted[0])
    assert [link.device.name for link in links.links] == [twin(28).name] * 2  # it has one number
    assert [link.ours for link, _ in links.missing([twin(28)], never, 0)] == ["in 2"]  # still to be made


def test_its_like_that_was_there_before_is_not_taken_for_it() -> None:
    links = with_twin(20)
    links.missing([twin(20), twin(24)], never, 0)
    assert links.missing([twin(24)], never, 0) == []
    assert links.strangers([twin(24)]) == []
    ((_, port),) = links.missing([twin(24), twin(28)], never, 0)
    assert port == twin(28)


def test_its_like_that_has_a_place_is_not_taken_for_it() -> None:
    links = with_twin(20)
    links.joined("in 2", twin(24), into=True, audio=False, there=[twin(20).name, twin(24).name])
    links.missing([], never, 0)
    assert [link.ours for link, _ in links.missing([twin(24)], never, 0)] == ["in 2"]
    ((link, port), _) = links.missing([twin(28), twin(24)], never, 0)
    assert (link.ours, port) == ("in", twin(28))


def test_who_could_be_either_of_two_is_neither_and_told_of() -> None:
    links = with_twin(20)
    links.joined("in 2", twin(24), into=True, audio=False, there=[twin(20).name, twin(24).name])
    assert links.missing([twin(28)], never, 0) == []
    first, second = links.strangers([twin(28)])
    assert f"{twin(28).name} could be what was {twin(20).name}, or its like" in first
    assert twin(24).name in second
    assert links.strangers([twin(28)]) == []
    assert links.missing([twin(28), twin(32)], never, 0) == []
    assert len(links.missing([twin(20), twin(24)], never, 0)) == 2  # both have their own names again


def test_two_that_are_alike_may_play_into_one_port() -> None:
    links = with_twin(20)
    both = [twin(20), twin(24)]
    links.joined("in", twin(24), into=True, audio=False, there=[one.name for one in both])
    links.missing([], never, 0)
    assert [port for _, port in links.missing(both, never, 0)] == both


def test_who_connects_another_in_its_place_means_it() -> None:
    links = with_twin(20)
    links.joined("in", twin(28), into=True, audio=False, there=[twin(28).name])
    (link,) = links.links
    assert link.device.name == twin(28).name


def test_what_comes_back_is_wanted_again() -> None:
    links = with_keys()
    assert links.missing([], never, 0) == []
    ((link, port),) = links.missing([keyboard("Other:keys"), KEYS], never, 0)
    assert (link.ours, port) == ("in", KEYS)
    assert links.missing([KEYS], lambda link, port: True, 0) == []


def test_pulled_out_quickly_is_no_purpose() -> None:
    links = with_keys()
    links.parted("in", KEYS.name, True, now=10)
    assert links.unsettled
    assert links.missing([KEYS], never, 10) == []  # not known yet
    links.moved(KEYS.name)  # its port went, and came
    assert not links.unsettled
    assert len(links.missing([KEYS], never, 10)) == 1


def test_pulled_out_slowly_is_no_purpose() -> None:
    links = with_keys()
    links.parted("in", KEYS.name, True, now=10)
    assert links.missing([], never, 10.1) == []
    assert len(links.missing([KEYS], never, 100)) == 1


def test_what_is_undone_before_the_news_come_is_not_made_at_once() -> None:
    links = with_keys()
    assert links.missing([KEYS], lambda link, port: True, 9) == []
    assert links.missing([KEYS], never, 10) == []
    assert links.unsettled
    links.moved(KEYS.name)  # it was pulled out, and is back
    assert len(links.missing([KEYS], never, 10)) == 1
    assert links.missing([KEYS], lambda link, port: True, 11) == []
    assert links.missing([KEYS], never, 12) == []
    links.parted("in", KEYS.name, True, now=12.1)  # it was undone by hand
    assert links.missing([KEYS], never, 12.1 + GRACE) == []
    assert links.links == []


def test_what_was_undone_by_hand_stays_so() -> None:
    links = with_keys()
    links.parted("in", KEYS.name, True, now=10)
    assert links.missing([KEYS], never, 10 + GRACE) == []
    assert links.links == []


def test_what_was_asked_for_comes_back_with_its_device_alone() -> None:
    links = with_keys(asked=True)
    links.parted("in", KEYS.name, True, now=10)
    assert links.missing([KEYS], never, 10 + GRACE) == []
    assert links.missing([KEYS], never, 100) == []  # somebody undid it, and may have his reasons
    links.moved(KEYS.name)
    assert len(links.missing([KEYS], never, 101)) == 1


def test_a_server_that_goes_undoes_nothing_on_purpose() -> None:
    links = with_keys()
    links.parted("in", KEYS.name, True, now=10)
    links.server_gone()
    assert len(links.missing([KEYS], never, 100)) == 1


def test_a_stranger_under_the_same_name_is_told_of_once() -> None:
    links = Links()
    links.joined("in", keyboard("system:midi_capture_1", "alsa:Keystation"), into=True, audio=False)
    stranger = keyboard("system:midi_capture_1", "alsa:LaunchPad")
    assert links.missing([stranger], never, 0) == []
    (news,) = links.strangers([stranger])
    assert "another device (alsa:LaunchPad)" in news
    assert links.strangers([stranger]) == []
    assert links.strangers([]) == []
    assert len(links.strangers([stranger])) == 1  # it came anew


def test_directions_and_ports_are_places_of_their_own() -> None:
    links = with_keys()
    both = Port("Keystation:keys", (), writes=True, reads=True, physical=False, ours=False)
    links.joined("out", both, into=False, audio=False)
    links.parted("out", both.name, False, now=0)
    links.forget("out", both.name, False)
    assert [link.ours for link in links.links] == ["in"]
    listens = Port("Keystation:keys", (), writes=False, reads=True, physical=False, ours=False)
    assert links.missing([listens], never, 0) == []  # it plays no longer


def test_not_more_is_remembered_than_there_is_room_for() -> None:
    links = Links()
    for number in range(MOST + 10):
        links.joined("in", keyboard(f"track {number}:out"), into=True, audio=False)
    assert len(links.links) == MOST
    assert links.links[0].device.name == "track 10:out"
