"""Accounts, logins and tokens: the book itself, and the door over the wire."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from served import serving

from webui import passwords
from webui.api.login import safe_path
from webui.errors import Conflict, InvalidRequest, NotFound
from webui.people import Scope
from webui.studio import people_book
from webui.studio.database import open_database
from webui.studio.people_book import LOGIN_DAYS, PeopleBook
from webui.studio.tables import login, person, token

PASSWORD = "brown fox over dogs"
OTHER = "seven green bottles"


@pytest.fixture
def book(tmp_path: Path) -> Iterator[PeopleBook]:
    database = open_database(tmp_path)
    yield PeopleBook(database)
    database.close()


# accounts


def test_the_first_account_is_an_administrators_with_a_password(book: PeopleBook) -> None:
    assert not book.any() and not book.can_log_in()
    for wrong in ({"password": None}, {"password": PASSWORD, "role": "user"}):
        with pytest.raises(InvalidRequest, match="first account"):
            book.add("anna", **wrong)
    anna, ben = book.add("Anna", PASSWORD), book.add("ben", None)
    assert (anna.role, ben.role, anna.has_password, ben.has_password) == ("admin", "user", True, False)
    assert book.any() and book.can_log_in()
    assert [account.name for account in book.all()] == ["Anna", "ben"]
    assert book.named("ANNA").id == anna.id


@pytest.mark.parametrize("name", ["", " ", "a:b", "a\nb", "a\u202eb", "x" * 65, "a\0"])
def test_names_that_could_look_like_others_are_refused(book: PeopleBook, name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        book.add(name, PASSWORD)
    assert caught.value.field == "name"


@pytest.mark.parametrize("password", ["", "short", "x" * 257, "anna anna"])
def test_weak_passwords_are_refused_and_never_repeated(book: PeopleBook, password: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        book.add("Anna Anna", password)
    assert caught.value.field == "password"
    assert not password or password not in str(caught.value)


def test_nobody_has_anothers_name_in_other_letters(book: PeopleBook) -> None:
    book.add("Ánna", PASSWORD)
    for same in ("ánna", "A\u0301nna", "Áｎna"):
        with pytest.raises(Conflict):
            book.add(same, PASSWORD)


def test_an_administrator_is_always_left_until_the_last_account_goes(book: PeopleBook) -> None:
    anna = book.add("anna", PASSWORD)
    ben = book.add("ben", PASSWORD)
    for change in (lambda: book.remove(anna.id), lambda: book.change(anna.id, role="user"), lambda: book.change(anna.id, disabled=True)):
        with pytest.raises(Conflict, match="Nobody would be left"):
            change()
    assert [account.role for account in book.all()] == ["admin", "user"]
    book.change(ben.id, role="admin")
    book.remove(anna.id)
    book.remove(ben.id)
    assert not book.any()
    with pytest.raises(NotFound):
        book.one(ben.id)


def test_a_password_opens_the_door_however_its_letters_are_composed(book: PeopleBook) -> None:
    book.add("anna", "schöne alte Zeit")
    assert book.check("Anna", "scho\u0308ne alte Zeit") is not None
    assert book.check("anna", "schone alte Zeit") is None
    assert book.check("nobody", "schöne alte Zeit") is None
    assert book.check("anna", "\ud800" * 300) is None


def test_passwords_are_hashed_with_effort_also_where_there_is_no_such_person() -> None:
    code = "from webui import passwords; print(passwords.hash_password('x' * 8)); print(passwords._NOBODYS)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    kinds = [line.split("$")[1:4] for line in told.stdout.split()]
    assert kinds == [["argon2id", "v=19", "m=65536,t=3,p=4"]] * 2


def test_only_hashes_lie_in_the_database(book: PeopleBook, tmp_path: Path) -> None:
    anna = book.add("anna", PASSWORD)
    secrets = [PASSWORD, book.open_login(anna.id), book.add_token(anna.id, "script", ["read"])[1]]
    files = b"".join(path.read_bytes() for path in tmp_path.glob("*.sqlite3*"))
    assert b"$argon2id$" in files
    assert not [secret for secret in secrets if secret.encode() in files]


def test_an_old_hash_is_made_anew_when_its_owner_logs_in(book: PeopleBook, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = book.add("anna", PASSWORD)
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher())
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with book._database.writing() as connection:
        connection.execute(person.update().values(password=weak))
    assert book.check("anna", PASSWORD) is not None
    found = book.person(anna.id)
    assert found is not None and "m=65536" in found[1]


# logins and tokens


def test_logins_end_by_logout_password_closing_and_time(book: PeopleBook, monkeypatch: pytest.MonkeyPatch) -> None:
    anna, ben = book.add("anna", PASSWORD), book.add("ben", PASSWORD)
    secret, other = book.open_login(ben.id), book.open_login(ben.id)
    who = book.who(secret)
    assert who is not None and (who.id, who.role, who.scopes) == (ben.id, "user", {Scope.READ, Scope.GENERATE})
    assert book.remembered(secret) == (True, who)
    book.close_login(secret)
    assert book.remembered(secret) == (False, None)
    assert book.who(secret) is None and book.who(other) is not None
    book.set_password(ben.id, OTHER, but=other)
    assert book.who(other) is not None
    book.set_password(ben.id, PASSWORD)
    assert book.who(other) is None
    last, admins = book.open_login(ben.id), book.open_login(anna.id)
    book.change(ben.id, disabled=True)
    assert book.who(last) is None and book.check("ben", PASSWORD) is None and book.who(admins) is not None
    now = time.time()
    monkeypatch.setattr(people_book.time, "time", lambda: now + LOGIN_DAYS * 86_400 + 1)
    assert book.who(admins) is None


def test_use_keeps_a_login_alive(book: PeopleBook, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = book.open_login(book.add("anna", PASSWORD).id)
    start = time.time()
    for days in (20, 40, 60):
        monkeypatch.setattr(people_book.time, "time", lambda now=start + days * 86_400: now)
        assert book.who(secret) is not None


def test_a_token_can_do_what_its_scopes_say_and_its_person_may(book: PeopleBook) -> None:
    anna, ben = book.add("anna", PASSWORD), book.add("ben", PASSWORD)
    with pytest.raises(InvalidRequest, match="may not admin"):
        book.add_token(ben.id, "all", ["read", "admin"])
    for wrong in ([], ["fly"]):
        with pytest.raises(InvalidRequest) as caught:
            book.add_token(ben.id, "wrong", wrong)
        assert caught.value.field == "scopes"
    _, secret = book.add_token(anna.id, "all", ["read", "admin"])
    who = book.who(secret)
    assert who is not None and who.is_admin and who.scopes == {Scope.READ, Scope.ADMIN}
    book.change(ben.id, role="admin")
    book.change(anna.id, role="user")
    who = book.who(secret)
    assert who is not None and not who.is_admin and who.scopes == {Scope.READ}
    (listed,) = book.tokens_of(anna.id)
    assert listed.used is not None and listed.scopes == (Scope.READ, Scope.ADMIN)
    with pytest.raises(NotFound):
        book.remove_token(ben.id, listed.id)
    book.remove_token(anna.id, listed.id)
    assert book.who(secret) is None


def test_who_left_leaves_neither_logins_nor_tokens(book: PeopleBook) -> None:
    book.add("anna", PASSWORD)
    ben = book.add("ben", PASSWORD)
    secrets = [book.open_login(ben.id), book.add_token(ben.id, "script", ["read"])[1]]
    book.remove(ben.id)
    assert [book.who(secret) for secret in secrets] == [None, None]
    with book._database.reading() as connection:
        assert not connection.execute(login.select().where(login.c.person_id == ben.id)).all()
        assert not connection.execute(token.select().where(token.c.person_id == ben.id)).all()


@pytest.mark.parametrize(
    ("asked", "safe"),
    [
        ("/?a=1#history", "/?a=1#history"),
        ("/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("/a\nb", "/"),
        ("evil", "/"),
        ("/login", "/"),
        ("/" + "a" * 3000, "/"),
        ("http://[bad", "/"),
    ],
)
def test_one_goes_back_to_paths_of_this_easel_only(asked: str, safe: str) -> None:
    assert safe_path(asked) == safe


# the door


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Easel with two accounts, anna's (an administrator) and ben's: its address."""
    with serving(tmp_path_factory.mktemp("guarded")) as url:
        with httpx.Client(base_url=url, timeout=60) as client:
            assert client.get("/api/v1/me").json() | {"scopes": []} == {
                "id": "",
                "name": "",
                "role": "admin",
                "scopes": [],
                "accounts": False,
            }
            # An open household heeds no Authorization, whatever it says.
            for words in ("", "Basic Og==", "Basic ???", "Bearer", "Digest x=y"):
                assert client.get("/api/v1/health", headers={"Authorization": words}).status_code == 200
            first = client.post("/api/v1/people", json={"name": "anna", "password": PASSWORD})
            assert (first.status_code, first.json()["role"]) == (201, "admin")
            # Whoever added it is it.
            assert client.get("/api/v1/me").json()["name"] == "anna"
            assert client.post("/api/v1/people", json={"name": "ben", "password": OTHER}).json()["role"] == "user"
        yield url


@contextmanager
def visitor(url: str, name: str = "", password: str = "", **options: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=60, **options) as client:
        if name:
            assert client.post("/api/v1/login", json={"name": name, "password": password}).status_code == 200
        yield client


@pytest.fixture
def anna(guarded: str) -> Iterator[httpx.Client]:
    with visitor(guarded, "anna", PASSWORD) as client:
        yield client


@pytest.fixture
def ben(guarded: str) -> Iterator[httpx.Client]:
    with visitor(guarded, "ben", OTHER) as client:
        yield client


@pytest.fixture
def stranger(guarded: str) -> Iterator[httpx.Client]:
    with visitor(guarded) as client:
        yield client


def test_pages_lead_to_the_login_and_apis_answer_401(stranger: httpx.Client) -> None:
    page = stranger.get("/?a=1", headers={"accept": "text/html,*/*"})
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=%2F%3Fa%3D1")
    answer = stranger.get("/api/v1/health", headers={"accept": "text/html"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_logged_in")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    client = stranger.get("/sdapi/v1/samplers")
    assert (client.status_code, client.headers["www-authenticate"]) == (401, 'Basic realm="Easel", charset="UTF-8"')
    assert isinstance(client.json()["detail"], str)


def test_the_login_page_needs_nothing_else_and_no_script(stranger: httpx.Client) -> None:
    page = stranger.get("/login?next=/%3Fa=1")
    assert page.status_code == 200
    assert 'value="/?a=1"' in page.text and "url(" not in page.text and "@import" not in page.text and "src=" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "same-origin"
    wrong = stranger.post("/login", data={"name": '"><script>', "password": "wrong", "next": "/"})
    assert wrong.status_code == 401 and "Name or password is wrong" in wrong.text
    assert "<script>t" in wrong.text and '"><script>' not in wrong.text
    right = stranger.post("/login", data={"name": "ben", "password": OTHER, "next": "/?a=1"})
    assert (right.status_code, right.headers["location"]) == (303, "/?a=1")
    assert stranger.get("/api/v1/me").json()["name"] == "ben"
    assert stranger.get("/login").headers["location"] == "/"
    cookie = right.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/")) and "Secure" not in cookie


def test_behind_https_the_cookie_is_for_https_only(guarded: str) -> None:
    with visitor(guarded, headers={"x-forwarded-proto": "https"}) as client:
        answer = client.post("/api/v1/login", json={"name": "ben", "password": OTHER})
        assert "; Secure" in answer.headers["set-cookie"]
        # Whoever listens on the way must not pass a page of http off as one of https.
        host = guarded.removeprefix("http://")
        assert client.post("/api/v1/login", json={}, headers={"origin": f"http://{host}"}).status_code == 403
        assert client.post("/api/v1/login", json={}, headers={"origin": f"https://{host}"}).status_code == 422


def test_a_cookie_is_worth_nothing_after_logout(ben: httpx.Client, guarded: str) -> None:
    cookies = dict(ben.cookies)
    assert ben.post("/api/v1/logout").status_code == 204
    with visitor(guarded, cookies=cookies) as replay:
        assert replay.get("/api/v1/health").status_code == 401


def test_a_stream_ends_after_logout(ben: httpx.Client, guarded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from webui.api import entrance

    monkeypatch.setattr(entrance, "WATCH_SECONDS", 0.0)
    with visitor(guarded, "ben", OTHER) as other, ben.stream("GET", "/api/v1/events") as stream:
        lines = stream.iter_lines()
        assert other.post("/api/v1/jobs", json={"prompt": "heard", "width": 64, "height": 64, "steps": 1}).is_success
        assert any("heard" in line for line in lines)
        with visitor(guarded, cookies=dict(ben.cookies)) as same:
            assert same.post("/api/v1/logout").status_code == 204
        assert other.post("/api/v1/jobs", json={"prompt": "unheard", "width": 64, "height": 64, "steps": 1}).is_success
        assert not any("unheard" in line for line in lines)


def test_basic_and_bearer_open_the_door(stranger: httpx.Client, anna: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    basic = httpx.BasicAuth("ben", OTHER)
    assert stranger.get("/api/v1/me", auth=basic).json()["name"] == "ben"
    # One that was right is not hashed again.
    monkeypatch.setattr(PeopleBook, "check", lambda *_: None)
    assert stranger.get("/api/v1/health", auth=basic).status_code == 200
    assert stranger.get("/api/v1/health", auth=httpx.BasicAuth("ben", PASSWORD)).status_code == 401
    monkeypatch.undo()
    made = anna.post("/api/v1/me/tokens", json={"name": "script", "scopes": ["read"]})
    assert made.status_code == 201
    secret = made.json()["token"]
    headers = {"Authorization": f"Bearer {secret}"}
    assert stranger.get("/api/v1/me", headers=headers).json()["scopes"] == ["read"]
    refused = stranger.post("/api/v1/jobs", json={}, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed")
    assert stranger.get("/api/v1/health", auth=httpx.BasicAuth("anna", secret)).status_code == 200
    assert stranger.get("/api/v1/health", auth=httpx.BasicAuth("ben", secret)).status_code == 401
    assert [one["name"] for one in anna.get("/api/v1/me/tokens").json()["items"]] == ["script"]
    assert secret not in anna.get("/api/v1/me/tokens").text
    assert stranger.get("/api/v1/me/tokens", headers=headers).status_code == 403
    assert anna.delete(f"/api/v1/me/tokens/{made.json()['id']}").status_code == 204
    assert stranger.get("/api/v1/me", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "words",
    ["", "Basic", "Basic ???", "Basic " + base64.b64encode(b"nocolon").decode(), "Bearer", "Bearer easel_x", "Digest a=b", "\u00ff"],
)
@pytest.mark.parametrize("path", ["/api/v1/health", "/sdapi/v1/samplers"])
def test_with_accounts_a_malformed_authorization_is_401(stranger: httpx.Client, words: str, path: str) -> None:
    answer = stranger.get(path, headers=[(b"authorization", words.encode("latin-1"))])
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic" if path.startswith("/sdapi") else "Bearer")


def test_people_are_for_administrators(anna: httpx.Client, ben: httpx.Client) -> None:
    assert ben.get("/api/v1/people").status_code == 403
    assert ben.post("/api/v1/people", json={"name": "eve", "password": PASSWORD}).status_code == 403
    listed = anna.get("/api/v1/people").json()["items"]
    assert {one["name"]: one["role"] for one in listed}.items() >= {"anna": "admin", "ben": "user"}.items()
    assert PASSWORD not in json.dumps(listed) and "argon" not in json.dumps(listed)
    eve = anna.post("/api/v1/people", json={"name": "eve", "password": PASSWORD}).json()
    path = f"/api/v1/people/{eve['id']}"
    assert anna.patch(path, json={"role": "admin"}).json()["role"] == "admin"
    assert anna.patch(path, json={"disabled": True}).json()["disabled"] is True
    assert anna.patch(path, json={"disabled": "yes"}).status_code == 422
    assert anna.patch(path, json={"password": "short"}).status_code == 422
    assert "short" not in anna.patch(path, json={"password": "short"}).text.replace("shorter", "")
    assert anna.delete(path).status_code == 204
    assert anna.delete(path).status_code == 404


def test_one_changes_ones_own_password_by_the_old_one(guarded: str, anna: httpx.Client) -> None:
    cat = anna.post("/api/v1/people", json={"name": "cat", "password": PASSWORD}).json()
    with visitor(guarded, "cat", PASSWORD) as here, visitor(guarded, "cat", PASSWORD) as there:
        wrong = here.put("/api/v1/me/password", json={"old": "wrong", "new": OTHER})
        assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "old")
        assert here.put("/api/v1/me/password", json={"old": PASSWORD, "new": OTHER}).status_code == 204
        assert (here.get("/api/v1/me").status_code, there.get("/api/v1/me").status_code) == (200, 401)
        assert here.post("/api/v1/me/logout-everywhere").json() == {"logins": 1}
        assert here.get("/api/v1/me").status_code == 401
    anna.delete(f"/api/v1/people/{cat['id']}")


def test_wrong_passwords_are_slowed_down_under_that_name_only(guarded: str, anna: httpx.Client, stranger: httpx.Client) -> None:
    dan = anna.post("/api/v1/people", json={"name": "dan", "password": PASSWORD}).json()
    with ThreadPoolExecutor(6) as pool:
        wrong = {"name": "dan", "password": "guess"}
        answers = list(pool.map(lambda _: httpx.post(f"{guarded}/api/v1/login", json=wrong, timeout=60), range(24)))
    counts = {status: sum(answer.status_code == status for answer in answers) for status in (401, 429)}
    assert counts[401] + counts[429] == 24
    assert 10 <= counts[401] <= 11  # two passwords are checked at once
    waited = next(answer for answer in answers if answer.status_code == 429)
    assert 1 <= int(waited.headers["retry-after"]) <= 300
    assert waited.json()["error"]["code"] == "too_many_tries"
    right = stranger.post("/login", data={"name": "dan", "password": PASSWORD})
    assert right.status_code == 429 and "Try again in" in right.text and int(right.headers["retry-after"]) > 0
    with visitor(guarded, "ben", OTHER) as other:
        assert other.get("/api/v1/me").json()["name"] == "ben"
    anna.delete(f"/api/v1/people/{dan['id']}")


def test_the_stream_of_the_page_goes_on_while_passwords_are_checked(guarded: str, ben: httpx.Client) -> None:
    with ThreadPoolExecutor(4) as pool:
        busy = [pool.submit(httpx.post, f"{guarded}/api/v1/login", json={"name": f"no{n}", "password": "x"}, timeout=60) for n in range(8)]
        assert ben.get("/api/v1/health").status_code == 200
        assert {one.result().status_code for one in busy} == {401}


def test_accounts_made_by_another_process_count_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as url, httpx.Client(base_url=url, timeout=60) as client:
        assert client.get("/api/v1/health").status_code == 200
        database = open_database(tmp_path / "data")
        PeopleBook(database).add("anna", PASSWORD)
        database.close()
        deadline = time.monotonic() + 60
        while client.get("/api/v1/health").status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert client.get("/api/v1/health").status_code == 401
