"""The two passes over the cells of a build, in this machine's processes or on Apache Beam.

The first pass prepares every cell and finds those that can't be used. The second pass hands the good cells to TFDS,
split by split. Neither keeps pictures in memory: memory does not grow with the number of cells.
"""

import array
import functools
import os
import pickle
import tempfile
import uuid

import tensorflow_datasets as tfds

from icell_tf.data.builder import lines
from icell_tf.imaging import prepare
from icell_tf.imaging.manifest.cells import BadCell
from icell_tf.imaging.parallel import WorkerPool


def open_passes(config, cells, folder, beam_options=None, beam_runner=None):
    """Returns the passes over the cells of a build; `close` removes their temporary files.

    Args:
      config: an `IntegratedCellConfig`.
      cells: sequence of all cells.
      folder: for temporary files; made if it is missing.
      beam_options, beam_runner: as TFDS' DownloadConfig has them; with one of them, the passes run on Apache Beam.
    """
    examine = functools.partial(prepare.examine, frame=config.frame, preparation=config.preparation)
    folder.mkdir(parents=True, exist_ok=True)
    if beam_options or beam_runner:
        return BeamPasses(cells, examine, folder, beam_options, beam_runner)
    return LocalPasses(cells, examine, folder)


class LocalPasses:
    """Prepares each cell once, on all cores, and keeps the records in a temporary file until the second pass.

    The temporary file has no name, so that it disappears with the process, even if the process is killed.

    Args:
      cells: sequence of all cells.
      examine: cell -> (record, Findings) or a `BadCell`; importable.
      folder: for the temporary file.
    """

    def __init__(self, cells, examine, folder):
        self._cells, self._examine = cells, examine
        self._records = tempfile.TemporaryFile(dir=folder)
        self._places = array.array("q")

    def close(self):
        self._records.close()

    def examine(self):
        """Runs the first pass: yields for every cell, in order, its `Findings` or its `BadCell`."""
        with WorkerPool() as pool:
            outcomes = pool.map(functools.partial(lines.examine_packed, examine=self._examine), self._cells)
            options = {"desc": "Examining cells", "unit": " cells", "leave": False, "mininterval": 1.0}
            for outcome in tfds.core.utils.tqdm(outcomes, total=len(self._cells), **options):
                self._places.append(self._records.tell())
                if isinstance(outcome, BadCell):
                    yield outcome
                else:
                    packed, findings = outcome
                    pickle.dump(packed, self._records, pickle.HIGHEST_PROTOCOL)
                    yield findings

    def records(self, indices):
        """Yields the records of good cells."""
        for index in indices:
            self._records.seek(self._places[index])
            yield lines.unpack(pickle.load(self._records))

    def examples(self, indices):
        """Returns the second pass over the good cells of a split, as TFDS takes it: pairs (id, record)."""
        return ((record["cell_id"], record) for record in self.records(indices))


class BeamPasses:
    """Runs both passes as pipelines of Apache Beam; each prepares the cells, so that no pictures are kept between them.

    This process and the workers exchange lists of cells and findings through small files in a temporary folder,
    because a pipeline itself can't hold many cells. The workers need `icell_tf`, and see the cells' files under the
    same paths.

    Args:
      cells, examine: see `LocalPasses`.
      folder: for the temporary folder; it may be on a remote file system that Beam knows.
      options, runner: of the pipelines, as TFDS' DownloadConfig has them.
    """

    def __init__(self, cells, examine, folder, options, runner):
        self._cells, self._examine = cells, examine
        self._options, self._runner = options, runner
        self._folder = tfds.core.Path(f"{folder}/incomplete.examination_{uuid.uuid4().hex[:8]}")

    def close(self):
        if self._folder.exists():
            self._folder.rmtree()

    def examine(self):
        """Runs the first pass: yields for every cell, in order, its `Findings` or its `BadCell`."""
        beam = _import_beam()
        cells = self._read_cells("all", range(len(self._cells)))
        found = os.fspath(self._folder / "found")
        with beam.Pipeline(runner=self._runner, options=self._options) as pipeline:
            _ = pipeline | cells | beam.Map(lines.examine_line, self._examine) | beam.io.WriteToText(found)
        outcomes = {}
        for path in sorted(self._folder.glob("found*")):
            with path.open() as file:
                outcomes |= dict(map(lines.decode, file))
        for index in range(len(self._cells)):
            yield outcomes.pop(index)

    def records(self, indices):
        """Yields the records of good cells, prepared in this process."""
        for index in indices:
            record, _ = self._examine(self._cells[index])
            yield record

    def examples(self, indices):
        """Returns the second pass over the good cells of a split, as TFDS takes it: a transform to (id, record)."""
        beam = _import_beam()
        # The splits share no cell, so the first index makes a file name that only this split has.
        return self._read_cells(indices[0], indices) | beam.Map(lines.make_example, self._examine)

    def _read_cells(self, name, indices):
        """Writes a file of (index, cell), one a line; returns the transform that reads it."""
        beam = _import_beam()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"cells-{name}"
        with path.open("w") as file:
            file.writelines(lines.encode((index, self._cells[index])) + "\n" for index in indices)
        return beam.io.ReadFromText(os.fspath(path)) | beam.Reshuffle()


def _import_beam():
    """Returns Apache Beam's module. Raises: ImportError: it is not installed; the message says what to install."""
    try:
        import apache_beam
    except ImportError as error:
        raise ImportError(
            f"Builds on several machines need Apache Beam ({error}): pip install 'icell_tf[build]'"
        ) from error
    return apache_beam
