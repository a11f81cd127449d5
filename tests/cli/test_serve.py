"""icell serve: its flags become settings, and what it lacks is said."""

import sys

from icell_tf.serve import server
from icell_tf.serve.settings import Settings

from ..in_process import run_icell


def test_flags_become_settings(tmp_path, monkeypatch):
    found = []
    monkeypatch.setattr(server, "serve", lambda load, settings, version, find_cells: found.append((settings, version)))
    assert run_icell(tmp_path, "serve", "--model=simulated_64") == (0, "")
    given = [
        "--name=cells",
        "--host=0.0.0.0",
        "--port=80",
        "--allowed_hosts=a.org,b.org",
        "--allow_origin=https://c.org",
    ]
    given += [
        "--max_megabytes=7",
        "--requests_at_once=8",
        "--header_seconds=4",
        "--body_seconds=9.5",
        "--request_seconds=10",
    ]
    assert run_icell(tmp_path, "serve", "--model=simulated_64", *given) == (0, "")
    others = {
        "max_megabytes": 7,
        "requests_at_once": 8,
        "header_seconds": 4,
        "body_seconds": 9.5,
        "request_seconds": 10,
    }
    hosts = {"allowed_hosts": ("a.org", "b.org"), "allow_origin": "https://c.org"}
    assert found == [(Settings(), 1), (Settings("cells", "0.0.0.0", 80, **hosts, **others), 1)]


def test_packages_that_are_missing_are_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "icell_tf.serve.server", None)
    message, _ = run_icell(tmp_path, "serve", "--model=simulated_64")
    assert message.startswith("Error: the server needs more packages (") and "pip install 'icell_tf[serve]'" in message
