"""What faces people outside a notebook: the command `adviz`, reports, notebooks as pages, `adviz.load`."""
