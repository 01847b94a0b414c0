"""Workers have the driver's packages, whatever else bears their names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers.pools.packages import PACKAGES, folder_digest, own_packages, pin

ROOT = Path(__file__).parents[2]
NAMES = ("cells", "search", "tasks", "workers")
THEIRS = "raise SystemExit('this is not the package that you want')\n"
JOB_WITH_OWN_OP = """
import sys

from cells import load_op, parse
from tests.support.jobs import job
from workers import PoolOptions, RayPool

sys.path.append("")  # where a person's own module is
load_op("mine:cube")
cell = parse("def f(x, h):\\n    return cube(linear(x) + linear(h))")
pool = RayPool(PoolOptions(1))
pool.submit(job(cell, ops=("mine:cube",), budget=2))
answer = pool.next(timeout_s=120)
print(answer[1].results[0].status, pool.workers()[0]["code"])
pool.close()
"""
CUBE = """
from cells import Op

cube = Op("cube", "activation", 1, lambda xp, a: a * a * a)
"""


def strangers(folder, names, *, as_folders):
    for name in names:
        path = folder / name / "__init__.py" if as_folders else folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(THEIRS)


def python(code, folder, **environment):
    """What Python says that has this project on its path, and not the folder."""
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("as_folders", [False, True], ids=["files", "folders"])
def test_pinned_packages_are_found_past_others_of_their_names(tmp_path, as_folders):
    strangers(tmp_path, NAMES, as_folders=as_folders)
    (tmp_path / "mine.py").write_text("own = True\n")
    # As in a process of Ray's: the file is not imported from a package.
    source = (ROOT / "workers/pools/packages.py").read_text()
    code = (
        f"import sys\nsys.path.insert(0, '')\nscope = {{'__name__': 'sent'}}\n"
        f"exec({source!r}, scope)\nscope['pin']({own_packages()!r})\n"
        "import cells, tasks.base, workers.job.job, mine\n"
        "print(cells.__file__, tasks.__file__, workers.__file__, mine.own)"
    )
    done = python(code, tmp_path)
    assert not done.returncode, done.stderr
    files = [str(ROOT / name / "__init__.py") for name in PACKAGES]
    assert done.stdout.split() == [*files, "True"]


def test_a_copy_elsewhere_on_the_path_is_found_by_what_is_in_it(tmp_path, monkeypatch):
    code = "answer = 42\n"
    for folder in ("sent", "other"):
        (tmp_path / folder / "parcel").mkdir(parents=True)
        (tmp_path / folder / "parcel/__init__.py").write_text(code)
    digest = folder_digest(tmp_path / "sent/parcel")
    assert digest == folder_digest(tmp_path / "other/parcel")
    (tmp_path / "other/parcel/more.py").write_text("")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(sys, "path", [str(tmp_path / "other"), str(tmp_path / "sent")])
    pin({"parcel": ("/driver/parcel", digest)})
    (found,) = [f.find_spec("parcel") for f in sys.meta_path[:1]]
    assert found.origin == str(tmp_path / "sent/parcel/__init__.py")


def test_other_code_than_the_drivers_is_refused():
    with pytest.raises(ImportError, match=r"no folder on this machine .* of tasks, /x"):
        pin({"tasks": ("/x/tasks", "0123456789abcdef")})


@pytest.mark.slow
def test_ray_workers_are_the_drivers_in_a_folder_of_strangers(tmp_path):
    strangers(tmp_path, NAMES[:2], as_folders=True)
    strangers(tmp_path, NAMES[2:], as_folders=False)
    (tmp_path / "mine.py").write_text(CUBE)
    done = python(JOB_WITH_OWN_OP, tmp_path, TMPDIR="/tmp")
    assert not done.returncode, done.stderr
    assert done.stdout.split() == ["OK", str(ROOT)]
