"""The two passes over the cells of a build, in this machine's processes or on Apache Beam.

The first pass prepares every cell and finds those that can't be used; the second hands the good ones to TFDS, split by
split. Neither keeps pictures in memory, so that it does not grow with the number of cells.
"""

import array
import os
import pickle
import tempfile
import uuid

import tensorflow_datasets as tfds

from icell_tf.imaging import prepare
from icell_tf.imaging.manifest.cells import BadCell
from icell_tf.imaging.parallel import WorkerPool


class LocalPasses:
    """Prepares each cell once, on all cores; until the second pass the records lie in a file without a name.

    A file without a name goes when the process ends, however it ends.

    Args:
      cells: sequence of all cells.
      function: cell -> (record, Findings) or a `BadCell`; importable.
      folder: where the records may lie for a time.
    """

    def __init__(self, cells, function, folder):
        self._cells, self._function = cells, function
        self._records = tempfile.TemporaryFile(dir=folder)
        self._places = array.array("q")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._records.close()

    def examine(self):
        """The first pass: yields for every cell, in order, its `Findings` or its `BadCell`."""
        with WorkerPool() as pool:
            outcomes = pool.map(self._function, self._cells)
            options = {"desc": "Examining cells", "unit": " cells", "leave": False, "mininterval": 1.0}
            for outcome in tfds.core.utils.tqdm(outcomes, total=len(self._cells), **options):
                self._places.append(self._records.tell())
                if isinstance(outcome, BadCell):
                    yield outcome
                else:
                    record, findings = outcome
                    pickle.dump(record, self._records, pickle.HIGHEST_PROTOCOL)
                    yield findings

    def records(self, indices):
        """Yields the records of good cells."""
        for index in indices:
            self._records.seek(self._places[index])
            yield pickle.load(self._records)

    def examples(self, indices):
        """The second pass: what TFDS takes as a split."""
        return ((record["cell_id"], record) for record in self.records(indices))


class BeamPasses:
    """Both passes as pipelines of Apache Beam; each prepares the cells, so that no pictures are kept between them.

    What is sent between this process and the workers, lists of cells and what was found, goes through small files in a
    temporary folder, because a pipeline of itself can't hold many cells. The workers need `icell_tf`, and see the
    cells' files under the same paths.

    Args:
      cells, function: see `LocalPasses`.
      folder: where the temporary folder goes; it may be one of a remote file system that Beam knows.
      options, runner: of the pipelines, as TFDS' DownloadConfig has them.
    """

    def __init__(self, cells, function, folder, options, runner):
        self._cells, self._function = cells, function
        self._options, self._runner = options, runner
        self._folder = f"{folder}/incomplete.examination_{uuid.uuid4().hex[:8]}"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if tfds.core.Path(self._folder).exists():
            tfds.core.Path(self._folder).rmtree()

    def examine(self):
        """The first pass: yields for every cell, in order, its `Findings` or its `BadCell`."""
        import apache_beam as beam

        cells = self._listed("all", range(len(self._cells)))
        found = f"{self._folder}/found"
        with beam.Pipeline(runner=self._runner, options=self._options) as pipeline:
            _ = pipeline | cells | beam.Map(prepare.examine_line, self._function) | beam.io.WriteToText(found)
        outcomes = {}
        for path in sorted(tfds.core.Path(self._folder).glob("found*")):
            with path.open() as file:
                outcomes |= dict(map(prepare.from_line, file))
        for index in range(len(self._cells)):
            yield outcomes.pop(index)

    def records(self, indices):
        """Yields the records of good cells, prepared here."""
        for index in indices:
            record, _ = self._function(self._cells[index])
            yield record

    def examples(self, indices):
        """The second pass: what TFDS takes as a split."""
        import apache_beam as beam

        # The splits share no cell, so that the first one's index makes a file name of this split's own.
        return self._listed(indices[0], indices) | beam.Map(prepare.example_of_line, self._function)

    def _listed(self, name, indices):
        """A transform to the lines of a file of (index, cell)."""
        import apache_beam as beam

        path = tfds.core.Path(self._folder) / f"cells-{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            file.writelines(prepare.to_line((index, self._cells[index])) + "\n" for index in indices)
        return beam.io.ReadFromText(os.fspath(path)) | beam.Reshuffle()
