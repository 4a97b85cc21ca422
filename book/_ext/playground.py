"""Sphinx: the directive `playground`, and what stands behind it, made once and kept in `_build/playground`.

    ```{playground} explore walk
    :runs: faces
    :name: fig-live-walk
    The caption.
    ```

`_config.yml` says which runs there are (`playground_runs`: name -> title, or name -> [title, a run's folder]).
"""

import gzip
import hashlib
import html
import json
import shutil
import subprocess
import tarfile
from base64 import b64encode
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from sphinx.errors import ExtensionError
from sphinx.util import logging

import dcgan_core
from dcgan_core import assets
from dcgan_core.errors import UserError
from dcgan_core.files import read_json, write_atomically, write_json
from dcgan_core.runs import Run

KEPT = assets.BUILD / "playground"
RUNTIME = "onnxruntime-web@1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
MOST = 8e6  # bytes of a net that a page may ask its reader to fetch
STATIC = "_static/playground"
SCRIPTS = ("worlds", "controls", "views", "experiments", "playground")
VIEWS = ("explore", "walk", "arithmetic", "forget", "digits")
TIMES = assets.FOLDERS["trials"] / "playground.json"
log = logging.getLogger(__name__)


# --- what the page loads ----------------------------------------------------------------------------------------------


def fetch_runtime(folder):
    """onnxruntime-web's two files from npm, checked; the wasm packed, a quarter of the size. False where there is no npm."""
    wanted = [folder / FILES[0], folder / f"{FILES[1]}.gz"]
    if all(path.is_file() for path in wanted):
        return True
    folder.mkdir(parents=True, exist_ok=True)
    place = ["--pack-destination", str(folder)]
    command = ["npm", "pack", RUNTIME, "--silent", "--fetch-retries=1", *place]
    try:
        name = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=300
        ).stdout.split()[-1]
    except (OSError, subprocess.SubprocessError, IndexError) as error:
        log.info(
            f"no npm, or no network: the playground shows frames ({error})"
        )
        return False
    archive = folder / name
    found = (
        "sha512-"
        + b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    )
    if found != INTEGRITY:
        archive.unlink()
        raise ExtensionError(
            f"{RUNTIME} is not what it was when it was pinned: {found}"
        )
    with tarfile.open(archive) as package:
        code, wasm = (
            package.extractfile(f"package/dist/{file}").read() for file in FILES
        )
    write_atomically(wanted[0], code)
    write_atomically(wanted[1], gzip.compress(wasm, mtime=0))
    archive.unlink()
    return True


def make_world(name, title, source):
    """The folder of a run's world, made where it is not there or anything that it is made from has changed."""
    from dcgan_core.export import world

    place = (
        assets.BUILD.parent / source
    )  # of a run of one's own, from the top of the checkout
    run, folder = Run(place if place.is_dir() else source), KEPT / name
    package = Path(dcgan_core.__file__).parent
    paths = [
        p
        for part in ("export", "inside", "readers")
        for p in sorted((package / part).glob("*.py"))
    ]
    judges, drawings = assets.FOLDERS["judges"], package / "drawings"
    paths += [
        *(
            package / f"{name}.py"
            for name in ("networks", "latent", "pictures")
        ),
        *sorted(drawings.glob("*.py")),
        *sorted(judges.glob("*.safetensors")),
        *sorted(run.path.glob("*.safetensors")),
        run.path / "run.json",
    ]
    h = hashlib.sha256(repr((title, dcgan_core.__version__)).encode())
    for path in paths:
        h.update(path.read_bytes())
    note = folder / "world.json"
    if (
        note.exists()
        and (made := read_json(note, "a world"))["inputs"] == h.hexdigest()
    ):
        return made["world"]
    log.info(f"playground: {name}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = world.write_world(run, folder, title)
    for kind, model in made["models"].items():
        if model["bytes"] > MOST:
            raise ExtensionError(
                f"playground: {name}'s {kind} has {model['bytes'] / 1e6:.1f} MB, more than {MOST / 1e6:.0f}"
            )
    write_json(note, {"inputs": h.hexdigest(), "world": made})
    return made


def prepare(app):
    """Makes all of it and puts it among the site's static files."""
    static, worlds, shared = Path(app.srcdir) / "_static" / "playground", {}, {}
    for name, value in app.config.playground_runs.items():
        title, source = value if isinstance(value, list) else (value, name)
        try:
            worlds[name] = world = make_world(name, title, source)
        except UserError as error:
            raise ExtensionError(f"playground: {error}") from error
        world["z"] = (
            f"{'normal' if world['normal'] else 'uniform'} {world['latent']}"  # most runs share the z of their seeds
        )
        shared[world["z"]] = {key: world.pop(key) for key in ("seeds", "noise")}
        for path in (KEPT / name).iterdir():
            if path.suffix != ".json":
                _link(path, static / name / path.name)
    runtime = KEPT / RUNTIME.replace("@", "-")
    files = sorted(runtime.glob("ort*")) if fetch_runtime(runtime) else []
    for path in files:
        _link(path, static / "ort" / path.name)
    size = sum(path.stat().st_size for path in files)
    known = json.dumps({"engine": size, "z": shared, "worlds": worlds})
    (static / "worlds.js").write_text(f"window.dcganWorlds = {known};\n")


def _only_where_named(app, config):
    """Jupyter Book loads every script and style in `_static` on every page; these are for pages with a playground."""
    for name in ("html_js_files", "html_css_files"):
        setattr(
            config,
            name,
            [
                file
                for file in getattr(config, name)
                if "playground/" not in str(file)
            ],
        )


def _link(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    shutil.copyfile(source, target)


# --- what stands on a page --------------------------------------------------------------------------------------------


class Playground(Directive):
    """Views of some runs: all of them on a page of its own, one in a chapter, captioned and numbered like a figure."""

    optional_arguments = len(VIEWS)
    has_content = True
    option_spec: ClassVar = {
        "runs": directives.unchanged,
        "name": directives.unchanged,
        "share": directives.flag,
    }

    def run(self):
        env = self.state.document.settings.env
        views = self.arguments or list(VIEWS)
        runs = self.options.get(
            "runs", " ".join(env.config.playground_runs)
        ).split()
        for what, asked, known in (
            ("view", views, VIEWS),
            ("run", runs, env.config.playground_runs),
        ):
            if odd := next((a for a in asked if a not in known), None):
                raise self.error(
                    f"playground: no {what} is called {odd!r}; there are: {', '.join(known)}"
                )
        share = " data-share" if "share" in self.options else ""
        first = not env.temp_data.get("playground")  # of this page
        env.temp_data["playground"] = True
        text = (_head() if first else "") + _html(views, runs, share)
        raw = nodes.raw("", text, format="html")
        if not self.content:
            return [raw]
        figure = nodes.figure("", raw, classes=["dcgan-live"])
        caption = nodes.caption()
        self.state.nested_parse(
            self.content, self.content_offset, parsed := nodes.Element()
        )
        for paragraph in parsed.children:
            caption += paragraph.children
        figure += caption
        self.add_name(figure)
        return [figure]


def _html(views, runs, share):
    frames = f"{STATIC}/{runs[0]}/frames.webp"
    about = f"Pictures drawn beforehand by the run {runs[0]}"
    return (
        f'<div class="dcgan-playground" data-views="{" ".join(views)}" data-runs="{html.escape(" ".join(runs))}"{share}>'
        f'<img src="{frames}" alt="{about}" loading="lazy"><noscript><p>Without JavaScript there are only these pictures,'
        " drawn beforehand.</p></noscript></div>"
    )


def _head():
    style = f'<link rel="stylesheet" href="{STATIC}/playground.css">'
    return style + "".join(
        f'<script defer src="{STATIC}/{name}.js"></script>' for name in SCRIPTS
    )


def _table(head, rows):
    def line(cells, tag):
        inside = "".join(f"<{tag}>{html.escape(str(c))}</{tag}>" for c in cells)
        return f"<tr>{inside}</tr>"

    body = "".join(line(row, "td") for row in rows)
    text = f"<thead>{line(head, 'th')}</thead><tbody>{body}</tbody>"
    return nodes.raw(
        "",
        f'<div style="overflow-x: auto" role="region" tabindex="0" aria-label="a table that may be wider than the page"><table class="table">{text}</table></div>',
        format="html",
    )


class Facts(Directive):
    """A table of what is loaded of each run, and how close it is to PyTorch."""

    def run(self):
        rows = []
        for name in self.state.document.settings.env.config.playground_runs:
            made = read_json(KEPT / name / "world.json", "a world")["world"]
            nets = [
                made["models"].get(kind)
                for kind in ("generator", "discriminator")
            ]
            sizes = [
                f"{net['bytes'] / 1e6:.1f}\N{NO-BREAK SPACE}MB" if net else "–"
                for net in nets
            ]
            close = [f"{net['difference']:.2g}" if net else "–" for net in nets]
            named = [d for d in made["directions"] if d["exemplars"]]
            ways = (
                f"{d['name']} ({d['exemplars'][0]}, {d['exemplars'][1]})"
                for d in named
            )
            found = ", ".join(ways) or "the strongest six"
            rows.append(
                [made["title"], sizes[0], close[0], sizes[1], close[1], found]
            )
        head = [
            "",
            "G",
            "of 255",
            "D",
            "logit",
            "directions (exemplars without and with it)",
        ]
        return [_table(head, rows)]


class Times(Directive):
    """A table of what was measured in a browser, which the tests of the site do."""

    def run(self):
        measured = read_json(TIMES, "what was measured")
        return [_table(["timed", measured["where"]], measured["rows"])]


def setup(app):
    app.add_config_value("playground_runs", {}, "html")
    app.add_directive("playground", Playground)
    app.add_directive("playground-facts", Facts)
    app.add_directive("playground-times", Times)
    app.connect("config-inited", _only_where_named)
    app.connect("builder-inited", prepare)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
