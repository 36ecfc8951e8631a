"""Signing in and out, the theme, and the pages for what went wrong."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory, override_settings

from apps.accounts.models import User
from apps.console.views import errors

PASSWORD = "correct horse battery staple"


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada", password=PASSWORD)


def test_signing_in_leads_to_where_one_wanted_to_go(ada: User) -> None:
    client = Client()
    page = client.get("/findings/", follow=True).content.decode()
    assert "Sign in to go on" in page
    sent = {"username": "ada", "password": PASSWORD, "next": "/findings/"}
    assert client.post("/sign-in/", sent)["Location"] == "/findings/"


def test_signing_in_leads_nowhere_else(ada: User) -> None:
    sent = {"username": "ada", "password": PASSWORD, "next": "https://evil.example/"}
    assert Client().post("/sign-in/", sent)["Location"] == "/"


def test_a_wrong_password_keeps_the_name_and_nothing_else(ada: User) -> None:
    text = Client().post("/sign-in/", {"username": "ada", "password": "guess-1234"}).content.decode()
    assert "User name or password is wrong." in text
    assert 'value="ada"' in text
    assert "guess-1234" not in text


@override_settings(AXES_ENABLED=True, AXES_FAILURE_LIMIT=3)
def test_too_many_wrong_passwords_block_with_a_sentence(ada: User) -> None:
    client = Client()
    for _ in range(3):
        answer = client.post("/sign-in/", {"username": "ada", "password": "wrong"})
    assert answer.status_code == 429
    assert "blocked for some minutes" in answer.content.decode()
    right = client.post("/sign-in/", {"username": "ada", "password": PASSWORD})
    assert right.status_code == 429


def test_signing_out_ends_the_session(ada: User) -> None:
    client = Client()
    client.force_login(ada)
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


def test_the_theme_is_kept_with_the_account_and_the_browser(ada: User) -> None:
    client = Client()
    client.force_login(ada)
    answer = client.post("/theme/", {"theme": "dark", "next": "/profile/"})
    assert answer["Location"] == "/profile/"
    assert 'data-theme="dark"' in client.get("/profile/").content.decode()
    ada.refresh_from_db()
    assert ada.theme == "dark"
    client.post("/theme/", {"theme": "system"})
    assert "data-theme" not in client.get("/profile/").content.decode()


@pytest.mark.parametrize("theme", ["", '"><script>', "blue"])
def test_a_theme_that_is_none_changes_nothing(theme: str, ada: User) -> None:
    client = Client()
    client.force_login(ada)
    client.cookies["theme"] = theme
    assert client.post("/theme/", {"theme": theme, "next": "//evil.example"})["Location"] == "/"
    assert "data-theme" not in client.get("/profile/").content.decode()


def test_an_address_that_names_nothing_gets_a_page(ada: User) -> None:
    assert "There is nothing here" in Client().get("/nothing/").content.decode()
    client = Client()
    client.force_login(ada)
    text = client.get("/nothing/").content.decode()
    assert "There is nothing here for you" in text
    assert "Request <code>" in text


def test_a_server_error_needs_neither_database_nor_session() -> None:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    answer = errors.server_error(request)
    assert answer.status_code == 500
    assert "The console failed to answer" in answer.content.decode()


def test_a_request_that_is_not_understood_gets_a_page() -> None:
    answer = errors.bad_request(RequestFactory().get("/"))
    assert answer.status_code == 400
    assert "was not understood" in answer.content.decode()


def test_a_paste_beyond_every_limit_gets_a_sentence(ada: User) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(ada)
    answer = client.post("/clusters/register/", {"kubeconfig": "x" * (20 * 1024 * 1024)})
    assert answer.status_code in {400, 403, 413}
    assert "<h1" in answer.content.decode()
