"""What the page says where its program can't run."""

from icell_tf.serve.site import PAGE

from .explorers import watch


def test_a_page_that_was_opened_as_a_file_asks_for_a_web_server(page, wrong):
    page.goto((PAGE / "index.html").as_uri())
    assert "it needs a web server" in page.locator("#problem").inner_text()
    assert not page.locator("#loading").is_visible()
    assert any("app.js" in each for each in wrong)  # Chromium refuses it
    wrong.clear()


def test_without_javascript_the_page_asks_for_it(browser, modules_url, wrong):
    with browser.new_context(java_script_enabled=False) as context:
        page = watch(context.new_page(), wrong)
        page.goto(f"{modules_url}index.html")
        assert "This page needs JavaScript." in page.locator("body").inner_text()
        assert not page.locator("#loading").is_visible()
    assert not wrong


def test_a_file_of_the_page_that_can_not_be_loaded_is_named(blank, wrong):
    say = """async () => {
        const { fetchFile } = await import("./fetch.js");
        return fetchFile("cells/3.safetensors").catch((error) => error.message);
    }"""
    assert blank.evaluate(say).startswith("cells/3.safetensors can't be loaded: 404")
    blank.route("**/cells/*", lambda route: route.abort())
    assert blank.evaluate(say) == "cells/3.safetensors can't be loaded: the page's server does not answer."
    wrong.clear()  # Chromium says both, too
