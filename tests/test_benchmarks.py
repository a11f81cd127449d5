"""The FLOPs that the benchmark of the training step counts."""

import keras

from benchmarks import train_step


def test_flops_of_a_network_by_hand():
    x = keras.Input((8, 8, 2))
    h = keras.layers.Conv2D(3, 4, strides=2, padding="same")(x)  # 4x4 positions of 4 * 4 * 2 * 3 weights
    h = keras.layers.BatchNormalization()(h)
    h = keras.layers.Conv2DTranspose(1, 4, strides=2, padding="same")(h)  # as many, of 4 * 4 * 3 * 1
    network = keras.Model(x, keras.layers.Dense(5)(keras.layers.Flatten()(h)))  # 64 * 5 weights
    assert train_step.network_flops(network) == [2 * 16 * 96, 2 * 16 * 48, 2 * 320]


def test_flops_of_the_papers_step():
    """Phase 1, 256 pixels: 4.90 GFLOP a pass of encoder or decoder, 3.83 of the image discriminator."""
    model = train_step.build("reference", 256, 1.0)
    assert round(train_step.step_flops(model) / 1e9, 1) == 83.2
