"""Tables: DataFrames, dicts and files, prepared as the program prepares them."""

import datetime
import decimal
import json
import pathlib
import pickle
import subprocess
import warnings

import numpy as np
import pandas as pd
import pytest
import reshet

# Hardly trained: the package says so.
pytestmark = pytest.mark.filterwarnings(
    "ignore:the network is no better", "ignore:only .* training steps", "ignore:it gives every",
    "ignore:column .x. gives the target away")

QUICK = {"epochs": 4, "hidden": (8,)}


def houses(n=240, seed=0):
    """Numbers, words, a category, dates, truth values, whole numbers with gaps."""
    r = np.random.default_rng(seed)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(r.integers(0, 400, n), "D")
    frame = pd.DataFrame({
        "size": r.normal(50, 10, n).round(2),
        "city": r.choice(["Haifa", "Jaffa", "Be'er Sheva, south"], n),
        "sold": days,
        "new": r.random(n) > 0.5,
        "rooms": pd.array(r.integers(1, 6, n), dtype="Int64"),
        "kind": pd.Categorical(r.choice(["a", "b", "c", "d"], n)),
    })
    price = 3 * frame["size"] + 40 * (frame.city == "Jaffa") + 5.0 * frame.rooms.astype(float)
    frame.loc[::17, "rooms"] = pd.NA
    frame.loc[::23, "size"] = np.nan
    frame.loc[5::29, "city"] = None
    frame.loc[3::31, "sold"] = pd.NaT
    frame["dear"] = np.where(price > price.median(), "yes", "no")
    frame["price"] = price.round(2)
    return frame


def weights(model):
    return np.concatenate([p.ravel() for p in model.parameters.values()])


def same(*models):
    first = models[0]
    return all(m.network == first.network and np.array_equal(weights(m), weights(first))
               for m in models)


def told(run):
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("target, drop, more", [
    ("price", ["dear"], {}),
    ("dear", ["price"], {"validation": 0.2}),
    ("kind", ["price", "dear"], {"seed": 3, "test": 0}),
])
def test_a_frame_and_its_file_give_the_same_model(tmp_path, target, drop, more):
    frame, path = houses(), tmp_path / "houses.csv"
    frame.to_csv(path, index=False)
    how = {"target": target, "drop": drop, **QUICK, **more}
    models = [reshet.train(data, **how) for data in (
        frame, path, str(path), {name: frame[name] for name in frame}, frame.convert_dtypes(),
        frame.astype(object), frame.set_index("size", drop=False),
        pd.read_csv(path, dtype=str, keep_default_na=False),
    )]
    assert same(*models)
    assert len({str(m.predict(d).tolist()) for m in models for d in (frame, path)}) == 1
    assert len({json.dumps(m.tested) for m in models}) == 1
    assert (models[0].tested is None) == ("test" in more)


@pytest.mark.parametrize("target, drop, more", [
    ("price", "dear", []), ("dear", "price", ["--balance"]), ("kind", "price", ["--seed", "3"]),
    ("price", "dear", ["--net", "8:relu-1"]),
])
def test_the_program_gives_the_same_model(tmp_path, program, target, drop, more):
    frame, path, run = houses(), tmp_path / "houses.csv", tmp_path / "run"
    frame.to_csv(path, index=False)
    told([program, "train", path, "--target", target, "--drop", drop, "--out", run, "-q", *more])
    how = {"--balance": {"class_weight": "balanced"}, "--seed": {"seed": 3},
           "--net": {"net": "8:relu-1"}}
    mine = reshet.train(frame, target=target, drop=drop, **(how[more[0]] if more else {}))
    theirs = reshet.load(run)
    assert same(mine, theirs) and mine.history["loss"] == theirs.history["loss"]
    assert (mine.predict(frame) == theirs.predict(frame)).all()
    report = json.loads((run / "report.json").read_text())["test"]
    assert {name: mine.tested[name] for name in report} == report


def test_the_program_reads_python_s_models(tmp_path, program):
    frame, path, model = houses(), tmp_path / "houses.csv", tmp_path / "model.safetensors"
    frame.to_csv(path, index=False)
    mine = reshet.train(frame, target="dear", drop="price", **QUICK)
    mine.save(model)
    lines = told([program, "predict", model, path]).splitlines()
    assert lines[0] == "label,no,yes"
    assert [line.split(",")[0] for line in lines[1:]] == mine.predict(frame).tolist()
    tested = json.loads(told([program, "test", model, path, "--json"]))
    assert mine.test(frame)["confusion"] == tested["confusion"]
    assert mine.score(path) == tested["accuracy"]
    assert same(mine, reshet.load(model)) and reshet.load(model).history == {}


def test_frames_of_polars(tmp_path):
    frame, path = houses(), tmp_path / "houses.csv"
    frame.to_csv(path, index=False)
    want = reshet.train(path, target="price", **QUICK)
    polars = pytest.importorskip("polars")
    theirs = polars.DataFrame({name: frame[name].astype(object).where(frame[name].notna(), None)
                               .tolist() for name in frame})
    model = reshet.train(theirs, target="price", **QUICK)
    assert same(want, model) and (model.predict(theirs) == want.predict(path)).all()


def test_frames_of_arrow(tmp_path):
    frame, path = houses(), tmp_path / "houses.csv"
    frame.to_csv(path, index=False)
    want = reshet.train(path, target="price", **QUICK)
    pyarrow = pytest.importorskip("pyarrow")

    class Capsule:
        """All that is known of it is how to give its columns away."""

        def __arrow_c_stream__(self, schema=None):
            return pyarrow.Table.from_pandas(frame).__arrow_c_stream__(schema)

    for table in (pyarrow.Table.from_pandas(frame), Capsule()):
        model = reshet.train(table, target="price", **QUICK)
        assert same(want, model) and (model.predict(table) == want.predict(path)).all()


N = 60
NUMBERS = [float(i % 7) + 0.5 for i in range(N)]


def of_cells(values, y=None):
    """A model of a column of these values, and of another one."""
    y = [str(i % 7 > 3) for i in range(N)] if y is None else y
    return reshet.train({"x": values, "z": NUMBERS, "y": y}, target="y", test=0, **QUICK)


def days(kind):
    return [kind(2024, 1 + i % 12, 1 + i % 28) for i in range(N)]


@pytest.mark.parametrize("values, text", [
    (np.array(NUMBERS), [str(x) for x in NUMBERS]),
    (np.array(NUMBERS, dtype=np.float32), NUMBERS),
    (np.array([0.1 * (i % 7) for i in range(N)], dtype=np.float32), None),
    (np.array(NUMBERS)[::-1][::-1], NUMBERS),
    (np.array(NUMBERS).astype(">f8"), NUMBERS),
    (np.array([i % 5 for i in range(N)], dtype=np.uint8), [str(i % 5) for i in range(N)]),
    (np.array([i % 5 for i in range(N)], dtype=np.uint64), [i % 5 for i in range(N)]),
    (range(100, 160), [str(i) for i in range(100, 160)]),
    ([2**60 + i % 3 for i in range(N)], [str(2**60 + i % 3) for i in range(N)]),
    ([i % 2 == 0 for i in range(N)], ["True" if i % 2 == 0 else "False" for i in range(N)]),
    ([np.bool_(i % 2 == 0) for i in range(N)], [i % 2 == 0 for i in range(N)]),
    ([decimal.Decimal(i % 7) / 4 for i in range(N)], [i % 7 / 4 for i in range(N)]),
    ([np.float32(0.1) * (i % 7) for i in range(N)], [str(np.float32(0.1) * (i % 7)) for i in range(N)]),
    ([np.int64(i % 7) for i in range(N)], [i % 7 for i in range(N)]),
    ([float("nan") if i % 5 == 0 else i % 7 for i in range(N)], ["" if i % 5 == 0 else str(i % 7) for i in range(N)]),
    ([None if i % 5 == 0 else f"w{i % 3}" for i in range(N)], ["NA" if i % 5 == 0 else f" w{i % 3} " for i in range(N)]),
    ([pd.NA if i % 5 == 0 else f"w{i % 3}" for i in range(N)], ["?" if i % 5 == 0 else f"w{i % 3}" for i in range(N)]),
    ([f"w{i % 3}".encode() for i in range(N)], [f"w{i % 3}" for i in range(N)]),
    (np.array([f"w{i % 3}" for i in range(N)]), [f"w{i % 3}" for i in range(N)]),
    (days(datetime.date), [str(day) for day in days(datetime.date)]),
    (days(datetime.datetime), [str(day) for day in days(datetime.date)]),
    (pd.Series(days(pd.Timestamp)), [str(day) for day in days(datetime.date)]),
    (pd.Series(days(pd.Timestamp)).dt.tz_localize("Asia/Jerusalem"), days(datetime.date)),
    (np.array(days(datetime.date), dtype="M8[D]"), days(datetime.date)),
    ([pd.NaT, *days(pd.Timestamp)[1:]], ["", *days(datetime.date)[1:]]),
    (pd.Series([f"w{i % 3}" for i in range(N)], dtype="string"), [f"w{i % 3}" for i in range(N)]),
    (pd.Categorical([i % 3 for i in range(N)]), [i % 3 for i in range(N)]),
    (pd.arrays.SparseArray([i % 3 for i in range(N)]), [i % 3 for i in range(N)]),
    (["007", "010", "3"] * 20, pd.Series(["007", "010", "3"] * 20, dtype="category")),
    (["1,234", "2,000.5", "$3"] * 20, [1234, 2000.5, 3] * 20),
])
def test_cells_of_every_kind(values, text):
    if text is None:
        text = [str(x) for x in values]
    if isinstance(values, (pd.Categorical, pd.arrays.SparseArray)):
        values = pd.Series(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert same(of_cells(values), of_cells(text))
        # The column says something, so that the two could differ.
        assert not same(of_cells(values), of_cells(NUMBERS[::-1]))


@pytest.mark.parametrize("y", [
    [i % 7 > 3 for i in range(N)], [i % 7 // 3 for i in range(N)],
    [float(i % 7 // 3) for i in range(N)], [f"c{i % 7 // 3}" for i in range(N)],
    [i % 7 // 3 if i % 9 else None for i in range(N)],
])
def test_answers_are_of_the_target_s_kind(y):
    model = of_cells(NUMBERS, pd.Series(y))
    answers = model.predict({"x": NUMBERS, "z": NUMBERS})
    known = pd.Series(y).dropna()
    assert answers.dtype.kind == np.array(known.tolist()).dtype.kind
    assert set(answers.tolist()) <= set(known.tolist())


def test_the_last_column_is_the_target_unless_said():
    frame = houses()
    assert same(reshet.train(frame, **QUICK), reshet.train(frame, target="price", **QUICK))
    two = reshet.train(frame, target=["price", "size"], **QUICK)
    assert two.target == ["price", "size"] and two.predict(frame).shape == (240, 2)


def test_names_of_columns():
    frame = houses()[["size", "city", "price"]]
    want = reshet.train(frame, target="price", **QUICK)
    numbered = frame.set_axis([0, 1, 2], axis=1)
    assert reshet.train(numbered, target=2, **QUICK).columns == ["0", "1"]
    spaced = frame.set_axis([" size", "city ", "price"], axis=1)
    model = reshet.train(spaced, target="price", **QUICK)
    assert model.columns == ["size", "city"] and (model.predict(spaced) == want.predict(frame)).all()
    # Letters with marks in two forms, and a character that nobody sees.
    marked = frame.set_axis(["e\u0301t\u00e9", "ci\u200bty", "price"], axis=1)
    model = reshet.train(marked, target="pri\u200bce", drop=["city"], **QUICK)
    assert model.columns == ["\u00e9t\u00e9"]
    assert (model.predict({"\u00e9te\u0301": frame["size"]}) == model.predict(marked)).all()
    nameless = reshet.train(frame.set_axis([None, "city", "price"], axis=1), **QUICK)
    assert nameless.columns == ["column 1", "city"]
    levels = pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "z")])
    for names, says in [
        (["a", "a", "price"], 'two columns are called "a"'),
        ([1, "1", "price"], 'two columns are called "1"'),
        (levels, "several levels; join them first"),
    ]:
        with pytest.raises(ValueError, match=says):
            reshet.train(frame.set_axis(names, axis=1), target="price", **QUICK)
    structured = np.array([(1.5, "a"), (2.5, "b")] * 20, dtype=[("x", float), ("y", "U1")])
    assert reshet.train(structured, target="y", **QUICK).task == "binary"


def test_what_is_predicted(tmp_path):
    frame = houses()
    model = reshet.train(frame, target="dear", drop="price", **QUICK)
    assert model.columns == ["size", "city", "new", "rooms", "kind", "sold"] and model.target == "dear"
    want = model.predict_proba(frame)
    other = frame.drop(columns=["dear", "price"])[frame.columns[5::-1]].assign(id=range(240), x="?")
    path = tmp_path / "other.csv"
    other.to_csv(path, index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for data in (other, path, other.to_dict("list"), other.to_dict("records")):
            assert np.array_equal(model.predict_proba(data), want)
        assert model.predict(other.iloc[:0]).shape == (0,)
        one = {name: frame[name].iloc[7] for name in model.columns}
        assert np.array_equal(model.predict_proba(one), want[7:8])
        assert np.array_equal(model.predict_proba(frame.iloc[7]), want[7:8])
    with pytest.raises(ValueError, match="needs the columns city, kind"):
        model.predict(other.drop(columns=["city", "kind"]))
    with pytest.raises(ValueError, match="none of the columns"):
        model.predict(frame[["price"]])
    with pytest.warns(UserWarning, match="2 cells held values that are rare or were never seen"):
        model.predict(other.assign(kind=["e", "f", *other.kind[2:]]))
    with pytest.warns(UserWarning, match="1 number lies far outside"):
        model.predict(other.assign(size=[1e6, *other["size"][1:]]))
    with pytest.raises(ValueError, match='DataFrame:3: column "size": "big" is not a number'):
        model.predict(other.assign(size=["1", "2", "big", *other["size"][3:]]))
    with pytest.raises(ValueError, match='DataFrame:3: column "size": "007" .* leading zeros'):
        model.predict(other.assign(size=["1", "2", "007", *other["size"][3:]]))
    with pytest.raises(ValueError, match="two columns are called"):
        model.predict(pd.concat([other, other[["size"]]], axis=1))


def test_what_is_tested():
    frame = houses()
    model = reshet.train(frame, target="dear", drop="price", **QUICK)
    assert model.tested["samples"] == 48 and 0 <= model.tested["accuracy"] <= 1
    report = model.test(frame.assign(id=1))
    assert report["samples"] == 240 and report["baseline"] == 0.5
    assert model.score(frame) == report["accuracy"] == (model.predict(frame) == frame.dear).mean()
    with pytest.raises(ValueError, match='no column is called "dear"'):
        model.test(frame.drop(columns="dear"))
    with pytest.raises(ValueError, match="a table has it in its column dear"):
        model.test(frame, frame.dear)
    other = reshet.train(frame[:200], target="dear", drop="price", test=frame[200:], **QUICK)
    assert other.tested["samples"] == 40 and other.tested == other.test(frame[200:])
    assert reshet.train(frame, target="dear", drop="price", test=0, **QUICK).tested is None


def test_columns_left_out_and_words_for_nothing():
    frame = houses().drop(columns="dear")
    only = reshet.train(frame, target="price", only=["size", "rooms"], **QUICK)
    assert only.columns == ["size", "rooms"]
    rest = [name for name in frame if name not in ("size", "rooms", "price")]
    assert same(only, reshet.train(frame, target="price", drop=rest, **QUICK))
    assert "left out: kind (as asked)" in reshet.train(frame, drop="kind", **QUICK).said
    marked = frame.assign(size=frame["size"].fillna(-99))
    want, model = (reshet.train(frame, **QUICK), reshet.train(marked, missing=["-99"], **QUICK))
    assert same(want, model) and not same(want, reshet.train(marked, **QUICK))
    assert np.array_equal(want.predict(frame), model.predict(marked))
    with pytest.raises(ValueError, match="drop, only"):
        reshet.train(frame, drop="kind", only="size")
    with pytest.raises(ValueError, match='no column is called "sise".*did you mean "size"'):
        reshet.train(frame, target="price", drop="sise")


def test_numbers_far_from_zero_keep_their_digits():
    x = (np.arange(200.0) * 37) % 200 + 0.25
    seconds = 1.7e9 + np.round(x) + np.arange(200) % 3
    model = reshet.train({"x": x, "y": seconds}, target="y", test=0)
    answers = model.predict({"x": x})
    assert answers.dtype == np.float64 and np.abs(answers - seconds).mean() < 20


def test_how_much_rows_count(tmp_path):
    frame = houses().drop(columns="dear")
    path = tmp_path / "houses.csv"
    w = np.random.default_rng(1).random(240).round(3)
    weighted = frame.assign(w=w)[["w", *frame.columns]]
    weighted.to_csv(path, index=False)
    models = [reshet.train(data, target="price", sample_weight=by, **QUICK)
              for data, by in [(weighted, "w"), (path, "w"), (frame, w), (frame, list(w))]]
    assert same(*models) and not same(models[0], reshet.train(frame, target="price", **QUICK))
    assert models[0].columns == models[2].columns
    for by, says in [(w[1:], "240 rows but 239 weights"), (-w, "0 or more"), ("weight", "weight"),
                     (np.zeros(240), "all weights are 0"), (np.ones((240, 2)), "one dimension")]:
        with pytest.raises(ValueError, match=says):
            reshet.train(frame, target="price", sample_weight=by, **QUICK)


def test_how_much_classes_count():
    frame = houses().drop(columns="price")[60:]
    frame = frame[(frame.dear == "no") | (frame.index % 5 == 0)]
    n = frame.dear.value_counts()
    plain = reshet.train(frame, target="dear", test=0, **QUICK)
    balanced = reshet.train(frame, target="dear", test=0, class_weight="balanced", **QUICK)
    by_hand = {label: len(frame) / (2 * n[label]) for label in ("no", "yes")}
    said = reshet.train(frame, target="dear", test=0, class_weight=by_hand, **QUICK)
    assert same(balanced, said) and not same(plain, balanced)
    weights = np.array([by_hand[label] for label in frame.dear], dtype=np.float32)
    assert same(said, reshet.train(frame, target="dear", test=0, sample_weight=weights, **QUICK))
    assert (balanced.predict(frame) == "yes").sum() > (plain.predict(frame) == "yes").sum()
    for by, says in [({"maybe": 2}, "no class is called maybe; there are no, yes"),
                     ("even", '"balanced", or a weight for each class'), ({"no": -1}, "0 or more")]:
        with pytest.raises(ValueError, match=says):
            reshet.train(frame, target="dear", class_weight=by, **QUICK)
    with pytest.raises(ValueError, match="only classes"):
        reshet.train(houses(), target="price", class_weight={1: 2}, **QUICK)


def test_a_training_goes_on(tmp_path):
    frame = houses().drop(columns="dear")
    first, rest = frame[:120], frame[120:]
    model = reshet.train(first, target="price", test=0, **QUICK)
    still = reshet.train(rest, start=model, test=0, lr=1e-12, weight_decay=0, epochs=1)
    assert np.allclose(weights(still), weights(model), atol=1e-6)
    assert np.allclose(still.predict(frame), model.predict(frame), atol=0.01)
    on = reshet.train(rest, target="price", start=model, test=0, epochs=10)
    assert on.network == model.network and on.score(rest) > model.score(rest)
    # Prepared as the first one knows it: a word that is new, a column that is missing there.
    with_more = rest.assign(kind="z", more=1)
    assert reshet.train(with_more, start=model, test=0.5, validation=0.2, epochs=2).tested
    path = tmp_path / "rest.csv"
    rest.to_csv(path, index=False)
    assert same(on, reshet.train(path, start=model, test=0, epochs=10))
    weighted = rest.assign(w=np.linspace(0, 1, 120))
    by_name, by_hand = (reshet.train(weighted, start=model, test=0, epochs=1, sample_weight=w)
                        for w in ("w", weighted.w))
    assert same(by_name, by_hand)
    for more, says in [
        ({"hidden": (9,)}, "start: the model is the network"),
        ({"target": "size"}, "target: size; the model to start from predicts price"),
        ({"drop": "kind"}, "drop: the model to start from knows its columns"),
    ]:
        with pytest.raises(ValueError, match=says):
            reshet.train(rest, start=model, **more)
    with pytest.raises(ValueError, match="trained on a table; give it one"):
        reshet.train(np.zeros((9, 7)), np.zeros(9), start=model)


def test_the_course_of_a_training(tmp_path):
    frame = houses().drop(columns="dear")
    model = reshet.train(frame, target="price", validation=0.2, epochs=5)
    assert sorted(model.history) == ["loss", "validation_loss", "validation_r2"]
    assert all(len(told) == 5 and all(type(x) is float for x in told)
               for told in model.history.values())
    assert model.history["loss"][-1] < model.history["loss"][0]
    again = pickle.loads(pickle.dumps(model))
    assert (again.history, again.said, again.tested) == (model.history, model.said, model.tested)


def test_a_run_s_folder_is_read(tmp_path, program):
    frame, path, run = houses(), tmp_path / "houses.csv", tmp_path / "run"
    frame.to_csv(path, index=False)
    told([program, "train", path, "--target", "dear", "--out", run, "-q", "--validation", "0.2",
          "--epochs", "3"])
    model = reshet.load(run)
    assert [len(told) for told in model.history.values()] == [3, 3, 3]
    assert list(model.history) == ["loss", "validation_loss", "validation_accuracy"]
    assert same(model, reshet.load(run / "model.safetensors"))
    with pytest.raises(FileNotFoundError, match="no model.safetensors in this"):
        reshet.load(tmp_path)


def test_files_of_other_kinds(tmp_path):
    path = tmp_path / "t.arff"
    rows = "".join(f"{i % 9},{'ab'[i % 9 > 4]}\n" for i in range(60))
    path.write_text(f"@relation t\n@attribute x numeric\n@attribute y {{a,b}}\n@data\n{rows}")
    model = reshet.train(path, **QUICK)
    assert model.columns == ["x"] and list(model.classes) == ["a", "b"]
    german = tmp_path / "t.csv"
    german.write_text("x;y\n" + "".join(f"{i % 9},5;{'ab'[i % 9 > 4]}\n" for i in range(60)))
    frame = pd.read_csv(german, sep=";", decimal=",")
    assert same(reshet.train(german, **QUICK), reshet.train(frame, **QUICK))


def test_what_is_wrong_is_said(tmp_path):
    frame = houses()
    delta = pd.to_timedelta(frame["size"].fillna(0), "s")
    for bad, says in [
        (lambda: reshet.train(frame, target="prize"), 'no column is called "prize".*"price"'),
        (lambda: reshet.train(frame, "price"), 'target="price"'),
        (lambda: reshet.train(frame, frame.price), "to learn from columns of words say target="),
        (lambda: reshet.train(frame[["size"]], target="size"), "no column besides the target"),
        (lambda: reshet.train(frame[:0], target="price"), "no rows"),
        (lambda: reshet.train(pd.DataFrame(), target="price"), "no columns"),
        (lambda: reshet.train({"a": [1, 2], "b": [1, 2, 3]}), "different lengths .a: 2, b: 3"),
        (lambda: reshet.train({"a": [1, 2], "b": 3}), 'column "b": a column is a list or an array, not a single int'),
        (lambda: reshet.train(frame.assign(d=delta), target="price"), 'column "d": durations'),
        (lambda: reshet.train(frame.assign(d=[[1]] * 240), target="price"),
         'DataFrame:1: column "d": a list; a cell holds'),
        (lambda: reshet.train(frame.assign(d=[object()] * 240), target="price"),
         'DataFrame:1: column "d": a object, which says nothing'),
        (lambda: reshet.train(frame.price, target="price"), "needed beside an array; a Series"),
        (lambda: reshet.train({"x": np.ones(9) * 1j, "y": range(9)}), "complex numbers"),
        (lambda: reshet.train(tmp_path / "none.csv", target="price"), "none.csv"),
        (lambda: reshet.train(np.zeros((5, 2))), "needed beside an array"),
        (lambda: reshet.train(np.zeros((5, 2)), np.zeros(5), target="a"), "target: goes with a table"),
        (lambda: reshet.train(frame, target="price", test=1.5), "test: a part is a fraction"),
        (lambda: reshet.train(frame, target="price", schedule="cosin"), 'did you mean "cosine"'),
        (lambda: reshet.train(frame, target="price", clip_norm=-1), "clip_norm -1: "),
        (lambda: reshet.train(frame, target="price", batch_size=1000), "batch_size 1000: choose"),
        (lambda: reshet.train(frame, target="price", start="a model"), "cannot read a model"),
        (lambda: reshet.train(frame, target="price", start=3), "a reshet.Model"),
        (lambda: reshet.train(frame, target="price", learning_rate=1), "unexpected keyword"),
    ]:
        with pytest.raises((ValueError, TypeError, OSError), match=says):
            bad()


def test_what_looks_wrong_is_warned_of():
    r = np.random.default_rng(0)
    noise = {"x": r.normal(size=300), "y": r.choice(["a", "b"], 300)}
    with pytest.warns(UserWarning, match="no better than"):
        reshet.train(noise, target="y", lr=1.0, epochs=2)
    leak = {"x": r.normal(size=300), "z": r.normal(size=300)}
    leak["y"] = 2 * leak["x"] + 1
    with pytest.warns(UserWarning, match="x"):
        reshet.train(leak, target="y", epochs=2)


def test_a_file_is_read_as_it_is_said_to_be(tmp_path):
    frame = houses().dropna(subset=["size"])[["size", "city", "price"]]
    plain, other = tmp_path / "plain.csv", tmp_path / "other.txt"
    frame.to_csv(plain, index=False)
    frame.to_csv(other, index=False, sep="/", header=False, encoding="utf-16-le")
    written = {"sep": "/", "header": False, "encoding": "utf-16le"}
    model = reshet.train(plain, target="price", **QUICK)
    again = reshet.train(other, target="column 3", **written, **QUICK)
    assert same(model, again)
    assert model.tested["rmse"] == again.tested["rmse"]
    known = model.predict(plain)
    assert np.array_equal(again.predict(other, **written), known)
    assert again.test(other, **written)["rmse"] == model.test(plain, sep=",")["rmse"]
    assert again.score(other, **written) == model.score(plain)
    tested = reshet.train(other, target="column 3", test=other, **written, **QUICK)
    assert tested.tested["samples"] == len(frame)

    with pytest.raises(ValueError, match="sep: goes with the path of a table's file"):
        reshet.train(frame, sep=";")
    with pytest.raises(ValueError, match="encoding: goes with the path"):
        model.predict(frame, encoding="utf-8")
    with pytest.raises(ValueError, match="sep: one character"):
        reshet.train(plain, sep="||")
    with pytest.raises(ValueError, match="header: True if the first row"):
        reshet.train(plain, header=0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'decimal'"):
        model.predict(plain, decimal=",")
    with pytest.raises(ValueError, match='it has no sheet "2024"'):
        reshet.train(plain, sheet="2024")


def test_a_sheet_is_chosen_by_its_name():
    root = pathlib.Path(__file__).parent.parent.parent
    book = root / "crates/reshet/tests/tables/book.xlsx"
    with pytest.raises(ValueError, match="no sheet|sheet"):
        reshet.train(book, sheet="nowhere", **QUICK)


def test_parquet_is_read_by_what_is_there(tmp_path):
    pytest.importorskip("pyarrow")
    frame = houses()
    path = tmp_path / "t.parquet"
    frame.to_parquet(path)
    asked = {"target": "price", "drop": "dear", **QUICK}
    model = reshet.train(path, test=0.2, **asked)
    assert same(model, reshet.train(frame, test=0.2, **asked))
    assert (model.predict(path) == model.predict(frame)).all()
    with pytest.raises(FileNotFoundError):
        reshet.train(tmp_path / "none.parquet", **asked)


def test_parquet_that_cannot_be_read_says_what_to_do(tmp_path, monkeypatch):
    if reshet._reshet.PARQUET:
        pytest.skip("built with Parquet")
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1")

    def nothing(name):
        raise ImportError(name)
    monkeypatch.setattr(reshet._frames.importlib, "import_module", nothing)
    with pytest.raises(ValueError, match="pip install pyarrow"):
        reshet.train(path, target="y")


def test_missing_words_replace_the_usual_ones(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{'NA' if i % 3 == 0 else 'x'},{-999 if i == 7 else i % 5},{i % 7}" for i in range(90)]
    path.write_text("word,number,y\n" + "\n".join(rows))
    usual = reshet.train(path, target="y", task="number", **QUICK)
    assert any('"NA" in 30 cells of word' in line for line in usual.said)
    told = reshet.train(path, target="y", task="number", missing="-999", **QUICK)
    assert any('"-999" in 1 cell of number' in line for line in told.said)
    assert not any('"NA"' in line for line in told.said)


def test_a_training_goes_on_from_a_path(tmp_path):
    frame = houses()
    model = reshet.train(frame, target="price", drop="dear", **QUICK)
    path = tmp_path / "model.safetensors"
    model.save(path)
    more = {"target": "price", "epochs": 2}
    assert same(reshet.train(frame, start=path, **more), reshet.train(frame, start=model, **more),
                reshet.train(frame, start=str(tmp_path), **more))
    with pytest.raises(FileNotFoundError):
        reshet.train(frame, start=tmp_path / "none", **more)
    with pytest.raises(TypeError, match="a reshet.Model or its path"):
        reshet.train(frame, start=3, **more)


def test_rows_of_one_value_stay_together_and_the_latest_are_tested_on():
    r = np.random.default_rng(1)
    patient = r.integers(0, 60, 800)
    frame = pd.DataFrame({
        "patient": [f"P{p}" for p in patient],
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(800), "D"),
        "dose": r.random(800),
        "sick": np.where(patient**2 % 3 == 0, "no", "yes"),
    })
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        by_chance = reshet.train(frame, target="sick")
    assert any('each "patient" have one answer' in str(one.message) for one in told)
    grouped = reshet.train(frame, target="sick", group="patient")
    assert by_chance.tested["accuracy"] > grouped.tested["accuracy"] + 0.1
    assert reshet.train(frame, target="dose", time="day", drop="patient", **QUICK).tested
    with pytest.raises(ValueError, match="group, time"):
        reshet.train(frame, target="sick", group="patient", time="day")
    with pytest.raises(ValueError, match="no column is called"):
        reshet.train(frame, target="sick", group="nobody")


def test_numbers_are_not_in_pieces_where_that_is_better():
    r = np.random.default_rng(4)
    numbers = r.random((1200, 5))
    noisy = numbers.sum(axis=1) + 3 * r.random(1200) > 4
    frame = pd.DataFrame(numbers, columns=list("abcde")).assign(y=np.where(noisy, "yes", "no"))
    plain = reshet.train(frame, target="y")
    assert str(plain.network).startswith("5-")
    assert plain.tested["accuracy"] > 0.6
    pieces = reshet.train(frame, target="y", scaling="piecewise")
    assert str(pieces.network).startswith("85-")


def test_the_better_defaults_are_taken():
    r = np.random.default_rng(2)
    a, b = r.random(700), r.random(700)
    frame = pd.DataFrame({"a": a, "b": b, "y": (4 * a) % 1 + np.sin(9 * a) * np.cos(7 * b)})
    tried = reshet.train(frame, target="y")
    usual = reshet.train(frame, target="y", effort=0)
    assert tried.tested["r2"] > usual.tested["r2"] + 0.02
    low, high = tried.interval(frame).T
    assert np.mean((low <= frame.y) & (frame.y <= high)) > 0.85
    wide = np.diff(tried.interval({"a": 0.3, "b": 0.5}, 0.95))
    assert wide > np.diff(tried.interval({"a": 0.3, "b": 0.5}, 0.5)) > 0
    with pytest.raises(ValueError, match="without samples held back"):
        usual.interval(frame)
    with pytest.raises(ValueError, match="effort"):
        reshet.train(frame, target="y", effort=5)


def test_networks_are_averaged():
    r = np.random.default_rng(3)
    a, b = r.random(300), r.random(300)
    frame = pd.DataFrame({"a": a, "b": b, "y": np.sin(5 * a) + b + 0.3 * r.standard_normal(300)})
    model = reshet.train(frame, target="y", bag=3, epochs=30, hidden=(16,))
    assert "3 networks" in model.said[-1] and model.tested["r2"] > 0.5
    assert "48" in model.network
    low, high = model.interval(frame).T
    assert np.mean((low <= frame.y) & (frame.y <= high)) > 0.8
    same = reshet.train(frame, target="y", bag=3, epochs=30, hidden=(16,), threads=1)
    assert np.array_equal(same.predict(frame), model.predict(frame))
    wide = [reshet.train(frame, target="y", bag=2, epochs=2, net="64:relu-64:relu-1", precision=precision).predict(frame)
            for precision in ("f32", "bf16", "auto")]
    assert not np.array_equal(wide[0], wide[1]) and np.array_equal(wide[0], wide[2])
    with pytest.raises(ValueError, match="at least 2 networks"):
        reshet.train(frame, target="y", bag=1)
    with pytest.raises(ValueError, match="does not go with validation"):
        reshet.train(frame, target="y", bag=3, validation=0.2)
    with pytest.raises(ValueError, match="group and time"):
        reshet.train(frame, target="y", effort=2, time="a")
    with pytest.raises(ValueError, match="not of arrays"):
        reshet.train(frame[["a", "b"]].to_numpy(), b, bag=3)


def test_shapley_values_sum_to_the_answer_and_name_what_counts():
    frame = houses()
    model = reshet.train(frame, target="price", drop=["dear"], hidden=(16,), epochs=40, lr=0.01)
    rows = frame.iloc[:5]
    found = model.shapley(rows, frame)
    # Of a date each part is explained by itself.
    parts = {f"sold {part}" for part in ("days", "year", "month", "weekday")}
    assert set(found.columns) == set(model.columns) - {"sold"} | parts
    assert found.values.shape == found.errors.shape == (5, len(found.columns), 1)
    sums = found.values.sum(axis=(1, 2))
    np.testing.assert_allclose(sums, model.predict(rows) - found.base_values[0], rtol=1e-4, atol=1e-3)
    largest = np.abs(found.values).max(axis=(1, 2))
    assert (found.errors.max(axis=(1, 2)) <= 0.01 * largest).all() and found.permutations.min() >= 400
    by_size = dict(zip(found.columns, np.abs(found.values).mean(axis=(0, 2))))
    assert max(by_size, key=by_size.get) in ("size", "city")
    again = model.shapley(rows, frame)
    assert np.array_equal(again.values, found.values)
    assert not np.array_equal(model.shapley(rows, frame, seed=1).values, found.values)
    with pytest.warns(UserWarning, match="lies far outside"):
        model.shapley(rows.iloc[:1].assign(size=1e9), frame)


def test_shapley_values_of_a_line_are_exact():
    r = np.random.default_rng(0)
    X = r.normal(size=(200, 3)).astype(np.float32)
    model = reshet.train(X, X @ [2.0, -1.0, 0.0], net="3-1", epochs=60, lr=0.05, optimizer="sgd")
    w = model.parameters["0.weight"][0]
    found = model.shapley(X[:4], X[:50])
    expected = w * (X[:4] - X[:50].mean(axis=0))
    # The units of the targets stand between the network and the answer.
    scale = found.values[0, 0, 0] / expected[0, 0]
    np.testing.assert_allclose(found.values[:, :, 0], scale * expected, atol=1e-4)
    assert found.columns == ["input 0", "input 1", "input 2"] and found.permutations.tolist() == [200] * 4


def test_a_test_counts_odd_cells():
    frame = houses()
    model = reshet.train(frame.dropna(), target="price", drop=["dear"], **QUICK)
    with pytest.warns(UserWarning, match="cells are empty in columns that had no gap"):
        model.test(frame)


def test_soft_labels_of_a_frame_and_of_an_array():
    r = np.random.default_rng(0)
    X = r.normal(size=(300, 2)).astype(np.float32)
    logits = np.stack([2 * X[:, 0], 2 * X[:, 1], np.zeros(300)], axis=1)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    frame = pd.DataFrame({"x": X[:, 0], "y": X[:, 1], "a": p[:, 0], "b": p[:, 1], "c": p[:, 2]})
    how = {"epochs": 100, "hidden": (16,), "lr": 0.01}
    model = reshet.train(frame, target=["a", "b", "c"], task="classes", **how)
    assert model.task == "classes" and model.classes.tolist() == ["a", "b", "c"]
    assert np.abs(model.predict_proba(frame) - p).mean() < 0.05
    tested = model.test(frame)
    assert tested["accuracy"] > 0.85
    assert tested["calibration"]["brier"] < 0.02 < tested["calibration"]["brier_baseline"]
    arrays = reshet.train(X, p, task="classes", **how)
    assert np.abs(arrays.predict_proba(X) - p).mean() < 0.05
    assert arrays.test(X, p)["calibration"]["brier"] < 0.02
    with pytest.raises(ValueError, match="sum to"):
        reshet.train(X, p / 2, task="classes", **how)
