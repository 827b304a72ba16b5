"""A ConfigMap as the kubelet mounts it: generations in hidden folders, one link that is moved."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.catalogs import write_catalog


@dataclass
class Mounted:
    """The folder that a container sees; its files are links through `..data`."""

    folder: Path
    generation: int = 0

    def bring(self, files: Mapping[str, bytes]) -> None:
        """Put other content in the place of the present, in the kubelet's order of steps."""
        self.folder.mkdir(exist_ok=True)
        data, old = self.folder / "..data", self.folder / self._name()
        self.generation += 1
        write_catalog(self.folder / self._name(), files)
        moved = self.folder / "..data_tmp"
        moved.symlink_to(self._name())
        moved.rename(data)
        seen = {Path(name).parts[0] for name in files}
        for name in seen:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(Path("..data") / name)
        for each in self.folder.iterdir():
            if each.name not in seen and not each.name.startswith(".."):
                each.unlink()
        if self.generation > 1:
            shutil.rmtree(old)

    def _name(self) -> str:
        return f"..2026_03_02_08_00_{self.generation:02}.123456789"
