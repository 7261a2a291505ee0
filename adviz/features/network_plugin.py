"""A network on every worker of a Dask cluster, those included that are started later."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin, get_worker

if TYPE_CHECKING:
    from adviz.features.backbone import Backbone


class Network(WorkerPlugin):  # type: ignore[misc]  # distributed has no types
    """A backbone that a worker keeps."""

    def __init__(self, name: str, backbone: Backbone) -> None:
        self.name = name
        self.backbone = backbone


@contextmanager
def on_workers(client: Any, backbone: Backbone) -> Iterator[str]:
    """Send a backbone to the workers; yield the name by which their tasks get it.

    Raises
    ------
    TypeError: it cannot be sent to other processes.
    """
    name = f"adviz-network-{uuid.uuid4().hex}"
    try:
        client.register_plugin(Network(name, backbone))
    except (TypeError, AttributeError) as error:
        raise TypeError(
            "expected a backbone that can be sent to the workers (a named network, or a module "
            f'without locks and open files, with runtime="torch"), got {backbone!r} ({error})'
        ) from error
    try:
        yield name
    finally:
        client.unregister_worker_plugin(name)


def network_here(name: str) -> Backbone:
    """Return the backbone of that name; a Dask task calls it."""
    plugin: Network = get_worker().plugins[name]
    return plugin.backbone
