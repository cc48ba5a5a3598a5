"""The library in web frameworks and login libraries, one module or package for each.

Nothing else here imports them.
"""
