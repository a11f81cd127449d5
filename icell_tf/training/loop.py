"""The training loop of a run, which can be stopped at any moment: steps, validation, saving, signals."""

import contextlib
import functools
import math
import signal
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from icell_tf.inference.loading import integrator_of
from icell_tf.messages import counted, show
from icell_tf.training import callbacks, machine, metric_state
from icell_tf.training.acceleration import AUTO
from icell_tf.training.errors import GO_ON, Stopped, TrainingError
from icell_tf.training.store import EVENTS

PICTURES = 8  # cells a picture
PICTURE_TIMES = 6  # pictures of each kind over a run, at least
SAVE_SECONDS = 600  # between saves in an epoch that takes longer
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Notes a first SIGINT or SIGTERM, so that training stops after the step; a second one ends the process."""

    signal = None  # or the one that came

    @contextlib.contextmanager
    def handling(self):
        """Within, signals are noted; outside the main thread, where Python can't handle signals, nothing changes."""
        try:
            self.before = {number: signal.signal(number, self._note) for number in SIGNALS}
        except ValueError:
            self.before = {}
        try:
            yield
        finally:
            self._restore()

    def _note(self, number, frame):
        self.signal = signal.Signals(number)
        self._restore()

    def _restore(self):
        for number, handler in self.before.items():
            signal.signal(number, handler)


class SaveRun(keras.callbacks.Callback):
    """After each epoch writes the curves, the last weights, and the best ones if the monitored loss was never lower.

    Within an epoch it saves the last weights if the epoch takes long, or if a signal has come. A state with NaN or
    infinite losses is not saved and ends the run. All workers save at the same step.

    Args: store, a `RunStore`; steps, of an epoch; step, trained before, in a resumed run; stop, a `StopRequest`.

    Raises: TrainingError: if losses or weights are not finite. Stopped: after a signal, once the step is saved.
    """

    def __init__(self, store, steps, step=0, stop=None):
        super().__init__()
        self.store, self.workers, self.steps, self.step = store, store.workers, steps, step
        self.stop = stop or StopRequest()
        self.saved, self.due = step, time.monotonic() + SAVE_SECONDS

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        self._refuse_broken(logs or {})
        if self.step % self.steps == 0:
            return  # the epoch's end saves
        stopped, due = self._requests()
        if stopped or due:
            self._commit()
            self._stop_if(stopped)

    def on_epoch_end(self, epoch, logs=None):
        logs = {name: float(value) for name, value in (logs or {}).items()}
        self._refuse_broken(logs)
        self.store.write_curves({"epoch": epoch, **logs})
        self._commit()
        self.store.keep_best()
        self._stop_if(self._requests()[0])

    def _requests(self):
        """Returns the signal that came to any worker, or 0, and whether the chief's clock says to save."""
        requests = self.workers.gather([self.stop.signal or 0, time.monotonic() > self.due])
        return max(requests[:, 0]), requests[0, 1]

    def _commit(self):
        broken = broken_networks(self.model)
        if broken:
            self._refuse(f"The weights of {', '.join(broken)}")
        metrics = self.workers.mean(metric_state.read(self.model))
        metric_state.write(self.model, metrics)  # as a resumed run has them, so that both round in the same way
        try:
            self.store.commit(self.model, metrics)
        except TrainingError as error:
            raise TrainingError(f"At {self._place()}, {error}. {self._saved()}") from error
        self.saved, self.due = self.step, time.monotonic() + SAVE_SECONDS

    def _stop_if(self, stopped):
        if stopped:
            raise Stopped(
                f"Stopped by {signal.Signals(stopped).name} after {self._place()}, which is saved in "
                f"{self.store.run_dir}. From there {GO_ON}, and ends as if it had not been stopped."
            )

    def _refuse_broken(self, logs):
        broken = [name for name, value in logs.items() if not math.isfinite(value)]
        if broken:
            self._refuse(", ".join(broken))

    def _refuse(self, broken):
        raise TrainingError(
            f"{broken} became NaN or infinite at {self._place()}. {self._saved()} Start anew, with a lower "
            "--learning_rate and another --run_dir or --overwrite"
        )

    def _place(self):
        epoch, step = divmod(self.step - 1, self.steps)
        return f"step {self.step} (epoch {epoch + 1}, step {step + 1} of {self.steps})"

    def _saved(self):
        kept = f"{self.store.run_dir} holds the weights after step {self.saved}."
        return kept if self.saved else "Nothing was saved yet."


def write_card(card, store, run, prepared, epoch, logs):
    """In the last epoch writes the run's model card, before the save that completes the run."""
    if epoch + 1 == run.config.epochs:
        last = {"epoch": epoch, **{name: float(value) for name, value in logs.items()}}
        try:
            card.record_training(store.run_dir, run, prepared, [*store.rows, last])
        except (OSError, ValueError) as error:  # such as test cells that can't be read, which training doesn't need
            show(f"Warning: the model card of {store.run_dir} is not written: {error}")


def broken_networks(model):
    """Returns the names of a model's networks that have weights which are not finite."""
    return [
        network.name
        for network in model.trained.values()
        if not all(np.isfinite(variable.numpy()).all() for variable in network.weights)
    ]


def fit(model, run, prepared, store, metrics=None, card=None, cache=AUTO):
    """Trains a run's compiled model from the step that it has reached to the last, saves it, and prints the result.

    Args:
      model: made in the scope of the strategy of the store's workers, with the weights to continue from.
      run, prepared, store: its `Run`, `PreparedCells`, and `RunStore` after `repair`.
      metrics: the state of the metrics of an epoch that was interrupted.
      card, cache: as of `experiment.train_reference`.

    Raises: TrainingError, Stopped, TensorFlow's errors, as when memory runs out. DatasetError: if a file of cells is
      damaged.
    """
    config, workers = run.config, store.workers
    steps, step = prepared.steps_per_epoch(config.batch_size), int(model.step.numpy())
    completed, done = divmod(step, steps)
    how = {"balanced": config.balanced, "mirror": config.mirror}
    span = (config.batch_size, config.seed, config.epochs, completed)

    def keep():
        return {"cache": cache, "free": machine.memory()[1]}

    batches = workers.distribute(workers.together(lambda: prepared.training_batches(*span, skip=done, **how, **keep())))
    train_step, remaining = _compile_step(model.train_step, batches, workers, model.jit_compile), iter(batches)
    all_cells = prepared.batches(prepared.train_split, config.batch_size)
    validation = None
    if "validation" in prepared.splits:
        validation = workers.distribute(
            workers.together(lambda: prepared.batches("validation", config.batch_size, **keep()))
        )
        test_step = _compile_step(model.test_step, validation, workers, model.jit_compile)
    stop = StopRequest()
    followers = keras.callbacks.CallbackList(
        _callbacks(run, prepared, model, SaveRun(store, steps, step, stop), card),
        add_progbar=workers.is_chief and sys.stdout.isatty(),
        model=model,
        verbose=1,
        epochs=config.epochs,
        steps=steps,
    )

    with stop.handling():
        followers.on_train_begin()
        for epoch in range(completed, config.epochs):
            model.reset_metrics()
            if done:
                metric_state.write(model, metrics)
            followers.on_epoch_begin(epoch)
            for number in range(done, steps):
                followers.on_train_batch_begin(number)
                logs = train_step(next(remaining))
                followers.on_train_batch_end(number, logs)
            done = 0
            curves = _results(model, logs)
            workers.agree(workers.together(lambda: model.end_epoch(all_cells)))
            if validation is not None:
                model.reset_metrics()
                for batch in validation:
                    logs = test_step(batch)
                curves |= {f"val_{name}": value for name, value in _results(model, logs).items()}
            followers.on_epoch_end(epoch, curves)
        followers.on_train_end()
    if workers.is_chief:
        watched = model.metric_names[0]
        shown = (f"{name} {curves[name]:.4f}" for name in (watched, f"val_{watched}") if name in curves)
        show(
            f"Trained the {run.phase} model ({model.count_params():,} weights) for {counted(config.epochs, 'epoch')} "
            f"on {run.dataset}: {', '.join(shown)}. Weights, curves and TensorBoard's files: {store.run_dir}"
        )


def _compile_step(step, batches, workers, jit):
    """Returns a compiled function from a batch to {name: mean over all devices}.

    Args:
      step: a function from a device's part of a batch to {name: scalar}.
      batches: as `Workers.distribute` returns them.
    """
    strategy = workers.strategy

    @tf.function(input_signature=[batches.element_spec], jit_compile=jit, autograph=False)
    def on_all_devices(batch):
        logs = strategy.run(lambda: step(workers.part_of_device(batch)))
        return {name: strategy.reduce("MEAN", value, axis=None) for name, value in logs.items()}

    return on_all_devices


def _results(model, logs):
    """Returns the epoch's value of each metric that a step logs, {name: float}."""
    results = model.get_metrics_result()
    return {name: float(results[name]) for name in logs}


def _callbacks(run, prepared, model, save, card):
    """Everything of an epoch is written before `save` commits it."""
    config, store = run.config, save.store
    cool_down = callbacks.CoolDown(config.learning_rate, config.cooldown, config.epochs)
    if not save.workers.is_chief:
        return [cool_down, save]
    cells, labels = {}, {}
    for name, split in {"train": prepared.train_split, "validation": "validation"}.items():
        if name in prepared.splits:
            cells[name], labels[name] = prepared.first(split, PICTURES)
    if run.phase == "reference":
        draw = functools.partial(callbacks.reference_pictures, model, cells, config.seed)
    else:
        pictures = {"conditional": callbacks.conditional_pictures, "sampler": callbacks.sampler_pictures}[run.phase]
        integrator = integrator_of(model, from_targets=run.from_targets)
        draw = functools.partial(pictures, integrator, cells, labels, config.seed)
    log_dir = store.run_dir / EVENTS
    write = functools.partial(write_card, card, store, run, prepared)
    return [
        cool_down,
        callbacks.LogCurves(log_dir),
        callbacks.LogPictures(log_dir, draw, max(1, config.epochs // PICTURE_TIMES), config.epochs),
        *([] if sys.stdout.isatty() else [callbacks.ShowEpochs(config.epochs)]),
        callbacks.WatchDiscriminators(save.steps, store.rows),
        *([keras.callbacks.LambdaCallback(on_epoch_end=write)] if card else []),
        save,
    ]
