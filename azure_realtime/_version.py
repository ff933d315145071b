"""
The version, a literal that setup.cfg reads without importing the package, and the text
of the hint to install an extra.
"""

__version__ = "0.1.0"

#: The end of every error text that misses an extra; ``{}`` is its name. The package is
#: on no index yet, so an extra is installed from a checkout.
INSTALL_HINT = "Run in a checkout of azure_realtime: pip install '.[{}]'"
