"""
Settings of Sphinx. `build.py` prepares the pages and calls Sphinx with this folder.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from docstrings import as_restructured_text
from reference_pages import NOT_CONSTRUCTED
from sphinx.domains.python import PyObject
from sphinx.util.nodes import make_refnode

from azure_realtime import __version__

project = "azure_realtime"
author = "azure_realtime contributors"
version = release = __version__
extensions = ["sphinx.ext.autodoc", "myst_nb"]

html_theme = "furo"
html_title = f"azure_realtime {version}"
html_theme_options = {"navigation_with_keys": True}
html_static_path = ["style"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = html_show_copyright = False

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_use_type_comments = False
maximum_signature_line_length = 80
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"

myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 60
nb_execution_show_tb = True


def without_internals(
    _app: Any, _what: str, name: str, _value: Any, _options: Any, *signature: Any
) -> tuple[str, str | None] | None:
    """
    Return a signature without the default that attrs shows for new objects.

    A class whose instances the package makes has none.
    """
    arguments, result = signature
    if name in NOT_CONSTRUCTED:
        return "", None
    return arguments and (arguments.replace("= NOTHING", "= ..."), result)


def linked_by_its_end(app: Any, env: Any, node: Any, content: Any) -> Any:
    """
    Return the link of a name such as `AzureRealTimeAudio.ask` in any module, or None.

    Docstrings name what `help` finds without its module. Several candidates are none.
    """
    if node.get("refdomain") != "py":
        return None
    objects, end = env.get_domain("py").objects, f".{node['reftarget']}"
    # the name of the file in which it is defined is an alias of its entry
    found = {
        (each.docname, each.node_id)
        for name, each in objects.items()
        if name.endswith(end)
    }
    if len(found) != 1:
        return None
    (page, anchor), start = found.pop(), node["refdoc"]
    return make_refnode(app.builder, start, page, anchor, content, node["reftarget"])


def setup(app: Any) -> None:
    """
    Read the docstrings of the package.
    """
    app.connect("autodoc-process-signature", without_internals)
    app.connect("missing-reference", linked_by_its_end)
    app.connect("autodoc-process-docstring", as_restructured_text)
    for field in PyObject.doc_field_types:
        if field.name == "variable":  # of `napoleon_use_ivar`; Sphinx says "Variables"
            field.label = "Attributes"
