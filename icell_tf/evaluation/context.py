"""What evaluators share: the model, the settings, and what several of them need, made once, when it is first needed."""

from functools import cached_property

from icell_tf.evaluation import compared, detection, draws, judge, unseen
from icell_tf.evaluation.coded_cells import code_cells
from icell_tf.evaluation.drawn import ROOM, Drawn
from icell_tf.evaluation.neighbours import Neighbours
from icell_tf.messages import show


class Context:
    """A model under evaluation, with its coded cells.

    Args:
      subject: `Subject`; the rivals are made from the training cells of its data set.
      draws: draws for the prediction `mean_of_draws` and for their spread, 2 or more.
      seed: of draws, generated cells, resampling and permutations.
      progress: called with a line before each step that takes time.
      detector_steps: numbers of steps for which detectors of draws are trained, one after the other.

    Raises: ValueError: the data set has no test cells, or other structures or another frame than the model.
    """

    def __init__(self, subject, draws=32, seed=0, progress=show, detector_steps=detection.STEPS):
        _check_same_cells(subject.integrator, subject.prepared)
        subject.prepared.size("test")  # raises an error, before any work
        self.subject, self.draws, self.seed, self.progress = subject, draws, seed, progress
        self.detector_steps = detector_steps
        self.integrator, self.prepared = subject.integrator, subject.prepared

    @cached_property
    def train(self):
        """The `CodedCells` that the model was trained on."""
        return self._code(self.prepared.train_split)

    @cached_property
    def test(self):
        """The `CodedCells` of the test split."""
        return self._code("test")

    @cached_property
    def validation(self):
        """The `CodedCells` of the validation split."""
        return self._code("validation")

    @property
    def cells(self):
        """{"train", "validation", "test": `CodedCells`}, without validation where the data set has none."""
        splits = ("train", "validation", "test") if "validation" in self.prepared.splits else ("train", "test")
        return {split: getattr(self, split) for split in splits}

    @cached_property
    def unseen(self):
        """What is `Unseen`: how unlike the training cells others are. It takes validation cells."""
        return unseen.measure(self.integrator, self.prepared, self.cells)

    @cached_property
    def neighbours(self):
        """The `Neighbours` of other cells among those that the model was trained on."""
        return Neighbours(self.integrator, self.train)

    @cached_property
    def drawn(self):
        """What is `Drawn` in the test cells, for the parts that look at the same draws."""
        return Drawn(self.integrator, self.test, self.draws, self.seed, first=draws.MOST_CELLS, room=ROOM)

    @cached_property
    def judge(self):
        """The `Judge`, trained on the training cells."""
        self.progress("training the judge of generated cells")
        return judge.train_judge(self.train, self.seed)

    @cached_property
    def samples(self):
        """{name: `Sample`}: generated cells and those they are compared with."""
        return compared.samples(self.integrator, self.test, self.train, self.seed)

    @cached_property
    def seen(self):
        """{name of a sample: what is `Seen` in it}, of all but noise-free cells."""
        judge = self.judge
        return {name: compared.look(sample, judge) for name, sample in self.samples.items() if name != "noise-free"}

    def _code(self, split):
        self.progress(f"coding the cells of split {split!r}")
        return code_cells(self.integrator, self.prepared, split)


def _check_same_cells(integrator, prepared):
    if differences := integrator.spec.differences(prepared.spec):
        raise ValueError(
            f"--dataset: {prepared.dataset} has other cells than the model was trained on: {'; '.join(differences)}. "
            "Build these cells with the model's settings, or evaluate on the data set of its training"
        )
