"""launch.py: what it installs on each kind of machine, and that each fault says what to do and the next start mends it.

Real starts run in a small project of their own: this launch.py, a webui.cli that tells what it was given, and
wheels a few hundred bytes small that bear the pinned names and versions.
"""

import ast
import base64
import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest

import launch
from launch import BUILDS, CPU, PYPI_CPU, PYPI_CUDA, PYPI_UNUSED_CUDA, Machine, StartError, Venv, plan

pytestmark = pytest.mark.skipif(os.name == "nt", reason="these tests use POSIX signals, locks and links")

BASE_PYTHON = getattr(sys, "_base_executable", sys.executable)
INDEX = "https://download.pytorch.org/whl/"
CLI = """
import json, os, sys
import tiny
seen = dict(words=sys.argv[1:], cwd=os.getcwd(), tiny=tiny.version, prefix=sys.prefix, offline=os.environ["HF_HUB_OFFLINE"])
print(json.dumps(seen))
sys.exit(7 if "--fail" in sys.argv else 0)
"""


# ---- Which PyTorch -----------------------------------------------------------------------------------------

PLAIN = "torch==2.10.0 torchvision==0.25.0"
XFORMERS = "xformers==0.0.35"


@pytest.mark.parametrize(
    ("machine", "installs"),
    [
        (Machine("linux", "x86_64", "nvidia"), [f"{PLAIN} {XFORMERS}"]),
        (
            Machine("linux", "x86_64", "nvidia-legacy"),
            [f"torch==2.10.0+cu126 torchvision==0.25.0+cu126 --extra-index-url {INDEX}cu126", PLAIN],
        ),
        (
            Machine("linux", "x86_64", "amd"),
            [f"torch==2.10.0+rocm7.1 torchvision==0.25.0+rocm7.1 --extra-index-url {INDEX}rocm7.1", PLAIN],
        ),
        (
            Machine("linux", "x86_64", "none"),
            [f"torch==2.10.0+cpu torchvision==0.25.0+cpu --extra-index-url {INDEX}cpu", PLAIN],
        ),
        (
            Machine("linux", "arm64", "nvidia"),
            [f"torch==2.10.0+cu128 torchvision==0.25.0 --extra-index-url {INDEX}cu128", PLAIN],
        ),
        (Machine("linux", "arm64", "none"), [PLAIN]),
        (Machine("macos", "arm64", "apple"), [PLAIN]),
        (
            Machine("windows", "x86_64", "nvidia"),
            [f"torch==2.10.0+cu128 torchvision==0.25.0+cu128 {XFORMERS} --extra-index-url {INDEX}cu128", PLAIN],
        ),
        (
            Machine("windows", "x86_64", "nvidia-legacy"),
            [f"torch==2.10.0+cu126 torchvision==0.25.0+cu126 --extra-index-url {INDEX}cu126", PLAIN],
        ),
        (Machine("windows", "x86_64", "none"), [PLAIN]),
    ],
    ids=str,
)
def test_each_machine_gets_its_build(machine, installs, tmp_path):
    venv = Venv(tmp_path)
    before, after = f"{venv.python} -m pip install -r {launch.PROJECT}/requirements.txt ", " --disable-pip-version-check"
    commands = [" ".join(launch.pip_install(venv, build, ["requirements.txt"])) for build in plan(machine).builds]
    assert commands == [before + words + after for words in installs]


@pytest.mark.parametrize(
    ("machine", "says"),
    [
        (Machine("macos", "x86_64", "none"), "Intel Macs"),
        (Machine("windows", "arm64", "none"), "64-bit x86 Python"),
        (Machine("linux", "riscv64", "none"), "linux riscv64"),
        (Machine("windows", "with a 32-bit Python", "nvidia"), "32-bit Python"),
    ],
)
@pytest.mark.parametrize("asked", ["auto", "cpu", "pypi"])
def test_a_machine_without_a_build_is_told_so_in_one_sentence(machine, says, asked):
    with pytest.raises(StartError, match=says):
        plan(machine, asked)


def test_who_names_a_build_gets_that_one_or_none():
    linux = Machine("linux", "x86_64", "nvidia")
    assert plan(linux, "cpu").builds == (CPU,)
    assert plan(linux, "pypi").builds == (PYPI_CUDA,)
    assert plan(Machine("linux", "x86_64", "none"), "pypi").builds == (PYPI_UNUSED_CUDA,)
    assert plan(Machine("linux", "x86_64", "none"), "rocm").builds == (launch.ROCM,)
    assert plan(Machine("windows", "x86_64", "nvidia-legacy"), "cuda").builds == (launch.CUDA_OLD,)
    assert plan(Machine("macos", "arm64", "apple"), "mps").builds == (launch.PYPI_METAL,)
    for machine, asked in ((linux, "mps"), (Machine("windows", "x86_64", "none"), "rocm"), (Machine("macos", "arm64", "apple"), "cuda")):
        with pytest.raises(StartError, match=f"no {asked} build for {machine.system}"):
            plan(machine, asked)
    with pytest.raises(StartError, match="choose one of auto, pypi, cpu"):
        plan(linux, "cdua")


def test_every_row_ends_with_what_pypi_has():
    for row, builds in BUILDS.items():
        assert [bool(build.index) for build in builds] == [True] * (len(builds) - 1) + [False], row
        assert all("xformers" not in " ".join(build.pins) for build in builds) or row[1:] == ("x86_64", "nvidia"), row


def test_the_trio_is_pinned_in_one_place():
    for name in ("requirements.txt", "requirements-alone.txt", "requirements-test.txt", "requirements-test-alone.txt"):
        lines = re.sub("#.*", "", (launch.PROJECT / name).read_text()).split()
        assert lines and all(re.fullmatch(r'[\w.-]+(\[\w+\])?==[\w.]+(;sys_platform=="\w+")?', line) for line in lines), name
        assert not [line for line in lines if line.startswith(("torch==", "torchvision==", "xformers=="))], name


def test_no_host_but_pytorchs_index_is_named():
    assert set(re.findall(r"https?://[\w.]+", Path(launch.__file__).read_text())) == {"https://download.pytorch.org", "http://127.0.0.1"}


@pytest.mark.parametrize("name", launch.PLATFORMS)
def test_print_install_shows_the_steps_and_takes_none(name, tmp_path, capsys):
    folder = tmp_path / "venv"
    code = launch.main(["--print-install", "--platform", name, "--venv", str(folder), "generate", "a cat"])
    out, err = capsys.readouterr()
    assert not folder.exists()
    if (launch.PLATFORMS[name].arch == "x86_64" and name.startswith("macos")) or name == "windows-arm64":
        assert (code, out) == (1, "")
        assert err.startswith("Easel can't start. PyTorch has no ") and err.count("\n") == 1
    else:
        assert (code, err) == (0, "")
        assert f"{folder}/bin/python -m pip install -r " in out
        assert out.endswith(f"3. {folder}/bin/python -P -m webui.cli generate a cat\n")


def test_print_install_needs_nothing_but_the_standard_library():
    ask = [BASE_PYTHON, "-I", "-S", launch.__file__, "--print-install", "test", "--full", "-k", "a or b"]
    done = subprocess.run(ask, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "requirements-test.txt" in done.stdout
    assert done.stdout.endswith("bin/python -m pytest -k a or b\n")


# ---- Looking at the machine --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prints", "card"),
    [("8.9\n", "nvidia"), ("6.1\n12.0\n", "nvidia"), ("6.1\n", "nvidia-legacy"), ("NVIDIA-SMI has failed", None)],
)
def test_nvidia_cards_are_told_apart_by_their_capability(prints, card, tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{prints}\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert launch.nvidia_card(tmp_path / "no-device") == card


def test_an_nvidia_device_counts_where_its_tool_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert launch.nvidia_card(tmp_path / "nvidia0") is None
    (tmp_path / "nvidia0").touch()
    assert launch.nvidia_card(tmp_path / "nvidia0") == "nvidia"


@pytest.mark.parametrize(("version", "card"), [(110000, "amd"), (100300, "amd"), (100306, None), (0, None)])
def test_amd_counts_only_where_pytorch_has_kernels(version, card, tmp_path):
    for number, chip in enumerate((0, version)):  # node 0 is the processor
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "properties").write_text(f"simd_count 0\ngfx_target_version {chip}\nvendor_id 4098\n")
    assert launch.amd_card(tmp_path) == card


def test_this_machine_can_be_looked_at():
    machine = launch.look_at_machine()
    assert str(machine) in launch.PLATFORMS or machine.arch not in ("x86_64", "arm64")


# ---- Python versions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(2, 7), (3, 8), (3, 10, 13), (3, 14, 0), (4, 0)])
def test_a_wrong_python_is_named_with_the_right_ones(version):
    sentence = launch.python_complaint(version)
    assert sentence and "3.11, 3.12 or 3.13" in sentence and f"this is Python {version[0]}.{version[1]}:" in sentence


def test_the_right_pythons_are_taken():
    assert [launch.python_complaint(version) for version in ((3, 11, 0), (3, 12), (3, 13, 9))] == [None] * 3


def test_old_pythons_can_read_the_file_as_far_as_that_sentence():
    source = Path(launch.__file__).read_text()
    ast.parse(source, feature_version=(3, 6))
    beginning = source[: source.index("import argparse")]
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.version_info = (3, 8, 18)\n" + re.sub(r"^import sys$", "", beginning, flags=re.M)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Easel needs Python 3.11, 3.12 or 3.13, and this is Python 3.8") and done.stderr.count("\n") == 1


# ---- A project to start ------------------------------------------------------------------------------------


def make_wheel(folder: Path, name: str, version: str, text: str = "") -> None:
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"version = {version!r}\n{text}",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    hashes = {path: base64.urlsafe_b64encode(hashlib.sha256(data.encode()).digest()).rstrip(b"=").decode() for path, data in files.items()}
    record = [f"{path},sha256={hashes[path]},{len(data)}" for path, data in files.items()] + [f"{info}/RECORD,,"]
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, data in {**files, f"{info}/RECORD": "\n".join(record) + "\n"}.items():
            wheel.writestr(path, data)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    (folder / "cpu").mkdir()  # stands for PyTorch's own index
    trio = [pin.split("==") for pin in (launch.TORCH, launch.TORCHVISION, launch.XFORMERS)]
    for name, version in trio:
        make_wheel(folder, name, version)
        make_wheel(folder / "cpu", name, version + "+cpu")
    make_wheel(folder, "tiny", "1.0")
    make_wheel(folder, "tiny", "2.0")
    make_wheel(folder, "data", "1.0")
    return folder


def overwrite(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)  # it may be a link into the first project
    file.write_text(text)


class Project:
    def __init__(self, folder: Path, wheels: Path):
        self.folder = folder
        self.venv = Venv(folder / ".venv")
        mine = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "EASEL_", "HF_", "PYTHON"))}
        quiet = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_COMPILE": "1", "PIP_RETRIES": "0", "PIP_TIMEOUT": "5"}
        self.offline = {**mine, **quiet, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "EASEL_TORCH": "pypi"}

    def write(self, **files: str) -> None:
        for name, text in files.items():
            overwrite(self.folder / {"requirements": "requirements.txt"}.get(name, name), text)

    def begin(self, *words: str, **environment: str) -> subprocess.Popen:
        settings = {key: value for key, value in {**self.offline, **environment}.items() if value}
        command = [BASE_PYTHON, str(self.folder / "launch.py"), *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.folder.parent, env=settings, stdout=pipe, stderr=pipe, text=True, start_new_session=True)

    def start(self, *words: str, **environment: str) -> "Outcome":
        process = self.begin(*words, **environment)
        return Outcome(*process.communicate(timeout=120), process.returncode)


class Outcome:
    def __init__(self, out: str, err: str, code: int):
        self.out, self.err, self.code = out, err, code

    def ran(self) -> dict:
        """What webui.cli saw, after a start that went well."""
        assert self.code == 0, self.out + self.err
        return json.loads(self.out.splitlines()[-1])

    @property
    def installed(self) -> bool:
        return "Easel: installed in " in self.out

    def complaint(self) -> str:
        """The one sentence of a start that failed."""
        assert self.code == 1, self.out + self.err
        assert "Traceback" not in self.err
        last = self.err.splitlines()[-1]
        assert last.startswith("Easel can't start. "), self.err
        return last


@pytest.fixture(scope="module")
def first_start(tmp_path_factory, wheels):
    """A project after its first start, and what that start said."""
    project = Project(tmp_path_factory.mktemp("first") / "easel", wheels)
    (project.folder / "webui").mkdir(parents=True)
    shutil.copy(launch.__file__, project.folder)
    project.write(requirements="tiny==1.0\n", **{"requirements-alone.txt": "data==1.0\n", "webui/cli.py": CLI, "webui/__init__.py": ""})
    return project, project.start("--port", "7861")


@pytest.fixture
def project(first_start, tmp_path, wheels):
    """An installed project of one's own, to break."""
    shutil.copytree(first_start[0].folder, tmp_path / "easel", symlinks=True, copy_function=os.link)
    return Project(tmp_path / "easel", wheels)


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


# ---- Starts that go well -----------------------------------------------------------------------------------


def test_a_first_start_installs_and_hands_over(first_start):
    project, outcome = first_start
    seen = outcome.ran()
    assert seen["words"] == ["--port", "7861"]
    assert seen["cwd"] == str(project.folder.parent)  # so that --out names a file beside the user
    assert seen["prefix"] == str(project.venv.folder)
    assert (seen["tiny"], seen["offline"]) == ("1.0", "1")
    told = [line for line in outcome.out.splitlines() if line.startswith("Easel: ")]
    assert [word for line in told for word in ("making a Python", "installing PyTorch", "GB on disk", "installed in") if word in line] == [
        "making a Python",
        "installing PyTorch",
        "GB on disk",
        "installed in",
    ]
    stamp = project.venv.read_stamp()
    assert stamp["pins"] == ["torch==2.10.0", "torchvision==0.25.0"] or "xformers==0.0.35" in stamp["pins"]
    assert stamp["torch"] == "pypi" and list(stamp["files"]) == ["requirements.txt", "requirements-alone.txt"]
    assert not (project.venv.folder / "unpacking").exists()


def test_a_second_start_only_hands_over(first_start):
    outcome = first_start[0].start("generate", "--help")
    assert outcome.ran()["words"] == ["generate", "--help"]
    assert outcome.out.count("\n") == 1 and not outcome.err


def test_the_exit_code_is_that_of_easel(first_start):
    assert first_start[0].start("generate", "--fail").code == 7


def test_changed_requirements_are_brought_up_to_date(project):
    project.write(requirements="tiny==1.0\r\n")
    assert not project.start().installed  # other line ends are no change
    project.write(requirements="tiny==2.0\n")
    outcome = project.start()
    assert outcome.installed and outcome.ran()["tiny"] == "2.0"
    assert "already satisfied: torch==2.10.0" in outcome.out  # only what changed


def test_the_torch_that_was_asked_for_is_installed_and_remembered(project, wheels):
    both = f"{wheels} {wheels / 'cpu'}"
    assert project.start("--torch", "cpu", PIP_FIND_LINKS=both).installed
    assert (project.venv.packages()[0] / "torch-2.10.0+cpu.dist-info").exists()
    again = project.start(EASEL_TORCH="")
    assert again.ran() and not again.installed
    assert project.venv.read_stamp()["torch"] == "cpu"


def test_what_stands_alone_is_installed_last_and_without_its_own_requirements(tmp_path):
    venv, files = Venv(tmp_path), ("requirements.txt", "requirements-test-alone.txt")
    (build, *_) = plan(Machine("linux", "x86_64", "none")).builds
    assert "test-alone" not in " ".join(launch.pip_install(venv, build, files))
    alone = f"-m pip install --no-deps -r {launch.PROJECT}/requirements-test-alone.txt --disable-pip-version-check"
    assert " ".join(launch.pip_install_alone(venv, files)) == f"{venv.python} {alone}"
    assert launch.pip_install_alone(venv, ("requirements.txt",)) == []


def test_test_tools_are_a_layer_of_their_own():
    command, files = launch.command_for("python", ["test", "-x", "tests/test_a.py"])
    assert command == ["python", "-m", "pytest", "-m", "not slow", "-x", "tests/test_a.py"]
    assert files == ("requirements.txt", "requirements-alone.txt", "requirements-test.txt", "requirements-test-alone.txt")
    both = ["-n", "2", "--dist", "loadfile", "--reruns", "1"]
    assert launch.command_for("python", ["test"])[0] == ["python", "-m", "pytest", "-m", "not slow", *both]
    assert launch.command_for("python", ["test", "--full"])[0] == ["python", "-m", "pytest", *both]


def test_words_for_easel_pass_untouched(monkeypatch, capsys):
    words = ["generate", "a red apple", "--negative", "-ugly", "--out", "a.png", "--seed=1", "--size", "64x64", "-v"]
    assert launch.main(["--print-install", "--platform", "linux-arm64-none", *words]) == 0
    assert capsys.readouterr().out.endswith(" ".join(["-m webui.cli", *words]) + "\n")


def test_what_the_user_has_set_wins_over_our_environment():
    environment = launch.child_environment({"HF_HUB_OFFLINE": "0", "PYTHONPATH": "/mine"})
    assert (environment["HF_HUB_OFFLINE"], environment["TRANSFORMERS_OFFLINE"]) == ("0", "1")
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(launch.PROJECT), "/mine"]


def test_packagers_can_skip_the_install(first_start, tmp_path):
    project, _ = first_start
    outcome = project.start(
        "--version", EASEL_SKIP_INSTALL="1", EASEL_VENV=str(tmp_path / "never"), PYTHONPATH=str(project.venv.packages()[0])
    )
    assert outcome.ran()["prefix"] == subprocess.check_output([BASE_PYTHON, "-c", "import sys; print(sys.prefix)"], text=True).strip()
    assert not (tmp_path / "never").exists()


def test_a_card_that_is_away_costs_no_new_install(tmp_path):
    venv = Venv(tmp_path)
    venv.write_stamp({"machine": "linux-x86_64-nvidia"})
    assert launch.plan_for(venv, Machine("linux", "x86_64", "none"), None).builds == (PYPI_CUDA,)
    venv.write_stamp({"machine": "linux-x86_64-none"})
    assert launch.plan_for(venv, Machine("linux", "x86_64", "nvidia"), None).builds == (PYPI_CUDA,)


def test_where_a_process_cannot_become_another_codes_and_interrupts_pass():
    child = "import signal, time, sys; signal.signal(2, lambda *a: sys.exit(5)); print('up', flush=True); time.sleep(30)"
    code = f"import launch, os, sys; sys.exit(launch.run_to_its_end([sys.executable, '-c', {child!r}], os.environ))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=launch.PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout and process.stdout.readline() == "up\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 5


# ---- Faults, and the start after them ----------------------------------------------------------------------


def test_an_install_without_its_whole_stamp_is_not_believed(project):
    def believed() -> bool:
        return launch.is_current(project.venv, plan(Machine("linux", "x86_64", "none"), "pypi"), [])

    assert believed()
    project.venv.stamp.unlink()
    assert not believed()
    for stamp in ("", '{"pins": ["torch==2.1', "[]", "{}"):
        project.venv.stamp.write_text(stamp)
        assert not believed(), stamp


def test_a_package_cut_off_half_way_is_installed_anew(project):
    packages = project.venv.packages()[0]
    overwrite(packages / "tiny" / "__init__.py", "")  # as a kill in the middle leaves it
    (packages / "torch-2.10.0.dist-info" / "RECORD").unlink()
    (packages / "torchvision-0.25.0.dist-info" / "METADATA").unlink()
    (packages / "~iny").mkdir()
    (project.venv.folder / "unpacking").mkdir()
    project.venv.stamp.unlink()
    outcome = project.start()
    assert outcome.installed and outcome.ran()["tiny"] == "1.0"
    assert not list(launch.damaged(packages)) and not (packages / "~iny").exists()
    assert "already satisfied: torch" not in outcome.out
    assert not project.start().installed


def test_only_a_python_that_runs_and_a_whole_pip_are_kept(project):
    venv = project.venv
    info = next(venv.packages()[0].glob("pip-*.dist-info"))
    assert launch.is_usable(venv, [])
    assert not launch.is_usable(venv, [info])
    info.rename(info.with_name("gone"))
    assert not launch.is_usable(venv, [])
    info.with_name("gone").rename(info)
    for link in venv.python.parent.glob("python*"):
        link.unlink()
        link.symlink_to("/nowhere/python3")
    assert not launch.is_usable(venv, [])
    assert not launch.is_current(venv, plan(Machine("linux", "x86_64", "none"), "pypi"), ["requirements.txt"])


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["python removed", "made half way", "only begun", "pip torn"])
def test_a_broken_environment_is_made_anew(fault, project):
    venv = project.venv
    if fault == "python removed":
        for link in venv.python.parent.glob("python*"):
            link.unlink()
            link.symlink_to("/nowhere/python3")
    elif fault == "made half way":
        shutil.rmtree(venv.folder / "lib")
        venv.stamp.unlink()
    elif fault == "only begun":
        shutil.rmtree(venv.folder)
        venv.folder.mkdir()
        venv.write_stamp({})
    else:
        (venv.packages()[0] / "pip" / "__main__.py").unlink()
        venv.stamp.unlink()
    outcome = project.start()
    assert "making a Python" in outcome.out and outcome.ran()["tiny"] == "1.0"
    assert not project.start().installed


@pytest.mark.slow
def test_another_python_gets_a_new_environment(project):
    """As after a system upgrade under which the links lead to a Python of another version."""
    beside = [str(path) for path in Path(sys.base_prefix).parent.glob("*/bin/python3.1[123]")]  # where version managers keep them
    named = [shutil.which(f"python3.{minor}") for minor in (11, 12, 13)]
    ask = "import ensurepip, sys; print(sys.executable, *sys.version_info[:2])"
    answers = [subprocess.run([path, "-c", ask], capture_output=True, text=True).stdout.split() for path in (*named, *beside) if path]
    others = [answer[0] for answer in answers if answer and (int(answer[1]), int(answer[2])) != sys.version_info[:2]]
    if not others:
        pytest.skip("no second Python here")
    for link in project.venv.python.parent.glob("python*"):
        link.unlink()
        link.symlink_to(others[0])
    assert project.venv.python_version() not in ((), sys.version_info[:2])
    assert project.start().ran()["tiny"] == "1.0"
    assert project.venv.read_stamp()["python"] == list(sys.version_info[:2])


def test_no_network_is_said_and_the_next_start_goes_on(project):
    project.write(requirements="tiny==2.0\n")
    nowhere = f"http://127.0.0.1:{closed_port()}/simple"
    outcome = project.start(PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL=nowhere)
    assert "The package index can't be reached" in outcome.complaint() and "check the network" in outcome.complaint()
    assert project.start().ran()["tiny"] == "2.0"


def test_pypi_stands_in_where_pytorchs_index_cannot_be_reached(first_start, monkeypatch, capsys):
    venv = first_start[0].venv
    unreachable = launch.replace(CPU, index=f"http://127.0.0.1:{closed_port()}/whl/cpu")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    the_plan = launch.InstallPlan(Machine("linux", "x86_64", "none"), "auto", (unreachable, PYPI_UNUSED_CUDA))
    began = time.monotonic()
    assert launch.choose(venv, the_plan) == PYPI_UNUSED_CUDA
    assert time.monotonic() - began < 2 * launch.INDEX_PATIENCE
    assert capsys.readouterr().out == f"Easel: PyTorch for the processor can't be had from {unreachable.index} now\n"
    with pytest.raises(StartError, match=r"PyTorch for --torch cpu can't be had now.*--torch auto"):
        launch.choose(venv, launch.InstallPlan(the_plan.machine, "cpu", (unreachable,)), has=lambda *_: False)


def test_an_index_counts_only_if_it_has_this_very_build(first_start, wheels, monkeypatch):
    for key in [key for key in os.environ if key.startswith("PIP_")]:
        monkeypatch.delenv(key)
    for key in ("PIP_CONFIG_FILE", "PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.setenv(key, first_start[0].offline[key])
    assert not launch.index_has(first_start[0].venv, CPU)  # it has 2.10.0, but not 2.10.0+cpu
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels / "cpu"))
    assert launch.index_has(first_start[0].venv, CPU)


FAKE_PIP = """
import sys
print("Collecting tiny")
print("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", file=sys.stderr)
sys.exit(1)
"""


def test_a_disk_that_fills_up_is_said_and_mended(project):
    main = project.venv.packages()[0] / "pip" / "__main__.py"
    real = main.read_text()
    overwrite(main, FAKE_PIP + " " * (len(real) - len(FAKE_PIP)))  # of the right size, or it would count as damaged
    project.write(requirements="tiny==2.0\n")
    assert "The disk is full: free about 8 GB" in project.start().complaint()
    assert "pins" not in project.venv.read_stamp()
    overwrite(main, real)
    os.utime(main, (0, 0))  # or Python could take the fake one from its bytecode cache
    assert project.start().ran()["tiny"] == "2.0"


def test_too_small_a_disk_is_said_beforehand(tmp_path, first_start):
    new, gigabyte = Venv(tmp_path / "new" / "venv"), 10**9
    with pytest.raises(StartError, match=r"needs about (12|16)\.\d GB, and 5\.0 GB are free; free some, then start again"):
        launch.check_room(new, PYPI_UNUSED_CUDA, lambda folder: 5 * gigabyte)
    launch.check_room(new, PYPI_UNUSED_CUDA, lambda folder: 17 * gigabyte)
    launch.check_room(new, PYPI_CPU, lambda folder: 5 * gigabyte)
    almost = launch.replace(PYPI_CPU, disk_gb=0.001)  # what is there already needs no room again
    launch.check_room(first_start[0].venv, almost, lambda folder: gigabyte // 10)


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("ERROR: Could not install packages due to an OSError: [WinError 5] Access is denied: 'torch.dll'", "still running"),
        ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'", "can't be written"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] self-signed", "certificate"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "arrived broken"),
        ("NewConnectionError('<...>: Failed to establish a new connection: [Errno -3]", "check the network"),
        ("pip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.", "check the network"),
        ("ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407", "check the network"),
        ("ERROR: (from versions: 1.0, 2.0)\nERROR: No matching distribution found for tiny==3.0\n", "has no tiny==3.0 for this Python"),
        ("something new\nERROR: that nobody foresaw\n\n", "pip failed (ERROR: that nobody foresaw)"),
        ("", "it said nothing"),
    ],
)
def test_what_pip_says_becomes_a_sentence(output, says):
    sentence = launch.explain(output, Path("/easel/.venv"), CPU)
    assert says in sentence and "\n" not in sentence and "{" not in sentence


def test_two_starts_at_once_do_not_mix(project):
    project.write(requirements="tiny==2.0\n")
    with launch.only_one(project.venv.lock):
        assert "Another start of Easel is installing right now: wait" in project.start().complaint()


@pytest.fixture
def mute_index():
    """An index that takes calls and never answers, so that pip hangs in the middle of its work."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield {
            "PIP_NO_INDEX": "",
            "PIP_FIND_LINKS": "",
            "PIP_TIMEOUT": "60",
            "PIP_INDEX_URL": f"http://127.0.0.1:{listener.getsockname()[1]}/simple",
        }


def wait_for(process: subprocess.Popen, words: str) -> None:
    for line in process.stdout or ():
        if words in line:
            return
    pytest.fail(f"{words!r} never came: {process.stderr and process.stderr.read()}")


def test_a_killed_install_holds_the_lock_until_its_pip_ends_and_is_then_mended(project, mute_index):
    project.write(requirements="tiny==2.0\n")
    with project.begin(**mute_index) as process:
        wait_for(process, "Looking in indexes")
        process.kill()  # the launcher alone; its pip lives on
        process.wait()
        assert "Another start of Easel is installing" in project.start().complaint()
        os.killpg(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    outcome = project.start()
    while outcome.code and time.monotonic() < deadline:  # until the kernel has cleared the killed pip away
        outcome = project.start()
    assert outcome.installed and outcome.ran()["tiny"] == "2.0"


def test_ctrl_c_in_an_install_ends_in_a_sentence(project, mute_index):
    project.write(requirements="tiny==2.0\n")
    process = project.begin(**mute_index)
    wait_for(process, "Looking in indexes")
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "Easel: stopped; the next start goes on from here."
    assert "Traceback" not in err and "pins" not in project.venv.read_stamp()


def test_a_python_without_venv_names_the_package(tmp_path, monkeypatch, capsys):
    find = launch.importlib.util.find_spec
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name))
    monkeypatch.setattr(launch, "check_room", lambda *_: None)
    assert launch.main(["--venv", str(tmp_path / "venv"), "--torch", "pypi"]) == 1
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"sudo apt install python{version}-venv), then start again." in capsys.readouterr().err
    assert not (tmp_path / "venv").exists()


def test_a_folder_with_other_files_is_left_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(launch, "check_room", lambda *_: None)
    (tmp_path / "thesis.txt").write_text("do not remove")
    assert launch.main(["--venv", str(tmp_path), "--torch", "pypi"]) == 1
    assert "holds other files: name an empty or a new folder with --venv" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "do not remove"


@contextlib.contextmanager
def nobody():
    """Root may write everywhere; the checks of the file system go by the effective user."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_cannot_be_written_is_said(monkeypatch, capsys):
    monkeypatch.setattr(launch, "look_at_machine", lambda: Machine("linux", "x86_64", "none"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        with nobody():
            code = launch.main(["--venv", str(folder / "venv")])
        folder.chmod(0o755)
    assert code == 1
    err = capsys.readouterr().err
    assert "can't be written: give yourself the right to, or name another folder with --venv" in err and err.count("\n") == 1


def test_a_disk_full_outside_pip_is_said(monkeypatch, capsys, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/easel/.venv/easel-install.part")

    monkeypatch.setattr(launch, "bring_up_to_date", full)
    assert launch.main([]) == 1
    assert "The disk is full: free some space, then start again" in capsys.readouterr().err
