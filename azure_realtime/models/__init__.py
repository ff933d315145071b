"""
Strictly private.
"""
