import keras

from icell_tf import networks
from icell_tf.paper.network_tables import parameters, table_of, tables_of_networks

SMALL = dict(latent_dim=4, width=1 / 16)


def test_table_s1_at_the_papers_size():
    enc_r = networks.build_reference_encoder((256, 256), 2)
    rows = table_of(enc_r)
    assert rows[0] == ("input", "", "", "x_r 256×256×2", "")
    widths = zip((64, 128, 256, 512, 1024, 1024), (128, 64, 32, 16, 8, 4), strict=True)
    stages = [(f"4×4 {width} conv ↓", "BNorm", "PReLU", f"{side}×{side}×{width}") for width, side in widths]
    assert [row[:-1] for row in rows[1:-1]] == [*stages, ("16 FC", "BNorm", "", "16")]
    assert rows[1][-1] == "2,240"  # 4 * 4 * 2 * 64 weights, and scale, offset and slope of 64 channels
    assert rows[-1] == ("total", "", "", "", "28,191,600")
    enc_r.trainable = False  # as in phase 2
    assert parameters(enc_r) == 28_191_600


def test_the_heads_of_table_s5_are_one_row_in_braces():
    rows = table_of(networks.build_conditional_encoder((32, 32), 3, 3, **SMALL), "{softmax, , }")
    weights = 4 * 4 * 16 * (3 + 4 + 4) + 3 * (3 + 4 + 4)  # and bias, scale and offset of each
    assert rows[-2] == ("{3 FC, 4 FC, 4 FC}", "{BNorm, BNorm, BNorm}", "{softmax, , }", "{3, 4, 4}", f"{weights:,}")


def test_tables_s6_and_s7_of_the_paper_and_of_its_released_code():
    paper = table_of(networks.build_conditional_decoder((32, 32), 3, 3, **SMALL), "sigmoid")
    assert [row[:4] for row in paper] == [
        ("input", "", "", "y 3 + z_r 4 + z_s 4"),
        ("256 FC", "BNorm", "PReLU", "4×4×16"),
        ("4×4 8 conv ↑", "BNorm", "PReLU", "8×8×8"),
        ("4×4 4 conv ↑", "BNorm", "PReLU", "16×16×4"),
        ("4×4 3 conv ↑", "BNorm", "sigmoid", "32×32×3"),
        ("total", "", "", ""),
    ]
    released = table_of(networks.build_conditional_decoder((32, 32), 3, 3, architecture="released", **SMALL), "sigmoid")
    assert [row[:3] for row in released[1:3]] == [("log y, at least -25", "", ""), ("256 FC", "", "PReLU")]
    assert released[-2][:3] == ("4×4 3 conv ↑", "", "sigmoid")
    discriminator = table_of(networks.build_image_discriminator((32, 32), 3, 4, width=1 / 16), "softmax")
    assert discriminator[1][:4] == ("+ white noise σ = 0.05", "", "", "32×32×3")
    layers = ", ".join(row[0] for row in discriminator[2:-1])
    assert layers == "4×4 4 conv ↓, 4×4 8 conv ↓, 4×4 4 conv ↓, mean over space"
    assert discriminator[-2][2:4] == ("softmax", "4")


def test_each_table_adds_up_to_its_networks_weights(subject):
    tables = {exhibit.paper: exhibit for exhibit in tables_of_networks(subject)}
    assert list(tables) == [f"Table S{number}" for number in range(1, 8)]
    assert all(len(row) == 5 for exhibit in tables.values() for row in [exhibit.table[0], *exhibit.table[1]])
    symbols = {"Table S2": "dec_r", "Table S3": "enc_d_s", "Table S6": "dec_rs", "Table S7": "dec_d_rs"}
    for paper, symbol in symbols.items():
        rows, network = tables[paper].table[1], subject.networks[symbol]
        *counts, total = (int(row[-1].replace(",", "")) for row in rows[1:])
        assert sum(counts) == total == sum(weight.numpy().size for weight in network.trainable_weights)
        assert rows[-1][-1] in tables[paper].caption and subject.name in tables[paper].caption


def test_table_s3():
    rows = table_of(networks.build_latent_discriminator(), "sigmoid")
    assert [row[:3] for row in rows[1:-1]] == [
        ("1024 FC", "", "leaky ReLU"),
        ("1024 FC", "BNorm", "leaky ReLU"),
        ("512 FC", "BNorm", "leaky ReLU"),
        ("1 FC", "", "sigmoid"),
    ]
    assert rows[-1][-1] == "1,595,393"


def test_layers_of_volumes_and_of_unequal_strides():
    x = keras.Input((8, 16, 16, 2), name="x_r")
    h = keras.layers.Conv3D(6, (3, 4, 4), (1, 2, 2), "same", use_bias=False)(x)
    h = keras.layers.ReLU()(keras.layers.BatchNormalization()(h))
    h = keras.layers.Conv3DTranspose(5, 4, 2, "same", use_bias=False)(h)
    h = keras.layers.GlobalAveragePooling3D()(h)
    rows = table_of(keras.Model(x, keras.layers.Dense(1)(h)), "sigmoid")
    assert [(row[0], row[3]) for row in rows[:-1]] == [
        ("input", "x_r 8×16×16×2"),
        ("3×4×4 6 conv ↓, strides 1×2×2", "8×8×8×6"),
        ("4×4×4 5 conv ↑", "16×16×16×5"),
        ("mean over space", "5"),
        ("1 FC", "1"),
    ]
    assert rows[1][-1] == f"{3 * 4 * 4 * 2 * 6 + 2 * 6:,}"
