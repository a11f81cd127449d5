"""`icell build`: from an empty folder, without Apache Beam, it builds what `tfds build` builds."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from icell_tf.data.builder import report
from icell_tf.data.builder.config import CONFIGS, IntegratedCellConfig
from icell_tf.data.records import FILES
from tests.building import DUMMY, STACKS, build, records

from ..in_process import run_icell

WITHOUT_BEAM = """
import sys
sys.modules.update(apache_beam=None, mlcroissant=None)
sys.argv[0] = "icell"
from icell_tf.cli.icell import main
main()
"""


def test_it_builds_what_the_registered_builder_does_without_beam(tmp_path):
    given = ["build", f"--config={json.dumps(STACKS)}", f"--manual_dir={DUMMY}", "--data_dir=data"]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-c", WITHOUT_BEAM, *given]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and "\r" not in done.stdout  # neither log lines nor bars
    registered = build(tmp_path / "registered", STACKS, DUMMY)
    folder = tmp_path / "data" / registered.data_path.relative_to(tmp_path / "registered")
    assert done.stdout.startswith("Examining 8 cells.\n") and "\nWriting 8 cells.\n" in done.stdout
    assert re.search(r"^The records take \d+\.\d+ [KM]iB\.$", done.stdout, re.M)
    assert "Unknown size" not in done.stdout and "download" not in done.stdout
    assert done.stdout.splitlines()[-1] == f"The data set lies in {folder.relative_to(tmp_path)}"
    for name in ("features.json", report.REPORT, report.SET_ASIDE):
        assert (folder / name).read_text() == (registered.data_path / name).read_text()
    found = tfds.builder_from_directory(folder)
    for attribute in ("name", "description", "citation"):
        assert getattr(found.info, attribute) == getattr(registered.info, attribute)
    assert found.info.name == "integrated_cell" and found.info.description.startswith("Images of single cells")
    metadata, expected = dict(found.info.metadata), dict(registered.info.metadata)
    assert metadata.pop(FILES).keys() == expected.pop(FILES).keys()  # no two builds compress alike
    assert metadata == expected
    for split in registered.info.splits:
        for record, wanted in zip(records(found, split), records(registered, split), strict=True):
            assert record.keys() == wanted.keys()
            assert all(np.array_equal(record[name], value) for name, value in wanted.items())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("simulated_46", "'simulated_46' is no config: expected one of simulated, simulated_64, .*JSON object"),
        ('{"name": "mine"', '\'{"name": "mine"\' is no JSON: '),
        ('{"name": "mine", "seeds": 1}', "Config 'mine': 'seeds' is no argument: did you mean seed"),
        ('{"name": "mine"}', "--manual_dir: Manual directory .* does not exist or is empty"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path, config, message):
    status, _ = run_icell(tmp_path, "build", f"--config={config}", "--data_dir=data")
    assert re.match(f"Error: {message}", status)
    assert not list(tmp_path.glob("data/integrated_cell*"))


def test_help_prints_what_the_command_does_and_its_flags(tmp_path):
    status, out = run_icell(tmp_path, "build", "--help")
    assert status == 0 and out.startswith("Builds a data set of single cells")
    for config in CONFIGS:
        assert re.search(rf"^  {config.name} +{re.escape(config.description)}$", out, re.M)
    assert all(re.search(rf"\b{key}\b", out) for key in IntegratedCellConfig.__annotations__)
    assert {"--config", "--data_dir", "--manual_dir", "--[no]overwrite"} == set(re.findall(r"^  (--\S+):", out, re.M))


def test_help_comes_without_tensorflow(tmp_path):
    code = """
import sys
from icell_tf.cli.icell import main
sys.argv = ["icell", "build", *sys.argv[1:]]
try:
    main()
finally:
    assert "tensorflow" not in sys.modules
"""
    for words, status in ((["--help"], 0), ([], 1)):
        done = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == status and "AssertionError" not in done.stderr
        assert "  simulated_demo  " in done.stdout + done.stderr
    assert done.stderr.endswith("give --config=NAME, of a config above, or --config='{...}', a JSON object\n")
