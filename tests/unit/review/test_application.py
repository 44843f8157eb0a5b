import pytest
from starlette.testclient import TestClient

from hardneg.review.application import application

TOKEN = "a-token"
ANNA = {"reviewer": "anna"}


@pytest.fixture
def client(session):
    return TestClient(application(session, TOKEN), base_url="http://127.0.0.1:8000")


def test_the_page_its_files_and_its_answers_bring_headers_that_keep_it_to_itself(client):
    for name in ("", "review.css", "review.js", "icon.svg"):
        answer = client.get(f"/{TOKEN}/{name}")
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in answer.text


def test_a_verdict_is_saved_and_answered_with_the_next_pair(client, session):
    first = client.post(f"/{TOKEN}/next", json=ANNA).json()
    assert first["pair"]["pair"] == 0
    assert first["figures"]["judged"] == 0
    second = client.post(f"/{TOKEN}/verdict", json={**ANNA, "pair": 0, "verdict": "answer"}).json()
    assert second["pair"]["pair"] == 1
    assert second["figures"]["answers"] == 1
    assert session.store.votes().rows() == [(0, "anna", "answer")]
    back = client.post(f"/{TOKEN}/undo", json=ANNA).json()
    assert back["pair"]["pair"] == 0
    assert back["figures"]["judged"] == 0


@pytest.mark.parametrize("path", ["/", "/wrong/", "/wrong/next", "/a-toke/", "/a-token2/", "//a-token/", "/review.js"])
def test_without_the_token_there_is_nothing(client, path):
    for answer in (client.get(path), client.post(path, json=ANNA)):
        assert answer.status_code == 403
        assert "hardneg review" in answer.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "192.168.0.7:8000"])
def test_another_name_for_this_machine_is_refused(client, host):
    assert client.get(f"/{TOKEN}/", headers={"host": host}).status_code == 400
    assert client.post(f"/{TOKEN}/next", json=ANNA, headers={"host": host}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:8000"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_requests_of_other_pages_are_refused(client, session, headers):
    given = {**ANNA, "pair": 0, "verdict": "answer"}
    assert client.post(f"/{TOKEN}/verdict", json=given, headers=headers).status_code == 403
    assert session.store.votes().is_empty()
    own = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
    assert client.post(f"/{TOKEN}/verdict", json=given, headers=own).status_code == 200


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({**ANNA, "pair": 99, "verdict": "answer"}, "there is no pair 99"),
        ({**ANNA, "pair": -1, "verdict": "answer"}, "there is no pair -1"),
        ({**ANNA, "pair": "0", "verdict": "answer"}, "pair: "),
        ({**ANNA, "pair": 0, "verdict": "perhaps"}, "verdict: "),
        ({"pair": 0, "verdict": "answer"}, "reviewer: "),
        ({"reviewer": " ", "pair": 0, "verdict": "answer"}, "reviewer: "),
        ({**ANNA, "pair": 0, "verdict": "answer", "more": 1}, "more: "),
        ([], ""),
    ],
)
def test_what_makes_no_sense_is_refused_and_saves_nothing(client, session, given, problem):
    answer = client.post(f"/{TOKEN}/verdict", json=given)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]
    assert session.store.votes().is_empty()


def test_forms_and_long_bodies_are_refused(client):
    assert client.post(f"/{TOKEN}/next", data={"reviewer": "anna"}).status_code == 415
    assert client.post(f"/{TOKEN}/next", json={"reviewer": "a" * 20_000}).status_code == 413
    assert client.get(f"/{TOKEN}/next").status_code == 405
