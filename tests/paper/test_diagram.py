import numpy as np

from icell_tf import networks
from icell_tf.paper import diagram
from icell_tf.paper.network_tables import parameters
from icell_tf.viz import plots


def test_the_diagram_has_the_networks_sizes_and_shapes(subject):
    red = np.full((8, 8, 3), (255, 0, 0), np.uint8)
    figure = diagram.draw_model(subject.networks, {"x_rs": red})
    texts = [text.get_text() for text in figure.axes[0].texts]
    for symbol, network in subject.networks.items():
        assert any(f"{parameters(network):,} parameters" in text for text in texts), symbol
    for text in ("$x^r$   32×32×2", r"$\hat{x}^{r,s}$   32×32×3", "$z^r$   4", r"$\hat{y}$   10", "3 conv ↓, 4 to 16"):
        assert text in texts
    for equation in (3, 5, 6, 8, 10, 11, 13, 14):
        assert any(text.endswith(f"eq. {equation}") for text in texts)
    picture = plots.render(figure)
    assert picture.shape == (1040, 1600, 3)
    center = 1040 - round(100 * diagram.LOWER), round(100 * (diagram.IMAGE[0] + diagram.IMAGE[1] / 2))
    assert (picture[center[0] - 60 : center[0] + 60, center[1] - 60 : center[1] + 60] == (255, 0, 0)).all()


def test_networks_in_a_line():
    assert diagram._layers(networks.build_latent_discriminator(4)) == "FC 1024, 1024, 512, 1"
    assert diagram._layers(networks.build_reference_decoder((64, 64), 2, 4, width=1 / 16)) == "4 conv ↑, 16 to 2"
