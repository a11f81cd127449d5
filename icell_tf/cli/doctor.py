"""Examines this machine before a long run.

  icell doctor --preset=small

Prints versions, devices, how training would run, and memory and disk against what a run needs. What is wrong comes
last, with what to do; the exit status is then 1. Nothing is trained, and nothing stays written.
"""

import dataclasses
import json
import sys
from pathlib import Path

from absl import flags

from icell_tf.cli.command import define_data_dir, define_folder, define_setting, define_threads
from icell_tf.config import PHASES, PRESETS, ReferenceConfig
from icell_tf.training import doctor

PRESET = flags.DEFINE_enum("preset", "paper", PRESETS, "of the runs")
RUN_DIR = define_folder("run_dir", "runs", "holds the folders of the runs: PRESET-reference, -conditional and -sampler")
DATA_DIR = define_data_dir()
THREADS = define_threads()
SETTINGS = {
    field.name: define_setting(field)
    for field in dataclasses.fields(ReferenceConfig)
    if field.name in ("dataset", "width", "batch_size", "precision")
}
JSON = flags.DEFINE_bool("json", False, "print JSON")


def main():
    given = {name: flag.value for name, flag in SETTINGS.items() if flag.value is not None}
    configs = {phase: dataclasses.replace(config, **given) for phase, config in PRESETS[PRESET.value].items()}
    run_dirs = {phase: Path(RUN_DIR.value) / f"{PRESET.value}-{phase}" for phase in PHASES}
    parts = doctor.examine(configs, run_dirs, DATA_DIR.value, THREADS.value)
    wrong = [line for part in parts for line in part.wrong]
    if JSON.value:
        print(json.dumps({"parts": {part.title: part.lines for part in parts}, "wrong": wrong}, indent=2))
    else:
        for part in parts:
            print("\n  ".join([part.title, *part.lines]))
        print("\n  ".join(["wrong", *wrong]) if wrong else "nothing is wrong")
    sys.exit(bool(wrong))
