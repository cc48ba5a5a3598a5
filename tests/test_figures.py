"""The figures in the documentation are those that were measured."""

import re

import pytest
from benchmark_modules import imported

UNIT = re.compile(r"\d (?:µs|ms|ns)\b|\d times as (?:fast|long)")


@pytest.fixture(scope="module")
def modules():
    with imported("figures", "figure_charts", "figure_texts", "results") as modules:
        yield modules


@pytest.fixture(scope="module")
def figures(modules):
    return modules[0]


@pytest.fixture(scope="module")
def made(modules):
    return modules[2].make()


@pytest.fixture(scope="module")
def bench(modules):
    return modules[3].load("bench")


def test_each_page_has_the_figures_of_the_json(figures, made):
    stale = [
        page.name
        for page in figures.pages()
        if (text := page.read_text("utf-8")) != figures.filled(text, made)
    ]
    assert not stale, "run: make figures"


def test_the_charts_are_those_of_the_json(figures, modules):
    for name, chart in modules[1].draw().items():
        assert (figures.IMAGES / name).read_text("utf-8") == chart, "run: make figures"


def test_a_changed_figure_is_noticed(figures, made):
    text = "a <!-- figure machine -->old<!-- end --> b <!-- figure versions --><!-- end -->."
    assert made["versions"] in figures.filled(text, made)
    assert "old" not in figures.filled(text, made)
    with pytest.raises(KeyError):
        figures.filled("a <!-- figure unknown --><!-- end -->", made)


def test_no_figure_begins_a_line_of_a_paragraph(figures):
    """Markdown would take the line for HTML, and end the paragraph."""
    for page in figures.pages():
        for block in page.read_text("utf-8").split("\n\n"):
            first, *others = block.split("\n")
            assert not any(line.startswith("<!-- figure ") for line in others), (page.name, first)


def test_no_speed_is_typed_by_hand(figures):
    for page in figures.pages():
        typed = UNIT.search(figures.FIGURE.sub("", page.read_text("utf-8")))
        assert typed is None, (page.name, typed)


def test_every_peer_and_every_limit_is_measured(bench):
    others = " ".join(row["other"] for row in bench["rows"])
    for name in (
        *("the original", "requests-oauthlib", "Authlib", "httpx-oauth", "social-core"),
        *("django-allauth", "joserfc", "PyJWT", "python-jose", "mod_auth_openidc"),
        *(
            "Authlib on httpx2",
            "raw TLS socket",
            "bare RSA-2048",
            "a bare 204",
            "nginx, the file alone",
        ),
    ):
        assert name in others, name


def test_growth_is_measured_to_its_end(bench):
    ends = {curve["along"]: (curve["at"][0], curve["at"][-1]) for curve in bench["curves"]}
    assert ends == {
        "networks of a person": (1, 1_000),
        "sessions in the store": (1, 100_000),
        "logins at a time": (1, 500),
    }


def test_a_median_is_between_its_quartiles_and_a_goal_holds_by_it(bench):
    for row in bench["rows"]:
        low, high = row["ratio_quartiles"]
        assert low <= row["ratio"] <= high
        if row["goal"] is not None:
            reached = (
                row["ratio"] >= row["goal"] if row["at_least"] else row["ratio"] <= row["goal"]
            )
            assert row["holds"] is reached


def test_every_missed_goal_is_named(made, bench):
    for row in bench["rows"]:
        if row["holds"] is False:
            assert f"{row['title']}, beside {row['other']}" in made["missed"]


def test_the_comparison_has_a_bar_for_each_peer(modules):
    chart = modules[1].draw()["comparison.svg"]
    for name in ("mod_auth_openidc before it", "Authlib on httpx2", "raw TLS socket, kept"):
        assert f">{name}</text>" in chart
