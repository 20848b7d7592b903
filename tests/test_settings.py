from pathlib import Path

import pytest

from webui.errors import SettingInvalid
from webui.settings import Settings, load_settings


def test_command_line_beats_environment_beats_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings.yaml").write_text("port: 7001\nlog_level: error\nthreads: 3\n")
    monkeypatch.setenv("EASEL_PORT", "7002")
    monkeypatch.setenv("EASEL_THREADS", "4")
    settings = load_settings(data_dir=tmp_path, port=7003)
    assert (settings.port, settings.threads, settings.log_level) == (7003, 4, "error")


def test_models_dirs_come_from_list_or_path_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_MODELS_DIRS", f"{tmp_path}/a:{tmp_path}/b")
    assert load_settings(data_dir=tmp_path).models_dirs == (tmp_path / "a", tmp_path / "b")
    (tmp_path / "settings.yaml").write_text(f"models_dirs: [{tmp_path}/c]\n")
    monkeypatch.delenv("EASEL_MODELS_DIRS")
    assert load_settings(data_dir=tmp_path).models_dirs == (tmp_path / "c",)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "::", "example.com", ""])
def test_other_addresses_than_loopback_are_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        load_settings(data_dir=tmp_path, host=host)
    assert caught.value.field == "host"
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("port: 99999999", "port"),
        ("prot: 1", "prot"),
        ("[1, 2]", "must hold lines"),
        ("a: [", "can't be read"),
        ("data_dir: /x", "data_dir"),
    ],
)
def test_a_bad_file_is_told_in_words(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "settings.yaml").write_text(content)
    with pytest.raises(SettingInvalid, match=words):
        load_settings(data_dir=tmp_path)


def test_every_setting_has_help() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
