"""The settings of a Django project to which each test adds a page."""

SECRET_KEY = "one-page-0123456789abcdef0123456789abcdef"
ALLOWED_HOSTS = ["testserver"]
