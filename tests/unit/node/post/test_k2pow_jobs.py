"""The dialogue of a k2pow worker."""

from http import HTTPStatus

import pytest

from node.post.k2pow_jobs import ALIVE, Found, Job, JobTable, Response, SearchFailed

JOB = Job(nonce_group=3, challenge=bytes(8), difficulty=b"\x0f" * 32, smesher=b"\xab" * 32)
OTHER = Job(nonce_group=4, challenge=bytes(8), difficulty=b"\x0f" * 32, smesher=b"\xab" * 32)


def get(table: JobTable, path: str) -> tuple[int, str]:
    response = table.on_request("GET", path)
    return response.status, response.body


def test_a_job_is_accepted_worked_on_and_answered() -> None:
    table = JobTable()
    assert get(table, JOB.path) == (201, "")
    assert table.current == JOB
    assert get(table, JOB.path) == (201, "")
    table.on_result(Found(17))
    assert table.current is None
    assert get(table, JOB.path) == (200, "17")
    assert table.current is None


def test_one_job_is_worked_on_at_a_time() -> None:
    table = JobTable()
    get(table, JOB.path)
    assert get(table, OTHER.path) == (429, "")
    table.on_result(Found(1))
    assert get(table, OTHER.path) == (201, "")
    assert get(table, JOB.path) == (200, "1")


def test_a_failure_is_an_answer() -> None:
    table = JobTable()
    get(table, JOB.path)
    table.on_result(SearchFailed("no memory"))
    assert get(table, JOB.path) == (500, "no memory")


def test_a_result_without_a_job_is_dropped() -> None:
    table = JobTable()
    table.on_result(Found(1))
    assert get(table, JOB.path) == (201, "")


def test_hexadecimal_and_numbers_are_read_as_the_reference_reads_them() -> None:
    table = JobTable()
    assert get(table, JOB.path.upper().replace("/JOB/", "/job/").replace("/3/", "/+03/")) == (
        201,
        "",
    )
    assert table.current == JOB


def test_other_paths_and_methods() -> None:
    table = JobTable()
    assert table.on_request("GET", "/") == Response(HTTPStatus.OK, ALIVE)
    for method, path, status in (
        ("POST", "/", 405),
        ("POST", JOB.path, 405),
        ("GET", "/job", 404),
        ("GET", JOB.path + "/", 404),
        ("GET", JOB.path.replace("/3/", "//"), 404),
    ):
        response = table.on_request(method, path)
        assert (response.status, response.body, response.content_type) == (status, "", None)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("/3/", "/256/", "Cannot parse value at index 1 with value `256` to a `u8`"),
        ("/3/", "/-1/", "Cannot parse value at index 1 with value `-1` to a `u8`"),
        ("/3/", "/%20/", "Cannot parse value at index 1 with value ` ` to a `u8`"),
        ("ab/3", "a/3", "Odd number of digits"),
        ("/abab", "/xbab", "Invalid character 'x' at position 0"),
        ("/abab", "/ab", "Can't convert a Byte Vector of length 31 to the output type."),
        ("0f" * 32, "0f" * 33, "Can't convert a Byte Vector of length 33 to the output type."),
    ],
)
def test_malformed_jobs_are_refused_with_the_reference_text(
    old: str, new: str, problem: str
) -> None:
    table = JobTable()
    assert get(table, JOB.path.replace(old, new, 1)) == (400, f"Invalid URL: {problem}")
    assert table.current is None
