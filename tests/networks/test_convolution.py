"""Where convolutions are computed as matrix products; test_plain.py compares them with Keras' convolutions."""

import numpy as np
import pytest
import tensorflow as tf

from icell_tf import networks
from icell_tf.networks import convolution
from icell_tf.networks.convolution import DoublingConv2DTranspose, HalvingConv2D

FEW, SOME, MANY = 3, 40, 80  # channels of 4x4 pixels


def count(layer, shape, operation):
    """How many operations of a type a layer's outputs and gradients take."""

    @tf.function
    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        return y, *tape.gradient(y, [x, *layer.trainable_variables])

    layer.build(shape)
    operations = run.get_concrete_function(tf.TensorSpec(shape)).graph.get_operations()
    return sum(each.type == operation for each in operations)


@pytest.mark.parametrize(("channels", "products"), [(FEW, 0), (SOME, 1), (MANY, 3)])
def test_products_are_taken_where_they_are_faster(channels, products):
    assert count(HalvingConv2D(filters=5, matrix_products=True), (2, 4, 4, channels), "MatMul") == products
    assert count(DoublingConv2DTranspose(filters=channels, matrix_products=True), (2, 2, 2, 5), "MatMul") == products


@pytest.mark.parametrize("gpus", [[], ["a GPU"]])
def test_the_choice_is_made_by_the_machine_when_a_layer_is_made(gpus, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    layers = [HalvingConv2D(filters=5), DoublingConv2DTranspose(filters=MANY)]
    monkeypatch.undo()
    for layer, shape in zip(layers, [(2, 4, 4, MANY), (2, 2, 2, 5)], strict=True):
        assert layer.matrix_products == (not gpus)
        assert count(layer, shape, "MatMul") == 3 * layer.matrix_products


def test_patches_are_added_where_they_were_taken():
    ones = tf.ones([1, 2, 3, 4, 4, 1])
    added = convolution._overlap_add(ones)[0, :, :, 0]
    # One output sees a pixel of the edge along that axis, two outputs see any other pixel.
    rows, columns = [1, 2, 2, 1], [1, 2, 2, 2, 2, 1]
    np.testing.assert_array_equal(added, np.outer(rows, columns))


def test_the_papers_networks_take_products_where_images_are_small():
    encoder = networks.build_reference_encoder((256, 256), 2)
    sizes = [layer.input.shape[1] for layer in encoder.layers if isinstance(layer, HalvingConv2D)]
    graph = tf.function(encoder).get_concrete_function(tf.TensorSpec([8, 256, 256, 2])).graph
    convolved = [operation.inputs[0].shape[1] for operation in graph.get_operations() if operation.type == "Conv2D"]
    assert sizes == [256, 128, 64, 32, 16, 8] and convolved == sizes[:-1]
