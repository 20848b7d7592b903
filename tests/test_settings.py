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


@pytest.mark.parametrize("host", ["example.com", "", "0.0.0.0:80", "-"])
def test_what_is_no_address_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        load_settings(data_dir=tmp_path, host=host)
    assert caught.value.field == "host"
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("allowed_hosts", "Easel.example.com, 192.168.1.5", ("easel.example.com", "192.168.1.5")),
        ("allowed_hosts", "https://easel.example.com", None),
        ("allowed_hosts", "*", None),
        ("trusted_proxies", "10.0.0.5 10.0.1.0/24", ("10.0.0.5", "10.0.1.0/24")),
        ("trusted_proxies", "proxy", None),
        ("cors_allow_origins", "https://tool.example.com/ http://localhost:3000", ("https://tool.example.com", "http://localhost:3000")),
        ("cors_allow_origins", "*", None),
        ("cors_allow_origins", "null", None),
    ],
)
def test_names_of_machines_and_pages_come_from_lists_or_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, read: tuple[str, ...] | None
) -> None:
    monkeypatch.setenv(f"EASEL_{name.upper()}", value)
    if read is None:
        with pytest.raises(SettingInvalid) as caught:
            load_settings(data_dir=tmp_path)
        assert caught.value.field == name
    else:
        assert getattr(load_settings(data_dir=tmp_path), name) == read


def test_only_loopback_addresses_and_names_are_this_machine_only(tmp_path: Path) -> None:
    def alone(**given: object) -> bool:
        return load_settings(data_dir=tmp_path, **given).this_machine_only

    assert alone() and alone(host="::1") and alone(host="127.0.0.9") and alone(allowed_hosts=("localhost",))
    assert not any((alone(host="0.0.0.0"), alone(host="::"), alone(host="192.168.1.2"), alone(allowed_hosts=("easel.example.com",))))


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
