"""The command `adviz`, reports, notebooks as HTML pages, and `adviz.load`."""
