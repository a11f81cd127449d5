"""Examines this machine before a long run: python train/doctor.py --preset=small."""

from icell_tf.cli.command import start
from icell_tf.cli.doctor import main

if __name__ == "__main__":
    start(main)
