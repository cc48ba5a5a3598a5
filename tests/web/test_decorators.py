"""Arguments of decorators, and the functions that decorators wrap."""

from functools import partial, wraps

import pytest

from peeringdb_oauth.web import enclosed_in, refuse_positional, wrapped_in


def view():
    """A view."""


def with_wraps(function):
    return wraps(function)(in_closure(function))


def in_closure(function):
    def enclosing():
        return function()

    return enclosing


class InAttribute:
    def __init__(self, function):
        self.function = function

    def __call__(self):
        return self.function()


def of_class(function):
    def made():
        """As ``as_view`` makes one."""

    made.view_class = type("View", (), {"get": function})
    return made


def test_arguments_without_a_name_are_refused():
    refuse_positional((), "@pdb.require({})")
    with pytest.raises(TypeError) as caught:
        refuse_positional((view,), "@pdb.require({})")
    assert str(caught.value) == (
        "there are no positional arguments: write @pdb.require(), with parentheses, or"
        ' @pdb.require(asn="asn")'
    )


def test_wraps_shows_what_is_wrapped():
    middle = with_wraps(view)
    outer = with_wraps(middle)
    assert [*wrapped_in(outer)] == [outer, middle, view]
    assert [*wrapped_in(in_closure(view))][1:] == []


@pytest.mark.parametrize(
    "decorator",
    [with_wraps, in_closure, InAttribute, partial, of_class],
    ids=lambda each: each.__name__,
)
def test_every_decorator_shows_what_it_encloses(decorator):
    assert [*enclosed_in(decorator(view))] == [view]
    assert view in enclosed_in(in_closure(decorator(view))) or decorator is InAttribute
    assert view in enclosed_in(decorator(in_closure(view)))


def test_a_variable_without_a_value_encloses_nothing():
    def enclosing():
        return later

    assert [*enclosed_in(enclosing)] == []
    later = view
    assert [*enclosed_in(enclosing)] == [later]


def test_a_function_of_c_encloses_nothing():
    assert [*enclosed_in(len)] == []


def test_functions_that_call_each_other_end():
    def even():
        return odd

    def odd():
        return even

    assert {*enclosed_in(even)} == {even, odd}
