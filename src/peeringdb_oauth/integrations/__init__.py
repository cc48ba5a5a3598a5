"""The library in web frameworks and login libraries, one module or package for each;
none of them is imported by anything else here.
"""
