"""What error reports print of an error."""

import traceback


def everything_about(error):
    """What error reports print: tracebacks, and each error's repr and attributes."""
    said = "".join(traceback.format_exception(error))
    while error is not None:
        said += repr(error) + repr(error.args) + repr(vars(error))
        error = error.__cause__ or error.__context__
    return said
