"""What the benchmarks count and how they take turns; no figure of this machine."""

import http.server
import threading
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from benchmarks import (
    adapt,
    compare_folds,
    onnx_graphs,
    photograph,
    projected_volumes,
    serving,
    streaming,
    throughput,
    train_step,
)
from icell_tf.data.builder import sources
from icell_tf.data.builder.config import CONFIGS, IntegratedCellConfig
from icell_tf.export.onnx import write_graph
from tests.data.test_batches import assert_equal


def test_flops_of_a_network_by_hand():
    x = keras.Input((8, 8, 2))
    h = keras.layers.Conv2D(3, 4, strides=2, padding="same")(x)  # 4x4 positions of 4 * 4 * 2 * 3 weights
    h = keras.layers.BatchNormalization()(h)
    h = keras.layers.Conv2DTranspose(1, 4, strides=2, padding="same")(h)  # as many, of 4 * 4 * 3 * 1
    network = keras.Model(x, keras.layers.Dense(5)(keras.layers.Flatten()(h)))  # 64 * 5 weights
    assert train_step.network_flops(network) == [2 * 16 * 96, 2 * 16 * 48, 2 * 320]


def test_flops_of_the_papers_step():
    """Phase 1, 256 pixels: 4.90 GFLOP a pass of encoder or decoder, 3.83 of the image discriminator."""
    model = train_step.build("reference", train_step.square_spec(256), 1.0)
    assert round(train_step.step_flops(model) / 1e9, 1) == 83.2


def test_flops_of_a_network_of_volumes_by_hand():
    x = keras.Input((8, 8, 8, 2))
    h = keras.layers.Conv3D(3, 4, strides=2, padding="same")(x)  # 4x4x4 positions of 4 * 4 * 4 * 2 * 3 weights
    network = keras.Model(x, keras.layers.Conv3DTranspose(1, 4, strides=2, padding="same")(h))
    assert train_step.network_flops(network) == [2 * 64 * 384, 2 * 64 * 192]


def test_the_size_of_pictures_and_of_volumes():
    assert train_step.shape_of("64") == (64, 64) and train_step.shape_of("32,64,64") == (32, 64, 64)
    spec = train_step.spec_of((8, 16, 16))
    assert (spec.axes, spec.shape, spec.pixel_size) == ("ZYX", (8, 16, 16), (0.3, 0.3, 0.3))
    for text in ("32,64", "a"):
        with pytest.raises(ValueError, match=text):
            train_step.shape_of(text)


def test_the_papers_hours_are_those_of_both_phases():
    rows = [{"preset": "paper", "hours of the run": 5.0}, {"preset": "small", "hours of the run": 1.0}]
    assert throughput.projected_hours(rows) is None
    assert throughput.projected_hours([*rows, {"preset": "paper", "hours of the run": 7.5}]) == 12.5


def test_functions_take_turns_and_their_first_two_do_not_count():
    turns = []
    seconds = throughput.interleaved({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, 3)
    assert "".join(turns) == "ab" * 5
    assert set(seconds) == {"a", "b"} and all(0 <= value < 1 for value in seconds.values())


def test_the_batch_of_noise_is_as_a_model_takes_it():
    spec = train_step.square_spec(32)
    batch = train_step.random_batch(spec, 4)
    assert batch["x"].shape == (4, *spec.image_shape) and batch["structure"].shape == (4,)


def test_the_input_gives_cells_from_files_and_from_memory(prepared):
    assert all(throughput.input_rate(prepared, 4, 1, cache=cache, mirror=True) > 0 for cache in ("off", "on"))


def test_the_yardstick_of_streaming_has_the_same_batches(prepared):
    assert_equal(streaming.in_memory_batches(prepared, 8, 3, 2), prepared.training_batches(8, 3, 2, cache="off"))


def test_graphs_are_compared_function_by_function(make_integrator, make_export, tmp_path):
    few = ["encode_reference", "sample"]
    for function in few:
        write_graph(make_integrator().networks, function, tmp_path / f"{function}.onnx")
    rows = onnx_graphs.compare(make_integrator(), make_export(), tmp_path, 3, 1)
    assert [row["function"] for row in rows] == few
    for row in rows:
        assert row["largest difference"] < 1e-4 and row["MB"] > 0.01
        assert row["ratio"] == row["ONNX ms"] / row["SavedModel ms"]


def test_a_table_has_a_column_a_figure():
    rows = [{"px": 64, "mirror": False, "ratio": 560.512}, {"px": 256, "mirror": True, "ratio": 39.1}]
    assert throughput.table(rows).splitlines() == [" px  mirror  ratio", " 64   False  560.5", "256    True   39.1"]


HELA = {"name": "hela", "image_size": [16, 64, 64], "pixel_size": [0.45, 1.0, 1.0], "mask_threshold": 0}
HELA |= {"channel_threshold": "membrane:0,nucleus:0"}


def similar(config, every, manual_dir=None):
    """The medians over cells of the correlations of volumes with pictures, (2, C)."""
    cells = sources.list_cells(config, manual_dir)[0][::every]
    return np.median([projected_volumes.correlations(cell, config.frame, config.preparation) for cell in cells], axis=0)


@pytest.mark.parametrize("normalization", ["maximum", "percentile"])
def test_projected_volumes_are_like_the_pictures_of_their_stacks(real_data, normalization):
    found = similar(IntegratedCellConfig(**HELA, normalization=normalization), 19, real_data / "hela3d")
    assert found[0].min() > 0.98 and found[1, 1:].min() > 0.98  # a filled membrane is the same all over a cell


def test_projected_volumes_of_simulated_cells_are_like_their_pictures():
    found = similar(next(config for config in CONFIGS if config.name == "simulated_3d"), 700)
    assert found.shape == (2, 3) and found[0].min() > 0.98 and found[1, 1:].min() > 0.98


def test_answers_are_counted_against_the_key(tmp_path, capsys):
    (tmp_path / "key.csv").write_text("pair,structure,observed\n1,tom20,left\n2,zo1,right\n3,zo1,left\n")
    photograph.count_right("l r, R", tmp_path)
    printed = capsys.readouterr().out
    assert printed.startswith("right in 2 of 3 (0.67;") and "tom20: 1 of 1" in printed and "zo1: 1 of 2" in printed
    with pytest.raises(SystemExit, match="3 letters l or r are needed, found 'lx'"):
        photograph.count_right("lx", tmp_path)


def test_folds_are_compared_cell_by_cell_and_only_the_same_ones(tmp_path):
    def write(name, fold, rows):
        folder = tmp_path / name / fold / "evaluation"
        folder.mkdir(parents=True)
        lines = ["cell_id,structure,predicted,r_model,r_mean_of_draws", *rows]
        (folder / "cells.csv").write_text("\n".join(lines) + "\n")

    write("new", "fold-1", ["a,tom20,tom20,0.5,0.4", "b,zo1,zo1,0.7,0.8"])
    write("old", "fold-1", ["b,zo1,tom20,0.4,0.8", "a,tom20,tom20,0.6,0.3"])
    new, old = (compare_folds.read(tmp_path / name) for name in ("new", "old"))
    found = compare_folds.differences(new, old)
    assert found["r of Algorithm 3"] == pytest.approx([-0.1, 0.3])
    assert found["r of the mean of draws"] == pytest.approx([0.1, 0]) and found["accuracy"].tolist() == [0, 1]
    write("new", "fold-2", ["c,zo1,zo1,0.7,0.8"])
    with pytest.raises(SystemExit, match="other cells, or other folds"):
        compare_folds.differences(compare_folds.read(tmp_path / "new"), old)
    with pytest.raises(SystemExit, match="has no fold"):
        compare_folds.read(tmp_path / "nothing")


def test_starts_are_compared_cell_by_cell_from_what_is_kept(tmp_path):
    """Two seeds, of which each cell's mean counts: the second cell gains 0.2, the others 0.1."""
    for seed in (0, 1):
        about = {"class_mean": np.full(3, 0.5), "seconds": 1.0}
        r = np.array([0.5, 0.6, 0.7]) + 0.1 * seed
        np.savez(tmp_path / f"24-150-{seed}-scratch.npz", r=r, hit=np.array([0.0, 0, 1]), **about)
        np.savez(tmp_path / f"24-150-{seed}-init.npz", r=r + [0.1, 0.2, 0.1], hit=np.array([0.0, 1, 1]), **about)
    head, of_r, of_accuracy = adapt.table(
        SimpleNamespace(work=tmp_path, cells=[24], steps=[150], seeds=2, init="runs/small-sampler")
    ).splitlines()
    assert head.split("  ")[0] == "cells"
    assert of_r.split()[:3] == ["24", "150", "0.500"] and " 0.650         0.783      +0.133 (" in of_r
    assert "accuracy" in of_accuracy and " 0.333         0.667      +0.333 (" in of_accuracy


class _Third(http.server.BaseHTTPRequestHandler):
    """Answers every third request with 503."""

    protocol_version, count = "HTTP/1.1", 0

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        type(self).count += 1
        self.send_response(503 if self.count % 3 == 0 else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_requests_to_a_server_are_counted_by_answers():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Third) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            port, request = server.server_address[1], (b"{}", {"content-type": "application/json"})
            times, failed = serving.load(port, request, clients=1, seconds=0.5)
            assert len(times) + failed == _Third.count > 0 and failed == _Third.count // 3
            first = serving.first_and_steady(port, request)
            assert first["ratio"] == first["first ms"] / first["steady ms"] > 0
        finally:
            server.shutdown()


def test_a_row_on_serving_by_hand():
    row = serving.row_of([0.004] * 98 + [0.1, 0.2], failed=1, seconds=4, rate=50.0)
    expected = {"requests/s": 25, "p50 ms": 4, "p99 ms": 200, "failed": 1, "loop cells/s": 50, "ratio": 0.5}
    assert row == expected
