"""Shows what varies along dimensions of the latent codes, or what lies between two cells."""

from icell_tf.cli.command import start
from icell_tf.cli.traverse import main

if __name__ == "__main__":
    start(main)
