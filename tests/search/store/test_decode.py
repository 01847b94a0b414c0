"""Kinds of columns: many values at once are held to what each is held to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.store import decode
from search.store.decode import Kind, one_of

KINDS = {
    **{name: kind for name, kind in vars(decode).items() if isinstance(kind, Kind)},
    "of two": one_of("seed", "1"),
    "or nothing": decode.COUNT | decode.NOTHING,
    "or empty": decode.DIGEST | decode.EMPTY,
    "of three": decode.TEXT | decode.NUMBER | decode.NOTHING,
}

VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from([2**53 - 1, 2**53, -(2**53), 10**30, 253_402_300_800]),
    st.floats(),
    st.sampled_from(["", "seed", "1", "0" * 32, "f" * 31, "F" * 32, "g" + "0" * 31]),
    st.sampled_from([b"", b"0" * 16, b"0" * 15]),
)


@pytest.mark.parametrize("name", list(KINDS))
@given(data=st.data())
def test_many_values_fit_if_each_does(name: str, data: st.DataObject) -> None:
    kind = KINDS[name]
    fitting = VALUES.filter(kind.fits)
    values = data.draw(st.lists(fitting, max_size=4) | st.lists(VALUES, max_size=4))
    assert kind.all_fit(values) == all(map(kind.fits, values))
