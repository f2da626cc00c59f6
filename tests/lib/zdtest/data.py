"""Where test data and scratch space are."""

import atexit
import gzip
import os
import pathlib
import shutil
import tarfile
import tempfile

from zdtest.runner import Skip

_scratch = []
REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


def shared(name):
    """The path of a shared data file; raises Skip when there is none."""
    places = [pathlib.Path(os.environ["ZONEDECK_DATA"])] if "ZONEDECK_DATA" in os.environ else []
    places.append(REPOSITORY.parent / "shared" / "data")
    for place in places:
        if (place / name).is_file():
            return place / name
    raise Skip(f"no {name}; set ZONEDECK_DATA to the folder that holds it")


def scratch(prefix="zdtest-"):
    """A new folder that any user may enter, removed at the end of the program.

    Short, since the path of a unix socket has at most 107 bytes."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
    path.chmod(0o755)
    if not os.environ.get("ZONEDECK_KEEP"):
        _scratch.append(path)
    return path


@atexit.register
def _remove_scratch():
    """Registered before zdtest.servers stops its servers, and so run after it."""
    for path in _scratch:
        shutil.rmtree(path, ignore_errors=True)


def root_zone(folder):
    """The root zone's text, unpacked into a folder."""
    path = folder / "root.zone"
    with gzip.open(shared("root.zone.gz")) as packed, open(path, "wb") as out:
        shutil.copyfileobj(packed, out)
    return path


def ferret(folder):
    """The Ferret tests, unpacked; the folder that holds ValidZoneFileTests."""
    with tarfile.open(shared("ferret-dev.tar.gz")) as archive:
        # Python before 3.11.4 knows no filter.
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return next(folder.rglob("ValidZoneFileTests")).parent
