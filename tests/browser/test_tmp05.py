def test_05(shared_page):
    cells = shared_page.run_all("05_one_class.ipynb", seconds=400)
    assert not [o for c in cells for o in c["outputs"] if o["output_type"] == "error"]
    b = shared_page.browser
    panel = shared_page.find(".jp-WindowedPanel-outer, .jp-Notebook").first
    n = shared_page.find(".jp-Cell").count()
    for i in range(0, n, 2):
        shared_page.find(".jp-Cell").nth(i).scroll_into_view_if_needed()
        b.wait_for_timeout(300)
        shared_page.screenshot(f"t05_{i:02}")
