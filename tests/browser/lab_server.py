"""JupyterLab as `adviz lab` starts it, on a free port and away from the user's settings.

And what to say to it.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

TOKEN = "adviz-browser-test"  # noqa: S105 (guards a server that lives for one test run)
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false"},
}

# Opens a notebook in the Lab, or takes the one that Notebook 7 has opened, and runs all its cells;
# resolves to its code cells when the last one is done.
RUN_ALL = """async ([path, seconds]) => {
  const opened = async app => {
    if (!document.body.dataset.notebook)
      return app.commands.execute('docmanager:open', {path, factory: 'Notebook'});
    while (!app.shell.currentWidget) await new Promise(done => setTimeout(done, 50));
    return app.shell.currentWidget;
  };
  const run = async () => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = await opened(app);
    await panel.context.ready;
    await panel.revealed;
    await panel.sessionContext.ready;
    await app.commands.execute('notebook:run-all-cells');
    return panel.content.model.toJSON().cells.filter(cell => cell.cell_type === 'code');
  };
  const late = new Promise((_, no) =>
    setTimeout(() => no(new Error(`${path} ran for ${seconds} s`)), 1000 * seconds));
  return Promise.race([run(), late]);
}"""
RUN_CELL = """async number => {
  const app = window.jupyterapp;
  app.shell.currentWidget.content.activeCellIndex = number;
  await app.commands.execute('notebook:run-cell');
}"""
SHUT_DOWN = "async () => { await window.jupyterapp.serviceManager.sessions.shutdownAll(); }"


# The smallest contrast of all texts inside an element: the nearest background that is not
# transparent is behind them.
CONTRAST = """element => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => parts(colour).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor, [, , , alpha = 1] = parts(colour);
      if (alpha === 1) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), found = [];
  while (texts.nextNode())
    if (texts.currentNode.data.trim()) found.push(texts.currentNode.parentElement);
  return Math.min(...found.map(node => {
    const [a, b] = [getComputedStyle(node).color, ground(node)].map(light).sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
}"""


@dataclass(frozen=True)
class LabServer:
    url: str  # without a path
    folder: Path  # what it serves


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(home):
    """Return the environment of a Lab whose settings.

    Kernels and run-time files all live in `home`.
    """
    for plugin, values in SETTINGS.items():
        file = home / "settings" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    (home / "config").mkdir()
    for name, application in (("lab", "LabApp"), ("notebook", "JupyterNotebookApp")):
        exposed = {application: {"expose_app_in_browser": True}}
        (home / "config" / f"jupyter_{name}_config.json").write_text(json.dumps(exposed))
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    own = {name: str(home / folder) for name, folder in folders.items()}
    # Bars, as for a user
    inherited = {name: value for name, value in os.environ.items() if name != "ADVIZ_PROGRESS"}
    return {**inherited, **own, "JUPYTER_TOKEN": TOKEN}


def wait_until_it_answers(url, process, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/api", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer within {seconds} s")


@contextmanager
def running_lab(home):
    """Start `adviz lab` with everything below `home`.

    Yields a LabServer and stops it, kernels included.
    """
    port, folder, log = free_port(), home / "notebooks", home / "server.log"
    command = [
        sys.executable,
        "-m",
        "adviz.app.cli",
        "lab",
        str(folder),
        "--no-browser",
        "--port",
        str(port),
    ]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=environment(home), stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}", process)
        yield LabServer(f"http://127.0.0.1:{port}", folder)
    except (RuntimeError, TimeoutError) as error:
        error.add_note(log.read_text()[-3000:])
        raise
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def write_notebook(folder, name, *sources):
    """Write a notebook of code cells where the Lab finds it."""
    # Else Lab asks
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [new_code_cell(source) for source in sources]
    nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / name)
