"""Files in, files out: `inputs` reads cells, `outputs` writes what a model says of them, `fields` cuts cells out."""
