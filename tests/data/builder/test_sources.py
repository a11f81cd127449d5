"""The cells of each kind of build, and their splits."""

import pytest

from icell_tf import structures
from icell_tf.data.builder import sources
from icell_tf.data.builder.config import CONFIGS, IntegratedCellConfig
from icell_tf.data.builder.integrated_cell import IntegratedCellBuilder
from icell_tf.imaging import prepare


@pytest.mark.parametrize(
    ("name", "image_size", "pixel_size", "counts"),
    [
        ("simulated_64", 64, 0.6, (2000, 400, 400)),
        ("simulated_3d", (32, 64, 64), 0.6, (2000, 400, 400)),
        ("simulated_demo", 64, 0.6, (1000, 100, 100)),
        ("simulated", 256, 0.317, None),
    ],
)
def test_registered_configs_hold_the_promised_cells(tmp_path, name, image_size, pixel_size, counts):
    builder = IntegratedCellBuilder(data_dir=tmp_path, config=name)
    assert (builder.builder_config.image_size, builder.builder_config.pixel_size) == (image_size, pixel_size)
    shape = (image_size, image_size) if isinstance(image_size, int) else image_size
    assert builder.info.features["image"].shape == (*shape, 3)
    cells, bad_cells, _ = sources.list_cells(builder.builder_config, None)
    divided = sources.divide(builder.builder_config, cells, range(len(cells)))
    assert not bad_cells
    assert builder.builder_config.cells == len(cells)
    found = tuple(len(divided[split]) for split in ("train", "validation", "test"))
    if counts:
        assert found == counts
    else:
        total = sum(structure.total for structure in structures.STRUCTURES)
        assert sum(found) == total
        assert found[0] / total == pytest.approx(0.9, abs=0.005)
    assert len({cell.cell_id for cell in cells}) == sum(found)
    assert {i for i, cell in enumerate(cells) if cell.expected_draws} == set(divided["test"])


def test_volumes_and_pictures_are_of_the_same_cells_in_the_same_splits():
    configs = {config.name: config for config in CONFIGS}
    pictures, volumes = (configs[name] for name in ("simulated_64", "simulated_3d"))
    cells, _, _ = sources.list_cells(pictures, None)
    assert sources.list_cells(volumes, None)[0] == cells
    everything = range(len(cells))
    assert sources.divide(volumes, cells, everything) == sources.divide(pictures, cells, everything)


def test_thresholds_of_a_config_count_for_all_cells(real_data):
    """The masks of `hela3d` have soft edges: without thresholds they are refused."""
    frame = {"image_size": 64, "pixel_size": 1.0}
    refused = IntegratedCellConfig(name="hela", **frame)
    cells, _, _ = sources.list_cells(refused, real_data / "hela3d")
    found = prepare.examine(cells[0], refused.frame)
    assert isinstance(found, prepare.BadCell) and 'key of --config: "mask_threshold": 127.5' in found.reason
    soft = {"mask_threshold": 127, "channel_threshold": "membrane:127,nucleus:127"}
    config = IntegratedCellConfig(name="hela", **frame, **soft)
    assert config.arguments().items() >= soft.items()
    cells, bad_cells, _ = sources.list_cells(config, real_data / "hela3d")
    assert len(cells) == 151 and not bad_cells
    record, findings = prepare.examine(cells[0], config.frame)
    assert set(prepare.decoded(record["image"])[..., 0].ravel()) >= {0, 255} and findings.ranges[0] == (0, 1)
