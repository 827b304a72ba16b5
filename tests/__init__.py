"""The tests of Touchback; a package, so that they share `tests.support`."""
