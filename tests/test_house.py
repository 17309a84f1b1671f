"""The house: layers, light imports, documented commands and names, packaging."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import napari_fluoroinject

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "napari_fluoroinject"
HEAVY = ("napari", "qtpy", "cupy", "dask", "pynetdicom", "matplotlib", "numba", "pydicom")


def run_python(code: str) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout.strip()


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_importing_the_package_loads_nothing_heavy():
    loaded = run_python(
        f"import sys, napari_fluoroinject; print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert loaded == "[]"


def test_the_command_line_gives_help_before_anything_heavy_is_loaded():
    names = ("numpy", "scipy", *HEAVY)
    loaded = run_python(
        f"import sys, napari_fluoroinject.cli; print([m for m in {names!r} if m in sys.modules])"
    )
    assert loaded == "[]"


def test_importing_the_package_costs_at_most_two_tenths_of_a_second_more_than_numpy():
    code = (
        "import numpy, time; t = time.process_time(); import napari_fluoroinject; "
        "print(time.process_time() - t)"
    )
    assert min(float(run_python(code)) for _ in range(3)) <= 0.2


def test_analysing_a_phantom_loads_no_viewer_network_or_gpu_library():
    loaded = run_python(
        "import sys\n"
        "from napari_fluoroinject import analyze\n"
        "from napari_fluoroinject.phantom import PhantomSettings, make_phantom\n"
        "loop = make_phantom('mbb_lumbar', settings=PhantomSettings(size=128, frames=16)).loop\n"
        "analyze(loop, 'mbb_lumbar')\n"
        "names = ('napari', 'qtpy', 'cupy', 'dask', 'pynetdicom', 'matplotlib')\n"
        "print([m for m in names if m in sys.modules])"
    )
    assert loaded == "[]"


@pytest.mark.parametrize("name", napari_fluoroinject.__all__)
def test_every_public_name_resolves_and_is_documented(name):
    value = getattr(napari_fluoroinject, name)
    assert name == "__version__" or value.__doc__
    assert name in dir(napari_fluoroinject)


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = napari_fluoroinject.no_such_name


def test_every_module_opens_with_a_sentence():
    silent = [
        str(path.relative_to(PACKAGE))
        for path in modules()
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_functions_stay_short_and_modules_readable():
    long_functions = [
        f"{path.relative_to(PACKAGE)}:{node.name} {node.end_lineno - node.lineno + 1}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > 70
    ]
    assert long_functions == []


def test_no_two_test_modules_of_one_run_have_one_name():
    # pytest takes the second for the first; the viewer's are a run of their own
    tests = list((ROOT / "tests").rglob("test_*.py"))
    for run in (
        [path.name for path in tests if "viewer" not in path.parts],
        [path.name for path in tests if "viewer" in path.parts],
    ):
        assert sorted(run) == sorted(set(run))


def test_the_import_contracts_hold():
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_both_manifests_are_one_text():
    assert (ROOT / "napari.yaml").read_text() == (PACKAGE / "napari.yaml").read_text()


def test_the_wheel_built_from_the_sdist_holds_every_data_file(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    wheel = next(tmp_path.glob("*.whl"))
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(path.relative_to(PACKAGE.parent))
        for pattern in ("*.py", "*.toml", "*.json", "*.yaml", "*.cu", "*.cuh", "py.typed")
        for path in PACKAGE.rglob(pattern)
    }
    assert wanted - held == set()
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as sdist:
        assert any(name.endswith("/napari.yaml") for name in sdist.getnames())


def test_every_command_is_documented_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    from napari_fluoroinject.cli import app

    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    assert names
    spelt = [name.replace("_", "-") for name in names]  # as the command line spells them
    assert [name for name in spelt if f"fluoroinject {name}" not in readme] == []


def test_every_procedure_is_documented_in_the_readme():
    from napari_fluoroinject import procedures

    readme = (ROOT / "README.md").read_text()
    assert [key for key in procedures.all_keys() if key not in readme] == []


@pytest.mark.parametrize("heading", ["Quick start", "Tests"])
def test_the_readme_has_one_command_block_under(heading):
    readme = (ROOT / "README.md").read_text()
    section = readme.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    assert section.count("```sh") == 1


def test_no_text_in_the_product_calls_a_result_safe_or_negative():
    words = ("is safe", "safe to inject", "negative for", "no vascular uptake")
    said = [
        f"{path.name}: {word}"
        for path in [*modules(), *PACKAGE.rglob("*.toml"), ROOT / "README.md"]
        for word in words
        if word in path.read_text().lower()
    ]
    assert said == []
