"""Examines this machine before a long run: python train/doctor.py --preset=small."""

from icell_tf.cli.icell import run

if __name__ == "__main__":
    run("doctor")
