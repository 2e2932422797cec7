"""How Sphinx builds the manual: `make docs`. The site loads nothing from the network."""

from sbh_jobkit.version import __version__

project = "sbh-jobkit"
author = "the sbh-jobkit authors"
copyright = f"2026, {author}"
release = __version__
extensions = ["myst_parser"]
exclude_patterns = ["_static"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = "sbh-jobkit"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/mark.svg"
html_logo = "_static/mark.svg"
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6e6e", "color-brand-content": "#0b6e6e"},
    "dark_css_variables": {"color-brand-primary": "#5fd0c5", "color-brand-content": "#5fd0c5"},
}
