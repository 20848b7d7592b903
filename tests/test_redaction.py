"""Canaries: what must not be in a log or a report is not in it."""

from pathlib import Path

import pytest

from webui import access_tokens
from webui.errors import NotFound
from webui.redaction import Person, Redactor, ReportRedactor, told

CANARY = "c4n4ry5ecret"
SECRETS = [
    f"https://anna:{CANARY}@example.org/model.safetensors",
    f"https://{CANARY}@example.org/",
    f"git+ssh://git:{CANARY}@host/x",
    f"https://example.org/x?token={CANARY}&a=1",
    f"https://bucket.example.org/x?X-Amz-Signature={CANARY}",
    f"Authorization: Bearer {CANARY}",
    f"authorization: Basic {CANARY}",
    f"{{'Authorization': 'Bearer {CANARY}'}}",
    f"Cookie: session={CANARY}; other=1",
    f"Set-Cookie: access-token={CANARY}; HttpOnly",
    f"HF_TOKEN={CANARY}",
    f"hf_{CANARY}abc",
    f"sk-{CANARY}abc",
    f"ghp_{CANARY}",
    f'{{"api_key": "{CANARY}"}}',
    f"password: {CANARY}",
    f"--password {CANARY}",
    f"--api-key={CANARY}",
    f"eyJhbGciOi{CANARY}.eyJzdWIiOi{CANARY}.sig",
    f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----",
    f"plain value of a variable: {CANARY}-from-env!",
]


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_taken_out_of_log_and_report(text: str) -> None:
    environment = {"CIVITAI_TOKEN": f"{CANARY}-from-env!", "HOME": "/home/anna", "MONKEY": "banana"}
    log = Redactor(environment)
    report = ReportRedactor(Person("", "", ""), environment=environment)
    for redact in (log, report):
        assert CANARY not in redact(f"before {text}\nafter")
        assert redact(f"before {text}\nafter").endswith("after") or "Set-Cookie" not in text


@pytest.mark.parametrize(
    "text",
    [
        "Job 1885400000000000 is done after 2.3 s.",
        "https://example.org/model.safetensors?download=1",
        "The tokenizer has no token called 49407; 77 tokens fit.",
        "File /opt/easel/webui/engine/engine.py, line 12, in run",
        "easel_recipe, easel_version and easel_presets: 1",
        "monkey: banana, steps: 20, seed=5, key: value",
        "torch 2.10.0+cu128, KeyError: 'unet.conv_in.weight'",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert Redactor({"MONKEY": "banana", "MY_KEY": "1", "SSH_AUTH_SOCK": "/tmp/socket"})(text) == text


def test_a_report_names_nobody() -> None:
    person = Person("/home/anna", "anna", "annas-laptop.lan")
    report = ReportRedactor(person, [Path("/home/anna/easel/data/outputs"), Path("C:\\Pictures")])
    told = report(
        "/home/anna/models/x.safetensors and /home/anna, /home/bertha/y, C:\\Users\\Carla\\z, 'C:\\\\Users\\\\Dora\\\\z'\n"
        "ANNAS-LAPTOP, annas-laptop.lan, user anna (anna@example.org)\n"
        "[Errno 28] No space left: '/home/anna/easel/data/outputs/txt2img-images/00012-a red fox.png'\n"
        "C:\\Pictures\\00012-blue bird.png\n"
        "susanna and /home/anna2 stay"
    )
    for name in ("anna/", "bertha", "Carla", "Dora", "LAPTOP", "laptop", "example.org", "red fox", "blue bird"):
        assert name not in told, told
    assert told.splitlines()[0] == "~/models/x.safetensors and ~, /home/[user]/y, C:\\Users\\[user]\\z, 'C:\\\\Users\\\\[user]\\\\z'"
    assert "[pictures folder]" in told
    assert "susanna" in told


def test_names_that_mean_nobody_don_t_eat_other_words() -> None:
    text = "the root of /root/x: users of localhost"
    assert ReportRedactor(Person("/root", "root", "localhost"))(text) == "the root of ~/x: users of localhost"


@pytest.mark.parametrize("text", ["token" * 30_000, "\\" * 100_000, "a.a-" * 30_000, "password'" * 10_000, "://a@" * 20_000], ids=len)
@pytest.mark.timeout(30)
def test_no_text_takes_for_ever(text: str) -> None:
    """Each of these would take minutes with patterns that look back and forth."""
    assert ReportRedactor(Person("/home/anna", "anna", "box"), [Path("/data/outputs")], {})(text)


def test_tokens_of_people_are_taken_out_by_their_look() -> None:
    token, old = access_tokens.new_token(), "easel_" + "Ab-_9" * 8 + "xyz"
    assert len({access_tokens.new_token() for _ in range(50)}) == 50
    for redact in (Redactor({}), ReportRedactor(Person("", "", ""), environment={})):
        for secret in (token, old, token[:-3], token.swapcase()[:6].swapcase() + token[6:] + "x"):
            assert redact(f"GET /x?a={secret}: no") == "GET /x?a=[removed]: no"
            assert redact(f"sent '{secret}', twice {secret}.") == "sent '[removed]', twice [removed]."


def test_a_token_that_was_cut_or_mistyped_is_known_by_its_checksum() -> None:
    token = access_tokens.new_token()
    assert access_tokens.is_whole(token) and access_tokens.is_whole("easel_" + "Ab-_9" * 8 + "xyz")
    wrong = [
        token[:-1],
        token + "a",
        token[:20] + ("a" if token[20] != "a" else "b") + token[21:],
        "easel_",
        "",
        token[6:],
        "easel_" + "ü" * 49,
    ]
    assert not any(map(access_tokens.is_whole, wrong))


def test_the_home_folder_is_nobodys_in_logs_and_errors() -> None:
    home = str(Path.home())
    assert Redactor({}, home="/home/anna")("/home/anna/easel and /home/anna2, '/home/anna'") == "~/easel and /home/anna2, '~'"
    error = told(NotFound(f"{home}/models/x is gone.", hint=f"Look into {home}/models.", allowed="a file"))
    assert (error["message"], error["hint"], error["allowed"]) == ("~/models/x is gone.", "Look into ~/models.", "a file")
