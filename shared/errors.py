"""Every error Touchback raises on purpose.

TouchbackError
├── InvalidSettings        the environment is wrong: the process does not start
├── InvalidCatalog         the catalog is wrong            (shared/catalog)
├── InvalidRule            an expression does not compile  (shared/rules)
├── RuleFailed             an expression failed at run time (shared/rules)
├── UnreadableMessage      a record that cannot be understood: it goes to the dead letters
├── InvalidLink            a signed link that is forged, expired or for something else
├── SchemaOutdated         the database is older than the program
└── Unavailable            a store or broker is away: try again later

The message of an error is one line that says what is wrong and what would be right.
"""

from __future__ import annotations


class TouchbackError(Exception):
    """Root of all errors raised on purpose."""


class InvalidSettings(TouchbackError):
    """The environment holds a setting that is unknown, missing or malformed."""


class UnreadableMessage(TouchbackError):
    """A record that cannot be understood; retrying it would never help."""


class InvalidLink(TouchbackError):
    """A signed link that is forged, expired or made for another purpose."""


class SchemaOutdated(TouchbackError):
    """The database schema is older than this program."""


class Unavailable(TouchbackError):
    """A store or broker cannot be reached at the moment."""
