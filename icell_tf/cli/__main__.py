"""`python -m icell_tf.cli` is `icell`."""

from icell_tf.cli.icell import main

if __name__ == "__main__":
    main()
