"""
The version, which setup.cfg reads without importing the package, and the hint to
install an extra.
"""

#: The version of this package.
__version__ = "0.1.0"

#: The end of every error text about an extra that is not installed; ``{}`` is its name.
#: The package is not on an index, so extras are installed from a checkout.
INSTALL_HINT = "Run in a checkout of azure_realtime: pip install '.[{}]'"
