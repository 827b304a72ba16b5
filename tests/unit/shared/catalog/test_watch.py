"""A running service takes a good new catalog, and keeps the last good one otherwise."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from shared.catalog import Catalog, CatalogHolder, InvalidCatalog
from shared.catalog.reading import read_files
from tests.support.catalogs import catalog_files, edited, write_catalog
from tests.support.mounted import Mounted

LONGER = edited("touchpoints.yaml", "delay: 1h", "delay: 2h")
BROKEN = edited("touchpoints.yaml", "delay: 1h", "delay: soon")


def delay(holder: CatalogHolder) -> timedelta:
    return holder.current.touchpoint("delivered").delay


def test_a_service_refuses_to_start_on_a_broken_catalog(tmp_path: Path) -> None:
    with pytest.raises(InvalidCatalog, match=r"touchpoints.yaml:4: `delay`: 'soon' is not"):
        CatalogHolder(write_catalog(tmp_path, BROKEN))


def test_a_change_is_taken_once_and_told(tmp_path: Path) -> None:
    holder = CatalogHolder(write_catalog(tmp_path))
    told: list[Catalog] = []
    holder.subscribe(told.append)
    assert not holder.reload()
    write_catalog(tmp_path, LONGER)
    assert holder.reload()
    assert not holder.reload()
    assert delay(holder) == timedelta(hours=2)
    assert told == [holder.current]


def test_a_broken_change_keeps_the_last_good_one_until_it_is_mended(tmp_path: Path) -> None:
    holder = CatalogHolder(write_catalog(tmp_path))
    write_catalog(tmp_path, BROKEN)
    assert not holder.reload()
    assert not holder.reload()
    assert holder.reload_failed
    assert delay(holder) == timedelta(hours=1)
    write_catalog(tmp_path)
    assert not holder.reload()
    assert not holder.reload_failed


def test_a_folder_that_vanishes_and_returns_is_survived(tmp_path: Path) -> None:
    folder = write_catalog(tmp_path / "catalog")
    holder = CatalogHolder(folder)
    shutil.rmtree(folder)
    assert not holder.reload()
    assert holder.reload_failed
    write_catalog(folder, LONGER)
    assert holder.reload()
    assert not holder.reload_failed


def test_a_swapped_link_is_a_change_though_no_file_changed(tmp_path: Path) -> None:
    write_catalog(tmp_path / "1")
    write_catalog(tmp_path / "2", LONGER)
    link = tmp_path / "mounted"
    link.symlink_to(tmp_path / "1")
    holder = CatalogHolder(link)
    link.unlink()
    link.symlink_to(tmp_path / "2")
    assert holder.reload()
    assert delay(holder) == timedelta(hours=2)


CALMER = {
    **LONGER,
    "surveys/delivery.yaml": catalog_files()["surveys/delivery.yaml"].replace(b"Bad", b"Poor"),
    "surveys/other.yaml": catalog_files()["surveys/delivery.yaml"].replace(
        b"delivery", b"other", 1
    ),
}
"""Differs in several files, and in which there are."""


def test_a_mounted_configmap_is_taken_once_when_its_link_moves(tmp_path: Path) -> None:
    mounted = Mounted(tmp_path / "catalog")
    mounted.bring(catalog_files())
    holder = CatalogHolder(mounted.folder)
    told: list[Catalog] = []
    holder.subscribe(told.append)
    assert not holder.reload()
    mounted.bring(CALMER)
    assert [holder.reload(), holder.reload()] == [True, False]
    assert [survey.survey for survey in holder.current.surveys] == ["delivery", "other"]
    mounted.bring(catalog_files())
    assert [holder.reload(), holder.reload()] == [True, False]
    assert (len(told), holder.reload_failed) == (2, False)


def test_a_broken_generation_is_not_taken_and_the_next_good_one_is(tmp_path: Path) -> None:
    mounted = Mounted(tmp_path / "catalog")
    mounted.bring(catalog_files())
    holder = CatalogHolder(mounted.folder)
    mounted.bring(BROKEN)
    assert not holder.reload()
    assert (delay(holder), holder.reload_failed) == (timedelta(hours=1), True)
    mounted.bring(LONGER)
    assert holder.reload()
    assert (delay(holder), holder.reload_failed) == (timedelta(hours=2), False)


@pytest.mark.parametrize("after", range(6))
def test_what_is_read_while_the_link_moves_is_all_of_one_generation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    mounted = Mounted(tmp_path / "catalog")
    mounted.bring(catalog_files())
    read, reads = Path.read_bytes, 0

    def read_and_swap(path: Path) -> bytes:
        nonlocal reads
        if reads == after:
            mounted.bring(CALMER)
        reads += 1
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_and_swap)
    assert read_files(mounted.folder) in (catalog_files(), CALMER)
    assert read_files(mounted.folder) == CALMER
