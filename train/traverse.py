"""Shows what varies along dimensions of the latent codes, or what lies between two cells."""

from icell_tf.cli.icell import run

if __name__ == "__main__":
    run("traverse")
