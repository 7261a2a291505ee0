import pytest


@pytest.mark.parametrize("name", ["06_layers.ipynb"])
def test_shots(lab_page, name):
    cells = lab_page.run_all(name, seconds=300)
    errors = [o for c in cells for o in c["outputs"] if o["output_type"] == "error"]
    assert errors == []
    for i in range(lab_page.find(".adviz-category").count()):
        lab_page.find(".adviz-category").nth(i).evaluate("p => p.scrollIntoView()")
        lab_page.browser.wait_for_timeout(4000)
        lab_page.screenshot(f"nb_{name[:2]}_{i}")
    lab_page.find(".adviz-metrics").first.evaluate("p => p.scrollIntoView()")
    lab_page.screenshot(f"nb_{name[:2]}_metrics")
