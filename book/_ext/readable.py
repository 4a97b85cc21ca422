"""Sphinx: what a phone and a screen reader need."""


def _one_menu(app, config):
    """Without this the theme adds a hidden bar whose menu buttons come first, so that those to be seen open nothing."""
    config.html_theme_options.setdefault("navbar_persistent", [])


def setup(app):
    app.connect("config-inited", _one_menu)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
