"""Tables as the Rust part takes them: a path, or columns whose cells become texts.

Cells are read by the code that reads CSV files, so a DataFrame and the CSV file of the same
texts are one and the same table.
"""

import datetime
import decimal
import enum
import importlib
import numbers
import os
import sys
from collections.abc import Mapping

import numpy as np

from ._reshet import PARQUET, seen


def is_path(X):
    return isinstance(X, (str, os.PathLike))


def is_table(X):
    """Whether X has columns with names: a path, a DataFrame, a mapping, a list of mappings, a
    structured array."""
    if is_path(X) or isinstance(X, Mapping) or _is_pandas(X, "DataFrame") or _is_records(X):
        return True
    if isinstance(X, np.ndarray):
        return X.dtype.names is not None
    if _is_pandas(X, "Series") or _is_polars(X, "Series"):
        # Of Arrow's too, and one column.
        return False
    return hasattr(X, "__arrow_c_stream__") or hasattr(X, "__dataframe__")


def is_row(X):
    """Whether X is one row of a DataFrame."""
    return _is_pandas(X, "Series")


def _is_records(X):
    return isinstance(X, (list, tuple)) and len(X) > 0 and \
        all(isinstance(row, Mapping) for row in X)


def source(X, needed=None):
    """What the Rust part takes: a path, or (names, columns), of `needed` those there are. Parquet is
    read here, unless the Rust part was built to read it."""
    if is_path(X) and (PARQUET or not _is_parquet(X)):
        return os.fspath(X)
    if is_path(X):
        X = _read_parquet(X)
    names, column = _columns(X)
    needed = None if needed is None else [seen(name) for name in needed]
    wanted = [i for i, name in enumerate(names) if needed is None or name in needed]
    if not wanted:
        there = ", ".join(names) or "none"
        raise ValueError(f"DataFrame: none of the columns {', '.join(needed)} is there; there are "
                         f"{there}" if needed else "DataFrame: there are no columns")
    columns = []
    for i in wanted:
        try:
            columns.append(_values(column(i)))
        except (TypeError, ValueError) as error:
            raise type(error)(f'DataFrame: column "{names[i]}": {error}') from None
    lengths = {len(values) for values in columns}
    if len(lengths) > 1:
        told = ", ".join(f"{names[i]}: {len(values)}" for i, values in zip(wanted, columns))
        raise ValueError(f"DataFrame: the columns have different lengths ({told})")
    return [names[i] for i in wanted], columns


def _is_parquet(path):
    return os.fsdecode(path).lower().endswith(".parquet")


def _read_parquet(path):
    """A Parquet file as a frame, by whichever package is there that reads it."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"{os.fsdecode(path)}: no such file")
    for package, function in [("pandas", "read_parquet"), ("polars", "read_parquet"),
                              ("pyarrow.parquet", "read_table")]:
        try:
            return getattr(importlib.import_module(package), function)(path)
        except ImportError:
            # pandas raises it too where it has nothing to read Parquet with.
            continue
    raise ValueError(f"{os.fsdecode(path)}: to read Parquet, install pyarrow or polars: "
                     "pip install pyarrow")


def dialect(tables, sep=None, header=None, encoding=None, sheet=None):
    """How the files among these tables are written, as the Rust part takes it."""
    told = {"sep": sep, "header": header, "encoding": encoding, "sheet": sheet}
    given = next((name for name, value in told.items() if value is not None), None)
    if given is not None and not any(is_path(table) for table in tables):
        raise ValueError(f"{given}: goes with the path of a table's file; a DataFrame has been read")
    if sep is not None:
        if not isinstance(sep, str) or len(sep) != 1 or not sep.isascii() or sep in '"\r\n':
            raise ValueError(f'sep: one character, as ";" or "\\t", not {sep!r}')
        told["sep"] = ord(sep)
    if header is not None and not isinstance(header, (bool, np.bool_)):
        raise ValueError(f"header: True if the first row holds the columns' names, or False, not "
                         f"{header!r}")
    told["header"] = None if header is None else bool(header)
    return told


def name(column):
    """A column's name as a table has it."""
    if isinstance(column, tuple):
        raise ValueError(f"the column's name {column!r} has several levels; join them first: "
                         'df.columns = ["_".join(map(str, levels)) for levels in df.columns]')
    # pandas' NaN for a name that is missing.
    if column is None or column != column:
        return ""
    return seen(str(column))


def names(columns):
    """The names of one column or of several, as a list."""
    if columns is None:
        return []
    several = isinstance(columns, (list, tuple, range, np.ndarray)) or _is_pandas(columns, "Index")
    return [name(column) for column in (columns if several else [columns])]


def column(X, wanted):
    """The values of one column of a frame."""
    all_names, values = _columns(X)
    if wanted not in all_names:
        raise ValueError(f'no column is called "{wanted}"; there are {", ".join(all_names)}')
    return np.asarray(values(all_names.index(wanted)))


def _is_pandas(X, kind):
    return _is_of("pandas", X, kind)


def _is_polars(X, kind):
    return _is_of("polars", X, kind)


def _is_of(package, X, kind):
    """Whether X is of that package's class, which nobody has made before it was imported."""
    package = sys.modules.get(package)
    return package is not None and isinstance(X, getattr(package, kind))


def _columns(X):
    """The columns' names, and a function that gives the column at a place."""
    if is_row(X):
        X = dict(zip(X.index, X))
    if _is_records(X):
        keys = list(dict.fromkeys(key for row in X for key in row))
        return [name(key) for key in keys], lambda i: [row.get(keys[i]) for row in X]
    if isinstance(X, Mapping):
        keys = list(X)
        single = [_is_scalar(value) for value in X.values()]
        if keys and all(single):
            # One row, {"age": 41, "city": "Haifa"}.
            return [name(key) for key in keys], lambda i: [X[keys[i]]]
        return [name(key) for key in keys], lambda i: X[keys[i]]
    if isinstance(X, np.ndarray):
        return [name(field) for field in X.dtype.names], lambda i: X[X.dtype.names[i]]
    if _is_pandas(X, "DataFrame"):
        if getattr(X.columns, "nlevels", 1) > 1:
            name(X.columns[0])
        # By place: two columns may have one name.
        return [name(column) for column in X.columns], lambda i: X.iloc[:, i]
    if _is_polars(X, "DataFrame"):
        return [name(column) for column in X.columns], lambda i: X.to_series(i)
    table = _arrow(X)
    return [name(column) for column in table.column_names], lambda i: table.column(i)


def _arrow(X):
    """Anything that gives its columns away, as a table of pyarrow's."""
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is not None and isinstance(X, pyarrow.Table):
        return X
    try:
        import pyarrow
    except ImportError:
        kind = type(X).__name__
        raise TypeError(f"X: install pyarrow to read a {kind}, or give a DataFrame of pandas or "
                        "polars, or a dict of columns") from None
    if hasattr(X, "__arrow_c_stream__"):
        return pyarrow.table(X)
    from pyarrow.interchange import from_dataframe

    return from_dataframe(X)


def _is_scalar(value):
    # Text has a length too, and is one value.
    return isinstance(value, (str, bytes)) or not hasattr(value, "__len__") and \
        not hasattr(value, "__iter__")


def _values(column):
    """Numbers as an array of float64, float32, int64 or uint64; all else as a list."""
    if _is_pandas(column, "Series"):
        return _of_pandas(column)
    if _is_polars(column, "Series"):
        numeric = column.dtype.is_numeric() and not column.dtype.is_decimal()
        return _of_array(column.to_numpy()) if numeric and not column.null_count() \
            else column.to_list()
    if hasattr(column, "to_pylist"):
        return _of_arrow(column)
    if isinstance(column, np.ndarray):
        return _of_array(column)
    if _is_pandas(column, "Index"):
        return _of_pandas(column.to_series())
    if isinstance(column, Mapping) or not hasattr(column, "__iter__"):
        raise TypeError(f"a column is a list or an array, not a single {type(column).__name__}")
    return list(column)


def _of_pandas(column):
    pandas = sys.modules["pandas"]
    dtype = column.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        words = _values(column.cat.categories.to_series())
        words = words if isinstance(words, list) else words.tolist()
        # The code of a missing value is -1.
        words.append(None)
        return [words[code] for code in column.cat.codes.tolist()]
    kind = getattr(dtype, "kind", "O")
    if kind == "m":
        raise TypeError("durations; give numbers, df[column].dt.total_seconds()")
    if kind == "M":
        # With the time, even if all are midnight: another frame's may not be.
        parts = ".%f" if column.dt.microsecond.fillna(0).any() else ""
        return column.dt.strftime(f"%Y-%m-%d %H:%M:%S{parts}").astype(object).tolist()
    if isinstance(dtype, np.dtype):
        return _of_array(column.to_numpy())
    if isinstance(dtype, pandas.SparseDtype):
        return _of_array(np.asarray(column))
    return column.astype(object).tolist()


def _of_arrow(column):
    import pyarrow.types as types

    number = types.is_integer(column.type) or types.is_floating(column.type)
    if number and not column.null_count:
        return _of_array(column.to_numpy())
    return column.to_pylist()


def _of_array(column):
    if column.ndim != 1:
        raise ValueError(f"a column has one dimension, not {column.ndim}")
    kind, size = column.dtype.kind, column.dtype.itemsize
    if kind == "m":
        raise TypeError("durations; give numbers, in seconds say")
    if kind == "c":
        raise TypeError("complex numbers; give their parts as two columns")
    if kind == "M":
        days = np.datetime_data(column.dtype)[0] in ("Y", "M", "W", "D")
        words = np.datetime_as_string(column.astype("M8[D]" if days else "M8[us]"))
        return [None if word == "NaT" else word for word in words.tolist()]
    if kind == "f" and size in (4, 8):
        return np.ascontiguousarray(column, dtype=f"=f{size}")
    if kind == "f":
        # Of few digits, and to be printed with as few.
        return [None if x != x else str(x) for x in column]
    if kind == "i":
        return np.ascontiguousarray(column, dtype=np.int64)
    if kind == "u":
        return np.ascontiguousarray(column, dtype=np.uint64)
    if kind == "V":
        raise TypeError("structures; a cell holds one number, word, date or nothing")
    return column.tolist()


def text(value):
    """A cell of an uncommon type as a text; None where nothing stands."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, datetime.timedelta):
        raise TypeError("a duration; give a number, in seconds say")
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (datetime.date, datetime.time, numbers.Real, decimal.Decimal, np.generic)):
        return _known(value)
    if isinstance(value, enum.Enum):
        return str(value.value)
    if hasattr(value, "__len__") or hasattr(value, "__iter__"):
        kind = type(value).__name__
        raise TypeError(f"a {kind}; a cell holds one number, word, date or nothing")
    pandas = sys.modules.get("pandas")
    if pandas is not None and value is pandas.NA:
        return None
    return _known(value)


def _known(value):
    kind = type(value)
    if kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__:
        raise TypeError(f"a {kind.__name__}, which says nothing as a text; give a word or a number")
    # Unlike all else, NaN and NaT are not what they are.
    if value != value:
        return None
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    return str(value)
