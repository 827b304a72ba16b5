"""YAML as people mean it: `on` is a word, `20:00` is a text, and every value knows its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from shared.catalog.findings import Finding


class _Loader(yaml.SafeLoader):
    """Scalars of YAML 1.2: its 1.1 reading makes `on` a boolean and `20:00` a number."""

    yaml_implicit_resolvers = {}


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""]
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$"),
    list("-+0123456789."),
)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its plain data, and the nodes that know where everything stands."""

    file: str
    data: Any
    node: yaml.Node | None

    def line(self, path: Sequence[str | int], *, key: bool = False) -> int:
        """Return the line of the value at `path`, or of its key; steps it lacks are passed over."""
        node, mark = self.node, self.node
        for step in path:
            found = _step(node, step)
            if found is not None:
                mark, node = found if key else (found[1], found[1])
        return 1 if mark is None else mark.start_mark.line + 1


def parse(file: str, content: bytes) -> tuple[Document | None, list[Finding]]:
    """Return the document, and findings; None when it cannot be read at all."""
    try:
        loader = _Loader(content.decode("utf-8-sig"))
        node = loader.get_single_node()
        twice = list(_duplicates(file, node, set()))
        data = None if node is None else loader.construct_document(node)
    except UnicodeDecodeError:
        return None, [Finding(file, 1, "not text in UTF-8, save it as UTF-8")]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"not YAML: {error.problem}, check quotes and indentation"
        return None, [Finding(file, mark.line + 1 if mark else 1, message)]
    except yaml.YAMLError as error:
        return None, [Finding(file, 1, f"not YAML: {' '.join(str(error).split())}")]
    return Document(file, data, node), twice


def _step(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next((pair for pair in node.value if pair[0].value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _duplicates(file: str, node: yaml.Node | None, seen: set[int]) -> Iterator[Finding]:
    """Find keys given twice, of which YAML would silently keep the last."""
    if node is None or id(node) in seen or isinstance(node, yaml.ScalarNode):
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if str(key.value) in first:
                message = f'"{key.value}" stands here a second time, the first is on line '
                yield Finding(file, line, f"{message}{first[str(key.value)]}: keep one")
            first.setdefault(str(key.value), line)
            yield from _duplicates(file, value, seen)
    else:
        for item in node.value:
            yield from _duplicates(file, item, seen)
