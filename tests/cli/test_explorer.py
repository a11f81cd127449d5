"""icell explorer: what it writes, what it says becomes public, and what it lacks."""

import json

from ..in_process import run_icell


def test_it_writes_the_page_and_says_what_becomes_public(make_export, prepared, tmp_path):
    given = [f"--model={make_export()}", "--backend=rest", f"--cells={prepared.folder}", "--limit=2"]
    status, told = run_icell(tmp_path, "explorer", *given)
    assert status == 0, told
    about = json.loads((tmp_path / "site" / "explorer.json").read_text())
    assert len(about["cells"]) == 2 and about["examples"] == 0 and about["backend"] == "rest"
    assert "2 cells of --cells: whoever can open the page can copy them." in told
    assert "python -m http.server" in told
    status, told = run_icell(tmp_path, "explorer", *given)
    assert "site exists and is not overwritten" in str(status)


def test_a_missing_runtime_is_said_before_anything_is_written(tmp_path):
    status, _ = run_icell(tmp_path, "explorer", "--model=simulated_64", "--onnxruntime=nowhere.tgz")
    assert "nowhere.tgz" in status and "npm pack onnxruntime-web@" in status
    assert not (tmp_path / "site").exists()
