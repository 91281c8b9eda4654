"""Ports that are taken at once, the file that tells of a running program, and what is said without the libraries."""

import argparse
import json
import os
import socket
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from needs import lack
from ripieno.daemon import web
from ripieno.daemon.commands import run
from ripieno.daemon.errors import UserError
from ripieno.daemon.web import ports
from ripieno.daemon.web.ports import take_ports
from ripieno.daemon.web.running import remove_running, running_path, write_running


def test_ports_of_this_computer_alone() -> None:
    taken = take_ports(0, lan=False)
    places = [one.getsockname()[:2] for one in taken]
    port = places[0][1]
    assert places in ([("127.0.0.1", port)], [("127.0.0.1", port), ("::1", port)])
    with pytest.raises(UserError, match=f"port {port}, for the page: .*--ui-port PORT"):
        take_ports(port, lan=False)
    for one in taken:
        one.close()
    for one in take_ports(port, lan=True):
        assert one.getsockname()[0] in ("0.0.0.0", "::")
        one.close()


def test_a_port_of_ipv6_that_is_taken_is_told_too() -> None:
    taken = take_ports(0, lan=False)
    if len(taken) < 2:
        lack("there is no IPv6 here")
    port = taken[0].getsockname()[1]
    taken[0].close()
    with pytest.raises(UserError, match=f"port {port}"):
        take_ports(port, lan=False)
    with socket.socket() as again:  # and nothing of it is kept
        again.bind(("127.0.0.1", port))
    taken[1].close()


def test_there_are_addresses_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    there = ports.lan_addresses()
    assert there
    assert not [one for one in there if one.startswith("127.")]
    monkeypatch.setattr(ports, "_farthest", lambda: iter(["10.0.0.2"]))
    monkeypatch.setattr(ports, "_of_interfaces", lambda: iter(["127.0.0.1", "192.168.7.1", "10.0.0.2"]))
    assert ports.lan_addresses() == ["10.0.0.2", "192.168.7.1"]
    monkeypatch.setattr(ports, "_farthest", lambda: iter(()))  # a network of its own
    assert ports.lan_addresses() == ["192.168.7.1", "10.0.0.2"]
    monkeypatch.setattr(ports, "_of_interfaces", lambda: iter(()))
    assert ports.lan_addresses() == [socket.gethostname()]


def test_the_file_is_for_its_user_and_goes_with_its_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = running_path("my stage/1")
    assert path == tmp_path / "ripieno" / "my_stage_1.ui.json"
    write_running(path, "http://127.0.0.1:1/", "a")
    write_running(path, "http://127.0.0.1:2/", "b")
    assert json.loads(path.read_text()) == {"url": "http://127.0.0.1:2/", "token": "b", "pid": os.getpid()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    remove_running(path, "a")  # another has taken the name
    assert path.exists()
    remove_running(path, "b")
    assert list(path.parent.iterdir()) == []
    remove_running(path, "b")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_running(tmp_path / "file" / "x.json", "", "")


def test_without_its_libraries_there_is_a_sentence_and_the_music_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "find_spec", lambda name: None if name == "uvicorn" else name)
    parsed = argparse.Namespace(ui=True, ui_lan=False, ui_port=None, name="x")
    (lacking,) = run._page(parsed)
    performance = SimpleNamespace(news=[])
    lacking.begin(performance)  # type: ignore[arg-type]
    assert performance.news == ['no page without uvicorn: pip install "ripieno[ui]"']
    parsed.ui = False
    assert run._page(parsed) == []
