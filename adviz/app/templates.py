"""Templates of HTML pages; every text in them is escaped, as names of files may be anything."""

from __future__ import annotations

import jinja2


def template(package: str, name: str) -> jinja2.Template:
    """Return the template in the file `name` of a package; a name that is not given is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package, "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
