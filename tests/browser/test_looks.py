"""How the page looks and whether all can use it: sizes, modes, keyboard, axe. Its pictures stay in build/browser."""

import pathlib

import pytest

from .explorers import Explorer, watch

PICTURES = pathlib.Path(__file__).resolve().parents[2] / "build" / "browser"
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
STATES = {
    "typical": "cell=tom20-0274",
    "draw": "cell=tom20-0274&view=draw&draw=2",
    "spread": "cell=tom20-0274&view=spread",
    "walk": "cell=tom20-0274&to=fibrillarin-0263&share=50",
    "codes": "cell=lamin-b1-0091&z_r=8:-1.50",
    "new": "new=alpha-tubulin&view=draw&seed=2",
    "few": "cell=zo1-0231&hide=alpha-actinin,beta-actin,desmoplakin,myosin-iib,zo1&opacity=sec61-beta:50",
}
OPEN_ALL = """() => {
    document.querySelectorAll("details").forEach((each) => { each.name = ""; each.open = true; });
    document.querySelectorAll("#upload, #masks-file, #masks-channels").forEach((each) => { each.hidden = false; });
}"""


@pytest.fixture
def explorer(browser, shipped_rest, size, scheme, wrong):
    width, height = SIZES[size]
    sharpness = 2 if size == "phone" else 1
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=sharpness
    )
    yield Explorer(watch(context.new_page(), wrong), shipped_rest)
    context.close()
    assert not wrong


def photograph(explorer, name, whole=True):
    PICTURES.mkdir(parents=True, exist_ok=True)
    explorer.page.screenshot(path=PICTURES / f"{name}.png", full_page=whole)


def require_no_violations(page):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert not serious, [(each["id"], each["nodes"][0]["html"]) for each in serious]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_state_is_accessible_and_fits(explorer, size, scheme):
    for name, state in STATES.items():
        explorer.open(state)
        explorer.page.wait_for_selector("#classes:not([hidden])")
        width = explorer.page.evaluate("document.documentElement.scrollWidth")
        assert width <= SIZES[size][0], f"{name} is {width} px wide"
        photograph(explorer, f"{name}_{size}_{scheme}")
        if name in ("typical", "walk"):
            require_no_violations(explorer.page)
    open_all = "document.querySelectorAll('details').forEach((each) => { each.name = ''; each.open = true; })"
    show = (
        "for (const id of ['upload', 'masks-file', 'masks-channels']) { document.getElementById(id).hidden = false; }"
    )
    explorer.page.evaluate(f"{open_all}; {show}")
    assert explorer.page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    require_no_violations(explorer.page)
    photograph(explorer, f"all_{size}_{scheme}")


@pytest.mark.parametrize("size, scheme", [("phone", "light")])
def test_the_picture_stays_in_sight_of_the_sliders_on_a_phone(explorer):
    explorer.open(STATES["typical"]).page.locator("#z_r input").first.scroll_into_view_if_needed()
    explorer.page.evaluate("window.scrollBy(0, 300)")
    box = explorer.page.locator("#mini").bounding_box()
    assert box["y"] == 0 and box["height"] > 150
    photograph(explorer, "sliders_phone_light", whole=False)


@pytest.mark.parametrize("size, scheme", [("desktop", "light")])
def test_all_is_reached_by_keyboard_with_visible_focus(explorer):
    page = explorer.open(STATES["draw"]).page
    page.evaluate("document.activeElement.blur()")
    seen = []
    for _ in range(80):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                """() => {
                    const now = document.activeElement, style = (each) => getComputedStyle(each);
                    const marked = [now, now.closest("label")].filter(Boolean).some(
                        (each) => style(each).outlineStyle !== "none" && parseFloat(style(each).outlineWidth) > 0);
                    return [now.id || now.name || now.tagName, marked];
                }"""
            )
        )
        if seen[-1][0] == "BODY":
            break
    names = [name for name, _ in seen]
    assert names[:2] == ["skip", "cell"] and seen[-1][0] == "BODY"
    wanted = [
        "own-file",
        "view",
        "contrast",
        "draw",
        "seed",
        "next-seed",
        "lock",
        "save-png",
        "all",
        "shown",
        "walk-to",
        "z_r-1",
    ]
    wanted = [name for name in wanted if name not in ("own-file", "z_r-1")]  # in what is folded
    places = [names.index(name) for name in wanted]
    assert places == sorted(places)
    assert [name for name, marked in seen[:-1] if not marked] == []


@pytest.mark.parametrize("size, scheme", [("desktop", "light")])
def test_nothing_moves_where_motion_is_unwanted(explorer):
    page = explorer.open(STATES["typical"]).page
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("document.getElementById('composite-figure').setAttribute('aria-busy', 'true')")
    assert page.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize("size, scheme", [("desktop", "light")])
def test_a_page_without_its_files_says_so(explorer, wrong):
    explorer.page.route("**/explorer.json", lambda route: route.fulfill(status=404))
    explorer.page.goto(explorer.url)
    explorer.page.wait_for_selector("#problem:not([hidden])")
    assert "explorer.json can't be read" in explorer.text("#problem")
    assert not explorer.page.locator("#loading").is_visible()
    assert "404" in wrong.pop()  # Chromium says it, too
