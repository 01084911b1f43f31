"""The course's snippets in Python, as the lessons show them: each is run."""

import gzip
import math
import pathlib
import re

import numpy
import pandas
import pytest
import reshet

CRATES = pathlib.Path(__file__).parents[2] / "crates"
CODE = (CRATES / "lab/src/chapters/code.rs").read_text(encoding="utf-8")
CHAPTERS = {
    name.lower(): re.search(r'python: r#"(.*?)"#', body, re.S).group(1)
    for name, body in re.findall(r"pub const (\w+): Code = Code \{(.*?)\n\};\n", CODE, re.S)
}


def moons(rows, noise):
    random = numpy.random.default_rng(rows)
    t, label = random.uniform(0, math.pi, rows), numpy.arange(rows) % 2
    x1 = numpy.where(label == 1, 1 - numpy.cos(t), numpy.cos(t))
    x2 = numpy.where(label == 1, 0.5 - numpy.sin(t), numpy.sin(t))
    x1, x2 = (x + random.normal(0, noise, rows) for x in (x1, x2))
    return pandas.DataFrame({"x1": x1, "x2": x2, "label": label})


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A folder with the tables that the chapters name, and what they take for granted."""
    monkeypatch.chdir(tmp_path)
    classics = CRATES / "reshet/src/data/classics"
    for name in ("iris", "breast_cancer"):
        text = gzip.decompress((classics / f"{name}.csv.gz").read_bytes())
        (tmp_path / f"{name.replace('_', '-')}.csv").write_bytes(text)
    random = numpy.random.default_rng(0)
    area = numpy.arange(85, 139, 6)
    floor = numpy.arange(9) % 5 + 1
    flats = {"area": area, "floor": floor, "price": 0.025 * area + 0.05 * floor}
    pandas.DataFrame(flats).to_csv("flats.csv", index=False)
    parents = random.choice([64.0, 66.5, 68.5, 70.5, 72.5], 928)
    heights = {"parents": parents, "child": 24 + 0.65 * parents + random.normal(0, 2, 928)}
    pandas.DataFrame(heights).to_csv("galton.csv", index=False)
    x = numpy.linspace(1, 20, 500)
    pandas.DataFrame({"x": x, "y": 0.3 * numpy.sin(x)}).to_csv("waves.csv", index=False)
    moons(200, 0.15).to_csv("moons.csv", index=False)
    moons(60, 0.4).to_csv("few.csv", index=False)
    moons(300, 0.4).to_csv("more.csv", index=False)
    pictures = random.integers(0, 256, (200, 784), dtype=numpy.uint8)
    labels = numpy.arange(200) % 10
    known = dict(reshet=reshet, numpy=numpy, pandas=pandas, X=pictures, y=labels, X_test=pictures,
                 y_test=labels)
    known["model"] = reshet.train(pictures, labels, hidden=(4,), epochs=1)
    known |= dict(asked=numpy.zeros((2, 11), numpy.float32), reward=numpy.zeros(2, numpy.float32),
                  worth=numpy.zeros(2, numpy.float32))
    return known


def test_there_are_chapters():
    assert len(CHAPTERS) > 20 and "point" in CHAPTERS


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_snippet_runs(chapter, tables):
    exec(compile(CHAPTERS[chapter], f"<{chapter}>", "exec"), tables)
    # What the comments and the book say comes out.
    if chapter == "descent":
        assert abs(tables["w"] - 2) < 1e-6
    elif chapter == "landscape":
        assert abs(tables["x"] + 0.7071) < 1e-3 and abs(tables["y"]) < 1e-3
    elif chapter in ("point", "five"):
        assert abs(tables["w"] - {"point": 2.25, "five": 2.1136}[chapter]) < 1e-3
    elif chapter == "linear":
        assert 70 < tables["w"].item() < 90 and 44 < tables["b"].item() < 56
    elif chapter == "cost":
        assert abs(tables["loss"] - 0.415) < 1e-3
    elif chapter == "cancer":
        assert tables["model"].tested["accuracy"] > 0.94
    elif chapter == "save":
        before, after = (tables[name].predict(tables["X"]) for name in ("model", "again"))
        assert (before == after).all()
